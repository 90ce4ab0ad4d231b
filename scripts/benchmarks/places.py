"""Where it is measured: the ordinary filesystem, and a reflink one on a loop-mounted image where we may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import filesystem

GIGABYTE = 1 << 30
FICLONE = 0x40049409


@dataclass(frozen=True)
class Place:
    """A folder to work in; `refused` says why there is none. `clones`: whether its filesystem has reflinks."""

    name: str
    folder: Path
    kind: str = ""
    clones: bool = False
    refused: str = ""

    @property
    def label(self) -> str:
        return f"{self.name} ({self.kind}{', clones' if self.clones else ''})" if self.kind else self.name


def ordinary(folder: Path) -> Place:
    inside = folder / "ordinary"
    inside.mkdir()
    return Place("ordinary", inside, filesystem(inside), _clones(inside))


@contextmanager
def reflink(folder: Path, size: int) -> Iterator[Place]:
    """An XFS with reflinks on a sparse image of `size` bytes in `folder`; unmounted and removed in every case."""
    image, point = folder / "reflink.img", folder / "reflink"
    point.mkdir()
    refused = _mounted(image, point, size)
    try:
        if refused:
            yield Place("reflink", point, refused=refused)
        elif not _clones(point):
            yield Place("reflink", point, refused="the mounted filesystem does not clone")
        else:
            yield Place("reflink", point, filesystem(point), clones=True)
    finally:
        if not refused and _failure("umount", str(point)):
            _failure("umount", "-l", str(point))  # somebody still looks at it; it goes when they stop
        image.unlink(missing_ok=True)
        shutil.rmtree(point, ignore_errors=True)


def _mounted(image: Path, point: Path, size: int) -> str:
    """Why the mount failed, empty when it stands."""
    with image.open("wb") as file:
        file.truncate(max(size, GIGABYTE))
    return _failure("mkfs.xfs", "-q", "-m", "reflink=1", str(image)) or _failure("mount", "-o", "loop", image, point)


def _failure(*command: str | Path) -> str:
    """Why a command failed, empty when it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    said = " ".join((done.stderr or done.stdout).split())
    return f"{command[0]} was refused ({said or done.returncode})" if done.returncode else ""


def _clones(folder: Path) -> bool:
    """Whether a file in `folder` can be cloned: FICLONE on Linux, clonefile by `cp -c` on macOS."""
    source, copy = folder / "clone.from", folder / "clone.to"
    source.write_bytes(os.urandom(1 << 16))
    try:
        return _cloned(source, copy)
    finally:
        source.unlink()
        copy.unlink(missing_ok=True)


def _cloned(source: Path, copy: Path) -> bool:
    if os.uname().sysname == "Darwin":
        return not _failure("cp", "-c", source, copy)
    import fcntl

    try:
        with source.open("rb") as old, copy.open("wb") as new:
            fcntl.ioctl(new.fileno(), FICLONE, old.fileno())
    except OSError:
        return False
    return True
