"""What a path stands on: the volume and its room, links on the way, a cloud service's tree, one folder inside another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from aemo_ops.errors import StepRefused

_NETWORK = ("nfs", "cifs", "smb", "afp", "webdav", "fuse.sshfs", "9p", "ftp")
# A part of a path that a service's folder has, in lower case -> the service. iCloud Drive is ~/Library/Mobile Documents;
# others put theirs below ~/Library/CloudStorage on a Mac.
_CLOUDS = {
    "mobile documents": "iCloud Drive",
    "com~apple~clouddocs": "iCloud Drive",
    "dropbox": "Dropbox",
    "onedrive": "OneDrive",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
}
_STORAGE = "cloudstorage"
_REMOVABLE = ("/media/", "/run/media/")


class Place(StrEnum):
    """How one path lies to another."""

    APART = "apart"
    SAME = "the same"
    INSIDE = "inside it"
    AROUND = "around it"


@dataclass(frozen=True)
class Volume:
    """A mounted file system. `device` is the system's number of it; room in bytes, `inodes` free (None: no fixed number)."""

    mount: Path
    kind: str
    device: int
    free: int
    total: int
    inodes: int | None
    read_only: bool

    @property
    def network(self) -> bool:
        return self.kind.startswith(_NETWORK)

    @property
    def removable(self) -> bool:
        """Whether it may be pulled out. On a Mac every disk but the built-in one is below /Volumes."""
        return str(self.mount).startswith((*_REMOVABLE, "/Volumes/"))


def volume(path: Path) -> Volume:
    """The volume of a path, or where it would be made. Raises StepRefused where nothing of it can be looked at."""
    there = nearest(path)
    try:
        status, room = there.stat(), os.statvfs(there)
    except OSError as error:
        raise StepRefused(f"{path} cannot be looked at: {error.strerror}") from error
    mount = there.resolve()
    while not mount.is_mount():
        mount = mount.parent
    kinds = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    inodes = room.f_favail if room.f_files else None
    return Volume(
        mount, kinds.get(str(mount), ""), status.st_dev, free, total, inodes, bool(room.f_flag & os.ST_RDONLY)
    )


def nearest(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    there = path.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there


def cloud(path: Path) -> str:
    """The service that keeps a copy of what is there, by the name of a folder on the way; empty where none is known."""
    for place in (path.absolute(), nearest(path).resolve() / path.absolute().relative_to(nearest(path))):
        parts = [part.lower() for part in place.parts]
        for part in parts:
            for name, service in _CLOUDS.items():
                if part == name or part.startswith((f"{name} ", f"{name}-", f"{name}(")):
                    return service
        if _STORAGE in parts:
            return "a cloud service"
    return ""


def relation(one: Path, other: Path) -> Place:
    """How `one` lies to `other`, through links, letters' case and `..`: by what the system holds to be the same folder."""
    if _same(one, other):
        return Place.SAME
    if any(_same(above, other) for above in _above(one)):
        return Place.INSIDE
    if any(_same(above, one) for above in _above(other)):
        return Place.AROUND
    return Place.APART


def _above(path: Path) -> Iterator[Path]:
    return iter(_whole(path).parents)


def _whole(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise StepRefused(f"{path} leads to itself through links") from error


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return _whole(one) == _whole(other)
