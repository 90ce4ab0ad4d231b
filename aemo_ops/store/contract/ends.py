"""What the first and last bytes of a file tell before any reader is let loose on it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from aemo_ops.store.contract.problem import Kind, Problem

MAGIC = b"PAR1"
_TAIL = 8  # length of the footer in four bytes, little end first, and the magic


def broken(path: Path) -> Problem | None:
    """Why the file cannot be a whole parquet file; None when its ends are right. Never waits: a pipe is not opened."""
    try:
        if not path.is_file():
            return _no_file(path)
        size = path.stat().st_size
        if size == 0:
            return Problem(Kind.EMPTY_FILE, "the file has 0 bytes; that is no dataset without rows, its data are gone")
        with path.open("rb") as source:
            head = source.read(len(MAGIC))
            source.seek(max(0, size - _TAIL))
            tail = source.read(_TAIL)
    except OSError as error:
        return unreadable(error)
    return _ends(head, tail, size)


def unreadable(error: OSError) -> Problem:
    """What the operating system refused, and what to do."""
    todo = {
        errno.EACCES: "give this user the right to read it",
        errno.EPERM: "the system guards this folder; on a Mac give the terminal full disk access",
    }.get(error.errno or 0, "check the disk, then try again")
    return Problem(Kind.UNREADABLE, f"{os.strerror(error.errno) if error.errno else error}: {todo}")


def _no_file(path: Path) -> Problem:
    if path.is_dir():
        return Problem(Kind.NOT_A_FILE, "is a folder; name the files in it")
    if path.exists():
        return Problem(Kind.NOT_A_FILE, "is neither a file nor a link to one")
    if path.is_symlink():
        return Problem(Kind.ABSENT, "is a link whose target does not exist")
    return Problem(Kind.ABSENT, "does not exist")


def _ends(head: bytes, tail: bytes, size: int) -> Problem | None:
    if not tail.endswith(MAGIC) or size < len(MAGIC) + _TAIL:
        if head == MAGIC:
            return Problem(Kind.TORN, "begins as parquet but has no end: cut off, or being written at this moment")
        return Problem(Kind.NOT_PARQUET, f"is no parquet file; it begins with {head!r}")
    footer = int.from_bytes(tail[:4], "little")
    if footer + len(MAGIC) + _TAIL > size:
        return Problem(Kind.CORRUPT, f"its footer should have {footer:,} bytes, but the file has only {size:,}")
    if head != MAGIC:
        return Problem(Kind.CORRUPT, f"ends as parquet but begins with {head!r}")
    return None
