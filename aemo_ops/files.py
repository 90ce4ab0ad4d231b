"""The one door to the disk's promises: publish a file whole and durably, and the failpoints that test it."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from aemo_ops.errors import FolderRefused, NoSpace, StoreError

PARTIAL = ".partial"


class FailpointHit(Exception):
    """Raised by a failpoint set to `raise`; only tests set one."""


def _failpoints(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


_SET = _failpoints(os.environ.get("AEMO_OPS_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Do here what AEMO_OPS_FAILPOINTS says for `name`: `raise`, `exit`, `kill`, `sleep:SECONDS`; nothing when unset."""
    if not _SET or name not in _SET:
        return
    action, _, amount = _SET[name].partition(":")
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "exit":
        os._exit(70)
    elif action == "sleep":
        time.sleep(float(amount))
    elif action == "raise":
        raise FailpointHit(name)


def flush(fd: int) -> None:
    """Force a file's bytes to the medium (on macOS plain fsync stops at the drive's cache)."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fsync(fd)


def flush_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals about `path` into our errors, saying what to do."""
    try:
        yield
    except TimeoutError:  # a lock's, which has its own meaning
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"no space left for {path}; the file under its final name is untouched. "
                "Free some space on that disk, the next cycle tries again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise FolderRefused(
                f"cannot write {path} ({os.strerror(error.errno)}); nothing was changed. "
                f"Give this user the right to write in {path.parent}."
            ) from error
        raise StoreError(f"{path}: {error}; the file under its final name is untouched.") from error


def publish(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """Write a whole file under a temporary name, flush it, move it over `path`, flush the folder.

    A reader sees the old file or the new one, never a part; on any failure the old one stays. Returns the bytes written.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    with explained(path):
        try:
            with partial.open("wb") as sink:
                write(sink)
                sink.flush()
                failpoint("publish.before_flush")
                flush(sink.fileno())
                size = sink.tell()
            failpoint("publish.before_replace")
            partial.replace(path)
            failpoint("publish.after_replace")
            flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    return size
