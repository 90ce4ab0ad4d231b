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


def succeed(
    path: Path,
    make: Callable[[Path], int],
    check: Callable[[Path], object],
    deed: str,
    permit: Callable[[], object] = lambda: None,
) -> int:
    """`make` the next version of a file beside it, flush it, `check` it, ask `permit`, move it over `path`, flush the folder.

    `make` gets a name that is free and returns the bytes it wrote; so does this. A reader sees the old file or the new one,
    never a part; whatever raises, the old one stays. Failpoints: `<deed>.before_flush`, `.before_replace`, `.after_replace`.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    with explained(path):
        try:
            partial.unlink(missing_ok=True)
            written = make(partial)
            failpoint(f"{deed}.before_flush")
            with partial.open("r+b") as file:
                flush(file.fileno())
            check(partial)
            failpoint(f"{deed}.before_replace")
            permit()
            partial.replace(path)
            failpoint(f"{deed}.after_replace")
            flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    return written


def publish(path: Path, write: Callable[[BinaryIO], object]) -> int:
    """Write a whole file, durably, under its final name at once; the bytes written. See `succeed`."""

    def make(partial: Path) -> int:
        with partial.open("wb") as sink:
            write(sink)
            return sink.tell()

    return succeed(path, make, lambda _partial: None, "publish")
