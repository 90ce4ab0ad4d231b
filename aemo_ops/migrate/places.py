"""Whether files may be moved from one folder to another at all: before anything is made or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.errors import StepRefused
from aemo_ops.host import disk
from aemo_ops.host.disk import Place, Volume

_INODES = 200  # files of ours, their locks, the journal, backups of a week: and some
_SPARE = 2  # times the largest file: a copy under way, and the normal form beside it


@dataclass(frozen=True)
class Judged:
    """`blocks`: why it may not begin. `warns`: what to know before it does. Both in words, with what to do."""

    blocks: tuple[str, ...]
    warns: tuple[str, ...]
    needed: int
    free: int


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
