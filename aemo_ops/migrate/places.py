"""Whether files may be moved from one folder to another at all: before anything is made or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from aemo_ops.errors import StepRefused
from aemo_ops.host import disk
from aemo_ops.host.disk import Place, Volume

_INODES = 200  # files of ours, their locks, the journal, backups of a week: and some
_SPARE = 2  # times the largest file: a copy under way, and the normal form beside it
_MOUNTS = (Path("/Volumes"),)  # where a Mac shows each disk as a folder


@dataclass(frozen=True)
class Judged:
    """`blocks`: why it may not begin. `warns`: what to know before it does. Both in words, with what to do."""

    blocks: tuple[str, ...]
    warns: tuple[str, ...]
    needed: int
    free: int


@dataclass(frozen=True)
class Ours:
    """The folders that this app uses already: where it `collects`, its `home`; `demo`: whether it is the demo itself."""

    collects: Path
    home: Path
    demo: bool = False


def judge(source: Path, target: Path, sizes: Sequence[int], volume: Callable[[Path], Volume] = disk.volume) -> Judged:
    """Judge a move of files of these sizes, in bytes. Reads attributes only."""
    needed = sum(sizes) + _SPARE * max(sizes, default=0)
    blocks: list[str] = []
    warns: list[str] = []
    try:
        blocks += _lie_apart(source, target)
        room = volume(target)
    except StepRefused as error:
        return Judged((str(error),), (), needed, 0)
    blocks += _writable(target)
    blocks += _mounted(target, room)
    blocks += _on_volume(target, room, needed)
    if service := disk.cloud(target):
        blocks.append(
            f"{target} is in {service}, which takes files away and puts copies beside them: choose a local folder"
        )
    if room.removable:
        warns.append(f"{target} is on a disk that can be pulled out ({room.mount}): it must stay plugged in")
    if source.exists() and volume(source).device == room.device:
        warns.append(f"{source} and {target} are on the same disk: a fault of that disk takes both")
    return Judged(tuple(blocks), tuple(warns), needed, room.free)


def used(base: Path, folders: Sequence[Path], ours: Ours) -> list[str]:
    """Why the new place, `folders` below `base`, cannot be made where this app has folders of its own. Raises StepRefused.

    That it collects into the very folder that the files go to is no reason: whatever lies in there is told elsewhere.
    """
    found = []
    what = f"{ours.collects}, which this app collects into"
    if disk.relation(folders[0], ours.collects) is not Place.SAME:
        found += _overlap(base, ours.collects, what, (Place.SAME, Place.INSIDE, Place.AROUND))
    what = f"{ours.home}, where this app keeps its own state (AEMO_OPS_HOME)"
    found += _overlap(base, ours.home, what, (Place.SAME, Place.INSIDE))
    for folder in folders:
        found += _overlap(folder, ours.home, what, (Place.SAME, Place.AROUND))
    if not ours.demo and (demo := next((one for one in base.parents if _is_demo(one)), None)):
        found.append(
            f"{base} is in {demo}, the folder of a demo, which `aemo-ops demo --fresh` empties: choose a folder apart from it"
        )
    return list(dict.fromkeys(found))


def _is_demo(folder: Path) -> bool:
    return (folder / "clock.json").is_file() and (folder / "home").is_dir()


def _overlap(target: Path, other: Path, what: str, bad: Sequence[Place]) -> list[str]:
    place = disk.relation(target, other)
    words = {
        Place.SAME: f"{target} is {what}",
        Place.INSIDE: f"{target} lies inside {what}",
        Place.AROUND: f"{target} holds {what}",
    }
    return [f"{words[place]}: choose a folder apart from it"] if place in bad else []


def _mounted(target: Path, room: Volume) -> list[str]:
    """A path of a disk that is not there: root, at the least, would silently make it on the disk of the system."""
    way = [target, *target.parents]
    if not target.parent.exists():
        first = next(path for path, above in pairwise(way) if above.exists())
        return [
            f"{first} does not exist, and the move makes only the last folder of {target}: plug its disk in, correct the path, "
            "or make that folder"
        ]
    for path, above in pairwise(way):
        if above in _MOUNTS and not path.is_symlink() and not room.mount.is_relative_to(path.resolve()):
            return [
                f"{path} is an ordinary folder of {room.mount}, not a disk: plug the disk in, and remove that folder if the disk "
                "then shows under another name"
            ]
    return []


def _lie_apart(source: Path, target: Path) -> list[str]:
    if not source.is_dir():
        return [f"{source} is no folder"]
    place = disk.relation(target, source)
    words = {
        Place.SAME: f"{target} is {source} itself, by this or another name",
        Place.INSIDE: f"{target} lies inside {source}",
        Place.AROUND: f"{source} lies inside {target}",
    }
    return [f"{words[place]}: choose a folder apart from it"] if place is not Place.APART else []


def _writable(target: Path) -> list[str]:
    if target.is_symlink() and not target.exists():
        return [f"{target} is a link to a folder that does not exist"]
    if target.exists() and not target.is_dir():
        return [f"{target} is a file: choose a folder"]
    there = disk.nearest(target)
    if not os.access(there, os.W_OK | os.X_OK):
        return [f"{there} cannot be written by this user: give it the right, or choose another folder"]
    return []


def _on_volume(target: Path, room: Volume, needed: int) -> list[str]:
    found = []
    if room.read_only:
        found.append(f"the disk of {target} ({room.mount}) is mounted for reading only")
    if room.network:
        found.append(
            f"{target} is on a network disk ({room.kind}), which promises nothing that is written: choose a local one"
        )
    if needed > room.free:
        found.append(
            f"the disk of {target} has {room.free:,} bytes free, the move needs {needed:,} (all files, and twice the largest)"
        )
    if room.inodes is not None and room.inodes < _INODES:
        found.append(f"the disk of {target} has room for {room.inodes:,} more files, the move needs {_INODES}")
    return found
