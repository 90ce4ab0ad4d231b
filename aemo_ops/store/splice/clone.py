"""Cloning a file as cheaply as its filesystem allows: shared blocks where it can, the kernel's copy elsewhere."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_AT_FDCWD_MACOS = -2  # sys/fcntl.h of macOS
_BLOCK = 1 << 20
_AT_ONCE = 1 << 30
_NOT_HERE = frozenset(
    {errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EBADF}
)


@dataclass(frozen=True)
class Cloned:
    """How a file was cloned (`reflink`, `copy_file_range`, `sendfile`, `read-write`) and how many bytes that wrote."""

    way: str
    written: int


class MacLibrary(Protocol):
    """The one call of macOS's libc that we need (man 2 clonefile)."""

    def fclonefileat(self, source: int, folder: int, target: bytes, flags: int) -> int: ...


def clone(source: int, target: Path, platform: str = sys.platform) -> Cloned:
    """Make `target`, which must not exist, the same bytes as the open file `source`, with its permissions.

    Raises OSError (no space, no right, target exists); then what was begun of `target` is left to the caller.
    """
    if platform == "darwin" and _tried(lambda: clonefile(source, target)):
        return Cloned("reflink", 0)
    status = os.fstat(source)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(fd, status.st_mode & 0o777)
        if _tried(lambda: _ficlone(source, fd)):
            return Cloned("reflink", 0)
        way = copy(source, 0, status.st_size, fd)
    finally:
        os.close(fd)
    return Cloned(way, status.st_size)


def copy(source: int, start: int, length: int, target: int) -> str:
    """Append bytes [start, start + length) of `source` at the position of `target`; the way that did it.

    Raises OSError, EIO where the source is shorter than that.
    """
    end = start + length
    for way, move in (("copy_file_range", _copy_file_range), ("sendfile", _sendfile), ("read-write", _read_write)):
        start = _moved(move, source, start, end, target)
        if start == end:
            return way
    raise OSError(errno.EIO, f"the file ends {end - start} bytes early")


def clonefile(source: int, target: Path) -> None:
    """macOS: a copy-on-write clone on APFS. Raises OSError."""
    if _library().fclonefileat(source, _AT_FDCWD_MACOS, os.fsencode(target), 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


@cache
def _library() -> MacLibrary:
    library = ctypes.CDLL(None, use_errno=True)
    library.fclonefileat.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    library.fclonefileat.restype = ctypes.c_int
    return library


def _ficlone(source: int, target: int) -> None:
    if sys.platform != "linux":
        raise _no_such_call()
    import fcntl

    fcntl.ioctl(target, _FICLONE, source)


def _no_such_call() -> OSError:
    return OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def _tried(attempt: Callable[[], None]) -> bool:
    """False where this system or filesystem cannot; every other refusal is the caller's."""
    try:
        attempt()
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return False
    return True


def _moved(move: Callable[[int, int, int, int], int], source: int, start: int, end: int, target: int) -> int:
    """How far `move` came from `start`; it may stop early, and the next way goes on there."""
    while start < end:
        try:
            count = move(source, start, min(end - start, _AT_ONCE), target)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            break
        if count == 0:
            break
        start += count
    return start


def _copy_file_range(source: int, start: int, length: int, target: int) -> int:
    if sys.platform != "linux":
        raise _no_such_call()
    return os.copy_file_range(source, target, length, offset_src=start)


def _sendfile(source: int, start: int, length: int, target: int) -> int:
    if sys.platform != "linux":  # elsewhere its target must be a socket
        raise _no_such_call()
    return os.sendfile(target, source, start, length)


def _read_write(source: int, start: int, length: int, target: int) -> int:
    block = os.pread(source, min(length, _BLOCK), start)
    done = 0
    while done < len(block):
        done += os.write(target, block[done:])
    return done
