"""A file that is to be copied, as it was when it was opened: its bytes, its footer, and whether it still is that file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aemo_ops.errors import Encrypted, SchemaMismatch, StepRefused, StoreCorrupt, UnreadableNow, WriterActive
from aemo_ops.store.advice import DECRYPT
from aemo_ops.store.contract.ends import unreadable
from aemo_ops.store.splice.footer import Footer, read_footer

TIME = "settlementdate"
_NANOSECONDS = {"timestamp[ns]": 1, "timestamp[us]": 1_000, "timestamp[ms]": 1_000_000}


@dataclass(frozen=True)
class Source:
    """A file, open for reading. `path` may be a link; `status` is that of the file it leads to."""

    path: Path
    fd: int
    status: os.stat_result

    @property
    def size(self) -> int:
        return self.status.st_size

    def fill(self, buffer: memoryview) -> int:
        """Read on into `buffer`; the bytes read, 0 at the end. Raises UnreadableNow."""
        try:
            return os.readv(self.fd, [buffer])
        except OSError as error:
            raise UnreadableNow(f"{self.path} is unreadable now: {unreadable(error).detail}") from error

    def check_unchanged(self) -> None:
        """Raises WriterActive, saying what happened, when it is not the file any more that was opened."""
        try:
            now = self.path.stat()
        except OSError as error:
            raise self._written_to(f"it went away ({os.strerror(error.errno or 0)})") from error
        if change := _change(self.status, now):
            raise self._written_to(change)

    def _written_to(self, change: str) -> WriterActive:
        return WriterActive(
            f"{self.path}: writer active: {change} while it was read; the copy was given up. "
            "Try again in a quiet moment; if it stays so, find the program that writes this file."
        )


def _change(then: os.stat_result, now: os.stat_result) -> str:
    """What happened to a file, empty when nothing did. The time of its last change of any kind cannot be set back."""
    if (then.st_dev, then.st_ino) != (now.st_dev, now.st_ino):
        return "another file took its place"
    if then.st_size != now.st_size:
        by = now.st_size - then.st_size
        return f"it {'grew' if by > 0 else 'shrank'} by {abs(by):,} bytes"
    if (then.st_mtime_ns, then.st_ctime_ns) != (now.st_mtime_ns, now.st_ctime_ns):
        return "it was written to"
    return ""


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file that is to be copied, through links. Never waits; raises StepRefused where no file is, or not for us."""
    try:
        _check_is_file(path, path.stat())  # before it is opened: a pipe's writer would notice
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise StepRefused(f"{path} cannot be copied: {_refusal(path, error)}") from error
    try:
        status = os.fstat(fd)
        _check_is_file(path, status)
        yield Source(path, fd, status)
    finally:
        os.close(fd)


def _check_is_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "neither a file nor a link to one"
        raise StepRefused(f"{path} cannot be copied: it is {kind}")


def _refusal(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "it is a link to a file that does not exist" if path.is_symlink() else "it does not exist"
    return "it is a link that leads to itself" if error.errno == errno.ELOOP else unreadable(error).detail


def rows_and_times(fd: int, path: Path) -> tuple[int, datetime | None, datetime | None]:
    """What the footer of an open parquet file tells: rows, first and last settlementdate (None without statistics of it).

    Raises UnreadableNow where the file is not whole, or no parquet file.
    """
    try:
        footer = read_footer(fd)
    except Encrypted as error:
        raise UnreadableNow(f"{path} cannot be read: {error}. It is no damage: {DECRYPT}, then go on.") from error
    except (StoreCorrupt, SchemaMismatch, OSError) as error:
        raise UnreadableNow(
            f"{path} is unreadable now: {error}. If a program is writing it, try again when it has finished; "
            "if it stays so, the file is damaged: `aemo-ops check` says more."
        ) from error
    try:
        return footer.rows, *_times(footer)
    except (SchemaMismatch, OverflowError):  # no statistics, or times that no calendar has: that is for `check` to tell
        return footer.rows, None, None


def _times(footer: Footer) -> tuple[datetime | None, datetime | None]:
    """Raises SchemaMismatch where statistics are missing, OverflowError for times out of any calendar."""
    times = next((column for column in footer.columns if column.name.lower() == TIME), None)
    unit = _NANOSECONDS.get(times.kind) if times else None
    spans = [group.span(times.name) for group in footer.groups if group.rows] if times else []
    if unit is None or not spans:
        return None, None
    return _moment(min(low for low, _ in spans), unit), _moment(max(high for _, high in spans), unit)


def _moment(value: int, unit: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(microseconds=value * unit // 1_000)
