"""Moves that may not begin, and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.host import disk
from aemo_ops.host.disk import Volume
from aemo_ops.migrate.places import Judged, judge

GB = 10**9


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


def on(target: Path, **changes: object) -> Callable[[Path], Volume]:
    """The real volumes, but the target's is another."""

    def volume(path: Path) -> Volume:
        found = replace(disk.volume(path), free=100 * GB, device=1)
        return replace(found, device=2, **changes) if path == target else found  # type: ignore[arg-type]

    return volume


def judged(source: Path, target: Path, **changes: object) -> Judged:
    return judge(source, target, [GB, 3 * GB], on(target, **changes))


def test_a_folder_apart_on_another_disk_with_room_is_all_right(source: Path, tmp_path: Path) -> None:
    for target in (tmp_path / "new", tmp_path / "not" / "there" / "yet"):
        found = judged(source, target)
        assert (found.blocks, found.warns) == ((), ()) and found.needed == 10 * GB


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"free": 10 * GB - 1}, "has 9,999,999,999 bytes free, the move needs 10,000,000,000"),
        ({"inodes": 10}, "room for 10 more files"),
        ({"read_only": True}, "for reading only"),
        ({"kind": "nfs4"}, "network disk (nfs4)"),
        ({"kind": "smbfs"}, "network disk (smbfs)"),
    ],
)
def test_a_disk_that_will_not_do_blocks(source: Path, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    (found,) = judged(source, tmp_path / "new", **changes).blocks
    assert words in found


def test_a_disk_with_just_enough_room_will_do(source: Path, tmp_path: Path) -> None:
    assert judged(source, tmp_path / "new", free=10 * GB, inodes=None).blocks == ()


def test_a_disk_that_can_be_pulled_out_and_the_same_disk_are_told(source: Path, tmp_path: Path) -> None:
    assert "pulled out" in judged(source, tmp_path / "new", mount=Path("/Volumes/SSD")).warns[0]
    assert "on the same disk" in judge(source, tmp_path / "new", [1]).warns[0]


def test_folders_that_do_not_lie_apart_block(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    for target, words in (
        (source, "itself"),
        (tmp_path / "link", "itself"),
        (source / ".." / "old", "itself"),
        (source / "data", "lies inside"),
        (tmp_path / "link" / "new", "lies inside"),
        (tmp_path, "lies inside"),
    ):
        assert any(words in block for block in judge(source, target, [1]).blocks), target


def test_a_cloud_s_folder_a_file_and_links_to_nothing_block(source: Path, tmp_path: Path) -> None:
    (tmp_path / "Dropbox").mkdir()
    assert "in Dropbox" in judge(source, tmp_path / "Dropbox" / "data", [1]).blocks[0]
    (tmp_path / "file").write_text("x")
    assert "is a file" in judge(source, tmp_path / "file", [1]).blocks[0]
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert "link to a folder that does not exist" in judge(source, tmp_path / "nowhere", [1]).blocks[0]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "itself" in judge(source, tmp_path / "loop" / "x", [1]).blocks[0]
    assert "no folder" in judge(tmp_path / "none", tmp_path / "new", [1]).blocks[0]


def test_a_folder_that_this_user_may_not_write_blocks(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, how: False)
    assert "cannot be written by this user" in judge(source, tmp_path / "new", [1]).blocks[0]
