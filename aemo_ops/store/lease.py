"""Leases: one engine per home, one writer per data folder; and the adoption of a folder."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

import filelock
import psutil

from aemo_ops.errors import FolderRefused, LeaseHeld
from aemo_ops.files import explained, make_private_folder, publish

FOLDER_LOCK = ".aemo-ops.lock"
ADOPTION = ".aemo-ops.json"


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: process id and its start time in seconds since 1970 (a pid alone may be reused)."""

    pid: int
    started: float
    what: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.what})"

    @property
    def alive(self) -> bool:
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1.0
        except psutil.Error:
            return False


class Lease:
    """An exclusive lock on a file that is never deleted; the holder is written inside. A killed holder's lease is free."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        self._lock = filelock.FileLock(path, timeout=0, thread_local=False)
        self._inode: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it still: somebody may have deleted the file, and a new one be locked by another."""
        if self._inode is None:
            return False
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def take(self) -> None:
        """Take the lease; nothing when it is ours already. Raises LeaseHeld naming the holder."""
        if self.held:
            return
        self.release()
        with explained(self.path):
            make_private_folder(self.path.parent)
            try:
                self._lock.acquire()
            except filelock.Timeout as error:
                holder = self.holder()
                raise LeaseHeld(f"{holder or 'another program'} holds {self.path}") from error
            me = psutil.Process()
            inside = json.dumps({"pid": me.pid, "started": me.create_time(), "what": self._what})
            # Written in place: replacing the file would give it another inode, and the lock is on the inode.
            self.path.write_text(inside)
            self._inode = self.path.stat().st_ino

    def release(self) -> None:
        self._inode = None
        self._lock.release(force=True)

    def other(self) -> Holder | None:
        """Which other process holds it now, None where none does or we do: the lock itself is tried."""
        if self.held or not self.path.exists():
            return None
        probe = filelock.FileLock(self.path, timeout=0, thread_local=False)
        try:
            with probe:
                return None
        except filelock.Timeout:
            return self.holder()

    def holder(self) -> Holder | None:
        """Who wrote itself in last, if that process lives; see `other`."""
        try:
            told = json.loads(self.path.read_text())
            holder = Holder(int(told["pid"]), float(told["started"]), str(told["what"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return holder if holder.alive else None


def adopted(folder: Path) -> str | None:
    """The id of an adopted folder; None when we may not write there."""
    try:
        return str(json.loads((folder / ADOPTION).read_text())["id"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderRefused(
            f"{folder / ADOPTION} cannot be read ({error}); remove it and adopt the folder anew."
        ) from error


def adopt(folder: Path) -> str:
    """Make the folder ours to write, creating it where it is absent; its id, the same when it was adopted before."""
    known = adopted(folder) if folder.exists() else None
    if known:
        return known
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    identity = str(uuid.uuid4())
    text = json.dumps({"id": identity, "note": "AEMO Ops collects into this folder"}).encode()
    publish(folder / ADOPTION, lambda sink: sink.write(text))
    return identity


def holds_data(folder: Path) -> bool:
    """Whether the folder has files of a kind that another collector may be writing."""
    return folder.is_dir() and any(
        path.suffix in (".parquet", ".pkl") and not path.name.startswith(".") for path in folder.iterdir()
    )
