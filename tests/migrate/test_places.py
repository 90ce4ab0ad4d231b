"""Moves that may not begin, and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.host import disk
from aemo_ops.host.disk import Volume
from aemo_ops.migrate import places
from aemo_ops.migrate.places import Judged, Ours, judge, used

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
    (tmp_path / "there").mkdir()
    for target in (tmp_path / "new", tmp_path / "there"):
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


def test_a_target_below_a_folder_that_does_not_exist_blocks_and_says_which(source: Path, tmp_path: Path) -> None:
    """As /Volumes/SSD while the disk is not plugged in: root could make it all, on the wrong disk."""
    (found,) = judged(source, tmp_path / "SSD" / "aemo" / "production").blocks
    assert found.startswith(f"{tmp_path / 'SSD'} does not exist") and "plug its disk in" in found
    assert not (tmp_path / "SSD").exists()


def test_a_folder_that_an_unplugged_disk_left_behind_is_no_disk(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_MOUNTS", (tmp_path / "Volumes",))
    disk_ = tmp_path / "Volumes" / "SSD"
    disk_.mkdir(parents=True)
    (found,) = judged(source, disk_ / "aemo").blocks
    assert f"{disk_} is an ordinary folder" in found and "plug the disk in" in found
    assert judged(source, disk_ / "aemo", mount=disk_).blocks == ()
    (tmp_path / "Volumes" / "Macintosh HD").symlink_to("/")
    assert judged(source, tmp_path / "Volumes" / "Macintosh HD" / tmp_path.relative_to("/") / "new").blocks == ()


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("app/data", "is {app}/data, which this app collects into"),
        ("link", "is {app}/data, which this app collects into"),
        ("app/data/moved", "lies inside {app}/data, which this app collects into"),
        ("", "holds {app}/data, which this app collects into"),
        ("app/home", "is {app}/home, where this app keeps its own state"),
        ("app/home/moved", "lies inside {app}/home, where this app keeps its own state"),
        ("demo/new", "is in {demo}, the folder of a demo"),
        ("app/other", ""),
        ("apart", ""),
    ],
)
def test_where_this_app_has_folders_of_its_own_nothing_is_moved_to(tmp_path: Path, base: str, words: str) -> None:
    app, demo = tmp_path / "app", tmp_path / "demo"
    for folder in (app / "data", app / "home", demo / "home"):
        folder.mkdir(parents=True)
    (demo / "clock.json").touch()
    (tmp_path / "link").symlink_to(app / "data")
    target = tmp_path / base
    found = used(target, _folders(target), Ours(app / "data", app / "home"))
    assert [words.format(app=app, demo=demo) in one for one in found] == ([True] if words else [])
    assert all("choose a folder apart from it" in one for one in found)


def test_a_place_that_holds_the_app_s_state_is_refused_and_the_folder_that_it_collects_into_may_be_the_new_one(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    for folder in _folders(base):
        folder.mkdir(parents=True)
    (found,) = used(base, _folders(base), Ours(tmp_path / "apart", base / "backup" / "home"))
    assert f"{base / 'backup'} holds {base / 'backup' / 'home'}, where this app keeps its own state" in found
    assert used(base, _folders(base), Ours(base / "data", tmp_path / "home")) == []
    assert used(base, _folders(base), Ours(tmp_path / "apart", base / "state")) == []


def _folders(base: Path) -> tuple[Path, ...]:
    return base / "data", base / "logs", base / "backup"
