"""Where a path stands, by folders and links that are there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host import disk
from aemo_ops.host.disk import Place


def test_a_volume_tells_its_room_and_a_path_that_is_not_there_yet_is_where_it_would_be(tmp_path: Path) -> None:
    here, coming = disk.volume(tmp_path), disk.volume(tmp_path / "not" / "yet")
    told = shutil.disk_usage(tmp_path)
    assert here.device == coming.device == tmp_path.stat().st_dev
    assert here.mount.is_mount() and tmp_path.resolve().is_relative_to(here.mount)
    assert here.total == told.total and abs(here.free - told.free) < 1e9
    assert not here.network and not here.read_only and here.kind


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="no second volume")
def test_another_volume_is_told_apart(tmp_path: Path) -> None:
    other = disk.volume(Path("/dev/shm/new"))
    assert other.device != disk.volume(tmp_path).device and other.kind == "tmpfs"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/mac/Library/Mobile Documents/com~apple~CloudDocs/x", "iCloud Drive"),
        ("/mac/Dropbox/x", "Dropbox"),
        ("/mac/Dropbox (Work)/x", "Dropbox"),
        ("/mac/OneDrive - Firm/x", "OneDrive"),
        ("/mac/Library/CloudStorage/GoogleDrive-a/x", "Google Drive"),
        ("/mac/Library/CloudStorage/Box-Box/x", "a cloud service"),
        ("/mac/dropboxes/x", ""),
        ("/Volumes/SSD/aemo", ""),
    ],
)
def test_a_cloud_s_folder_is_known_by_its_name(path: str, service: str) -> None:
    assert disk.cloud(Path(path)) == service


def test_a_cloud_s_folder_is_known_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "Dropbox")
    assert disk.cloud(tmp_path / "data" / "new") == "Dropbox"


def test_folders_apart_inside_around_and_the_same(tmp_path: Path) -> None:
    a, b, inside = tmp_path / "a", tmp_path / "b", tmp_path / "a" / "x" / "y"
    a.mkdir()
    b.mkdir()
    (tmp_path / "link").symlink_to(a)
    assert disk.relation(a, b) is Place.APART
    assert disk.relation(tmp_path / "ab", a) is Place.APART  # only the beginning of the name is alike
    assert disk.relation(inside, a) is Place.INSIDE and disk.relation(a, inside) is Place.AROUND
    for same in (a, tmp_path / "link", tmp_path / "b" / ".." / "a", tmp_path / "link" / "."):
        assert disk.relation(same, a) is Place.SAME
    assert disk.relation(tmp_path / "link" / "new", a) is Place.INSIDE
    assert disk.relation(tmp_path / "none", tmp_path / "none") is Place.SAME


def test_a_hard_link_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("x")
    os.link(tmp_path / "one", tmp_path / "two")
    assert disk.relation(tmp_path / "one", tmp_path / "two") is Place.SAME


def test_links_that_lead_to_themselves_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").mkdir()
    with pytest.raises(StepRefused, match="itself"):
        disk.relation(tmp_path / "a" / "x", tmp_path / "c")
