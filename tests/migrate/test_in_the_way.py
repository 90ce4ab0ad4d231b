"""What is no file to copy, or stands under the name of the copy, is refused and stays as it is."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aemo_ops import files
from aemo_ops.errors import StepRefused, StoreError, WriterActive
from aemo_ops.migrate.copy import copy_verified
from aemo_ops.ops.jobs import Progress
from tests.migrate.copying import CONTENT, acting, copied, quiet, rewrite


def test_other_bytes_of_the_same_size_and_time_are_refused(source: Path, target: Path) -> None:
    target.write_bytes(CONTENT[::-1])
    os.utime(target, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    with pytest.raises(StepRefused, match="holds other bytes"):
        copied(source, target)
    assert target.read_bytes() == CONTENT[::-1] and source.read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_unread(source: Path, target: Path) -> None:
    target.write_bytes(CONTENT[:-1])
    told: list[str] = []
    with pytest.raises(StepRefused, match="holds other bytes"):
        copied(source, target, Progress(lambda _done, _total, text: told.append(text)))
    assert told == ["opening gen_info.pkl"]


def test_the_same_bytes_are_verified_without_writing(source: Path, target: Path) -> None:
    first = copied(source, target)
    before = target.stat()
    assert copied(source, target) == first
    after = target.stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )
    assert list(target.parent.iterdir()) == [target]


def test_a_source_rewritten_with_its_old_size_and_time_is_told_from_its_copy(source: Path, target: Path) -> None:
    copied(source, target)
    then = source.stat()
    source.write_bytes(CONTENT[::-1])
    os.utime(source, ns=(then.st_atime_ns, then.st_mtime_ns))
    with pytest.raises(StepRefused, match="holds other bytes"):
        copied(source, target)
    assert target.read_bytes() == CONTENT


def test_a_copy_that_is_there_is_flushed_before_it_is_trusted(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wrote it may have been cut off before."""
    target.write_bytes(CONTENT)
    flushed: list[Path | int] = []
    monkeypatch.setattr(files, "flush", lambda fd: flushed.append(os.fstat(fd).st_ino))
    monkeypatch.setattr(files, "flush_folder", flushed.append)
    copied(source, target)
    assert flushed == [target.stat().st_ino, target.parent]


def test_a_source_that_changes_last_of_all_is_noticed(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", len(CONTENT))
    copied(source, target)
    monkeypatch.setattr(files, "failpoint", lambda name: name == "copy.verifying" and rewrite(source))
    with pytest.raises(WriterActive):
        copied(source, target)


@pytest.mark.parametrize("half", ["comparing", "verifying"])
def test_a_source_that_changes_while_it_is_compared_is_noticed(source: Path, target: Path, half: str) -> None:
    copied(source, target)
    with pytest.raises(WriterActive):
        copied(source, target, acting(lambda: rewrite(source), half))


def _absent(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _link_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _link_to_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


NO_FILES = {
    _absent: "it does not exist",
    _folder: "it is a folder",
    _pipe: "neither a file nor a link to one",
    _dangling_link: "a link to a file that does not exist",
    _link_loop: "a link that leads to itself",
    _link_to_a_pipe: "neither a file nor a link to one",
}


@pytest.mark.parametrize(("make", "said"), NO_FILES.items())
def test_what_is_no_file_is_refused_at_once_with_the_reason(
    source: Path, target: Path, make: Callable[[Path], None], said: str
) -> None:
    make(source)
    with pytest.raises(StepRefused, match=f"{source} cannot be copied: .*{said}"):
        copy_verified(source, target, quiet())
    assert list(target.parent.iterdir()) == []


def test_a_pipe_is_not_even_opened(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits to write to it would be let go on, and lose what it writes."""
    _pipe(source)
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(StepRefused):
        copied(source, target)


@pytest.mark.parametrize(("code", "hint"), [(errno.EACCES, "right to read"), (errno.EPERM, "full disk access")])
def test_a_source_that_we_may_not_read_is_said_so_with_what_to_do(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, code: int, hint: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StepRefused, match=hint):
        copied(source, target)


@pytest.mark.parametrize("make", [_folder, _pipe, _dangling_link, _link_loop, _link_to_a_pipe])
def test_a_name_that_is_taken_by_no_file_is_refused(source: Path, target: Path, make: Callable[[Path], None]) -> None:
    target.touch()
    make(target)
    before = sorted(target.parent.iterdir())
    with pytest.raises(StepRefused, match=f"{target} cannot be written"):
        copied(source, target)
    assert sorted(target.parent.iterdir()) == before


@pytest.mark.parametrize("name", ["gen_info.pkl", ".gen_info.pkl.partial"])
def test_nothing_is_ever_written_through_a_link(source: Path, target: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"somebody's")
    target.with_name(name).symlink_to(victim)
    if name == target.name:
        with pytest.raises(StepRefused, match="nothing is written through links"):
            copied(source, target)
    else:
        copied(source, target)
    assert victim.read_bytes() == b"somebody's"


def test_a_copy_that_turns_into_a_link_is_not_followed(source: Path, target: Path, tmp_path: Path) -> None:
    copied(source, target)

    def turn() -> None:
        target.rename(tmp_path / "elsewhere")
        target.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError):
        copied(source, target, Progress(lambda _done, _total, text: turn() if text.startswith("opening") else None))


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_file_is_not_copied_onto_itself(source: Path, target: Path, link: Callable[[Path, Path], None]) -> None:
    link(source, target)
    with pytest.raises(StepRefused):
        copied(source, target)
    with pytest.raises(StepRefused, match="itself"):
        copied(source, source)
    assert source.read_bytes() == CONTENT


def test_a_folder_that_is_absent_is_not_made(source: Path, target: Path) -> None:
    with pytest.raises(StepRefused, match="its folder does not exist"):
        copied(source, target.parent / "absent" / "file")
    assert list(target.parent.iterdir()) == []


def test_a_name_that_somebody_takes_during_the_copy_is_left_to_them(source: Path, target: Path) -> None:
    with pytest.raises(StepRefused, match="another program wrote there"):
        copied(source, target, acting(lambda: target.write_bytes(b"theirs")))
    assert list(target.parent.iterdir()) == [target] and target.read_bytes() == b"theirs"


def test_a_copy_that_another_copier_begins_anew_does_not_get_its_name(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are not those that were verified."""

    def begin_anew(name: str) -> None:
        if name == "copy.before_replace":
            (partial,) = target.parent.iterdir()
            other = partial.with_name("other")
            other.write_bytes(b"half")
            other.replace(partial)

    monkeypatch.setattr(files, "failpoint", begin_anew)
    with pytest.raises(StepRefused, match="another program wrote there"):
        copied(source, target)
    assert not target.exists()
