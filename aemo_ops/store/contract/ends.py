"""What the first and last bytes of a file tell before any reader is let loose on it."""

from __future__ import annotations

from pathlib import Path

from aemo_ops.store.advice import refused_by_system
from aemo_ops.store.contract.formats import HEAD, named
from aemo_ops.store.contract.problem import Kind, Problem

MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"
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
            head = source.read(HEAD)
            source.seek(max(0, size - _TAIL))
            tail = source.read(_TAIL)
    except OSError as error:
        return unreadable(error)
    return _ends(head, tail, size)


def unreadable(error: OSError) -> Problem:
    """What the operating system refused, and what to do."""
    return Problem(Kind.UNREADABLE, refused_by_system(error))


def _no_file(path: Path) -> Problem:
    if path.is_dir():
        return Problem(Kind.NOT_A_FILE, "is a folder; name the files in it")
    if path.exists():
        return Problem(Kind.NOT_A_FILE, "is neither a file nor a link to one")
    if path.is_symlink():
        return Problem(Kind.ABSENT, "is a link whose target does not exist")
    if path.with_name(f".{path.name}.icloud").exists():
        return Problem(Kind.ABSENT, "is in iCloud and not on this Mac; open its folder in Finder and download it")
    return Problem(Kind.ABSENT, "does not exist")


def _ends(head: bytes, tail: bytes, size: int) -> Problem | None:
    if not tail.endswith(MAGIC) or size < len(MAGIC) + _TAIL:
        return _no_parquet(head, tail)
    footer = int.from_bytes(tail[:4], "little")
    if footer + len(MAGIC) + _TAIL > size:
        return Problem(Kind.CORRUPT, f"its footer should have {footer:,} bytes, but the file has only {size:,}")
    if not head.startswith(MAGIC):
        return Problem(Kind.CORRUPT, f"ends as parquet but begins with {head[:4]!r}")
    return None


def _no_parquet(head: bytes, tail: bytes) -> Problem:
    if head.startswith(MAGIC):
        return Problem(Kind.TORN, "begins as parquet but has no end: cut off, or being written at this moment")
    if head.startswith(_ENCRYPTED):
        if tail.endswith(_ENCRYPTED):
            return Problem(Kind.ENCRYPTED, "is encrypted parquet, which cannot be read without its key")
        return Problem(
            Kind.TORN, "begins as encrypted parquet but has no end: cut off, or being written at this moment"
        )
    told = named(head)
    if told:
        return Problem(Kind.NOT_PARQUET, f"is no parquet file but {told}")
    return Problem(Kind.NOT_PARQUET, f"is no parquet file; it begins with {head[:4]!r}")
