"""The file that follows a file: made beside it, flushed, read back, and only then put in its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.errors import StoreLocked
from aemo_ops.files import PARTIAL, explained, failpoint, flush, flush_folder


@dataclass(frozen=True)
class Original:
    """A file, open for reading, as it was when it was opened."""

    path: Path
    fd: int
    status: os.stat_result

    @property
    def size(self) -> int:
        return self.status.st_size

    def check_unchanged(self) -> None:
        """Raises StoreLocked when the path names another file by now, or this one was written to."""
        found = self.path.stat()
        if _identity(found) != _identity(self.status):
            raise StoreLocked(
                f"{self.path}: another program wrote it while it was being updated; our part was given up. "
                "The next cycle tries again; if it stays so, find the program that writes this file, and stop it."
            )


@contextmanager
def original(path: Path) -> Iterator[Original]:
    """Open a file that is to have a successor. Raises FileNotFoundError; other refusals explained."""
    with explained(path):
        fd = os.open(path, os.O_RDONLY)
    try:
        yield Original(path, fd, os.fstat(fd))
    finally:
        os.close(fd)


def succeed(old: Original, deed: str, make: Callable[[Path], int], verify: Callable[[Path], None]) -> int:
    """`make` the successor under a temporary name, flush and `verify` it, move it over the file, flush the folder.

    `make` gets a name that is free and returns the bytes it wrote; so does this. Whatever raises, the file stays. Failpoints:
    `<deed>.before_flush`, `.before_replace`, `.after_replace`.
    """
    partial = old.path.with_name(f".{old.path.name}{PARTIAL}")
    with explained(old.path):
        try:
            partial.unlink(missing_ok=True)
            written = make(partial)
            failpoint(f"{deed}.before_flush")
            with partial.open("r+b") as file:
                flush(file.fileno())
            verify(partial)
            failpoint(f"{deed}.before_replace")
            old.check_unchanged()
            partial.replace(old.path)
            failpoint(f"{deed}.after_replace")
            flush_folder(old.path.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    return written


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
