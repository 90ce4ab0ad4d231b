"""A source that is written to while it is copied is noticed, tried again, and given up."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aemo_ops import files
from aemo_ops.errors import WriterActive
from aemo_ops.migrate.copy import copy_verified
from tests.migrate.copying import CHUNK, CONTENT, HALVES, acting, copied, rewrite
from tests.waiting import until


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _shrink(path: Path) -> None:
    os.truncate(path, CHUNK * 8)


def _shrink_below_what_was_read(path: Path) -> None:
    os.truncate(path, 10)


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(CONTENT[::-1])
    other.replace(path)


def _rewrite_and_set_the_time_back(path: Path) -> None:
    then = path.stat()

    def later() -> bool:
        rewrite(path)
        os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
        return path.stat().st_ctime_ns != then.st_ctime_ns

    until(later, "the system's clock for files ticks")


CHANGES = {
    _grow: "grew by 4 bytes",
    _shrink: "shrank by 2,017 bytes",
    _shrink_below_what_was_read: "shrank",
    _replace: "another file took its place",
    rewrite: "was written to",
    _rewrite_and_set_the_time_back: "was written to",
    Path.unlink: "went away",
}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(("change", "said"), CHANGES.items())
def test_a_source_that_changes_meanwhile_is_noticed_and_nothing_is_kept(
    source: Path, target: Path, change: Callable[[Path], object], said: str, half: str
) -> None:
    with pytest.raises(WriterActive, match=f"writer active: .*{said}"):
        copied(source, target, acting(lambda: change(source), half))
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("change", [_grow, _shrink, _replace, rewrite, _rewrite_and_set_the_time_back])
def test_a_source_that_changes_once_is_copied_as_it_became(
    source: Path, target: Path, change: Callable[[Path], object], half: str
) -> None:
    proof = copy_verified(source, target, acting(lambda: change(source), half), (0, 0))
    assert target.read_bytes() == source.read_bytes() != CONTENT
    assert proof.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_source_that_never_rests_is_given_up_after_a_bounded_number_of_tries(source: Path, target: Path) -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        _grow(source)

    with pytest.raises(WriterActive, match="find the program that writes"):
        copy_verified(source, target, acting(write, times=100), (0, 0, 0))
    assert len(tries) == 4
    assert list(target.parent.iterdir()) == []


def test_a_source_that_is_replaced_just_before_the_copy_gets_its_name_is_noticed(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "failpoint", lambda name: name == "copy.before_replace" and _replace(source))
    with pytest.raises(WriterActive):
        copied(source, target)
    assert list(target.parent.iterdir()) == []


def test_the_link_is_turned_to_another_file_meanwhile(source: Path, target: Path, tmp_path: Path) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    other.write_bytes(CONTENT)
    link.symlink_to(source)

    def turn() -> None:
        link.unlink()
        link.symlink_to(other)

    with pytest.raises(WriterActive, match="another file took its place"):
        copied(link, target, acting(turn))
