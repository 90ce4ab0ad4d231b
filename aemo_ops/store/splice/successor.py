"""The file that follows a file: made beside it, flushed, read back, and only then put in its place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aemo_ops import files
from aemo_ops.errors import StoreLocked
from aemo_ops.files import explained


@dataclass(frozen=True)
class Original:
    """A file, open for reading, as it was when it was opened. `permit` raises when we may not replace it (any more)."""

    path: Path
    fd: int
    status: os.stat_result
    permit: Callable[[], None]

    @property
    def size(self) -> int:
        return self.status.st_size

    def check_unchanged(self) -> None:
        """Raises StoreLocked when the path names another file by now, or this one was written to; what `permit` raises."""
        self.permit()
        found = self.path.stat()
        if _identity(found) != _identity(self.status):
            raise StoreLocked(
                f"{self.path}: another program wrote it while it was being updated; our part was given up. "
                "The next cycle tries again; if it stays so, find the program that writes this file, and stop it."
            )


@contextmanager
def original(path: Path, permit: Callable[[], None]) -> Iterator[Original]:
    """Open a file that is to have a successor. Raises FileNotFoundError; other refusals explained."""
    with explained(path):
        fd = os.open(path, os.O_RDONLY)
    try:
        yield Original(path, fd, os.fstat(fd), permit)
    finally:
        os.close(fd)


def succeed(old: Original, deed: str, make: Callable[[Path], int], verify: Callable[[Path], None]) -> int:
    """Put the file that `make` makes and `verify` passes in the place of `old`, if that is still ours to do."""
    return files.succeed(old.path, make, verify, deed, old.check_unchanged)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
