"""A copy that is proved: hashed as it is read, flushed, read back from the disk and hashed again before it gets its name."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from aemo_ops import files
from aemo_ops.errors import Cancelled, MigrationError, NoSpace, StepRefused, VerificationFailed
from aemo_ops.migrate.source import Source, opened, rows_and_times
from aemo_ops.ops.jobs import Progress

T = TypeVar("T")
PAUSES = (0.5, 2.0, 8.0)  # seconds before each further try
_PARQUET = ".parquet"


@dataclass(frozen=True)
class VerifiedCopy:
    """A copy whose bytes, read back from the disk, are those of its source; all that is told is of the copy.

    `sha256` in hex, `size` in bytes; of a parquet file its rows, and first and last settlementdate where its footer tells.
    """

    path: Path
    sha256: str
    size: int
    mtime_ns: int
    inode: int
    rows: int | None = None
    first: datetime | None = None
    last: datetime | None = None


def copy_verified(source: Path, target: Path, progress: Progress, pauses: Sequence[float] = PAUSES) -> VerifiedCopy:
    """Copy a file to a free name, with its modification time; a name that holds the same bytes already is only verified.

    A byte counts half when it is copied and half when it is read back. While the source is written to, or cannot be read,
    there is another try after each of `pauses`; then WriterActive or UnreadableNow is raised. Raises StepRefused (no file
    at `source`, another one at `target`), VerificationFailed, Cancelled, NoSpace, FolderRefused, StoreError. What is
    raised before `target` has its name leaves nothing behind; what has its name is verified.
    """
    return patiently(lambda: _tried(source, target, progress), progress, pauses)


def patiently(do: Callable[[], T], progress: Progress, pauses: Sequence[float]) -> T:
    """What `do` gives; while it fails for a reason that may pass, there is another try after each of `pauses`."""
    for pause in pauses:
        try:
            return do()
        except MigrationError as error:
            if not error.transient:
                raise
            progress.pause(pause)
    return do()


def digest(path: Path) -> str:
    """The hash of a file as the disk holds it, past the system's cache, in hex. Raises StoreError."""
    with files.explained(path), _descriptor(path, os.O_RDONLY) as fd:
        files.uncache(fd)
        return files.sha256(lambda buffer: os.readv(fd, [buffer]))


def check_copyable(source: Path, target: Path) -> int:
    """The size, in bytes, of a file that may be copied as things stand. Raises StepRefused."""
    with opened(source) as original:
        _check_target(original, target)
        return original.size


def _tried(source: Path, target: Path, progress: Progress) -> VerifiedCopy:
    with opened(source) as original:
        _check_target(original, target)
        copying = _Copying(original, target, progress)
        copying.tell("opening", 0)
        if copying.is_parquet:  # before its bytes, which may be many
            rows_and_times(original.fd, source)
        return copying.compared() if os.path.lexists(target) else copying.made()


def _check_target(source: Source, target: Path) -> None:
    """Raises StepRefused unless the name is free, or that of another file."""
    if not target.parent.is_dir():
        raise StepRefused(f"{target} cannot be written: its folder does not exist. Create it, then try again.")
    with files.explained(target):
        if not os.path.lexists(target):
            return
        found = target.lstat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a link, and nothing is written through links" if stat.S_ISLNK(found.st_mode) else "no file"
        raise StepRefused(f"{target} cannot be written: it is {kind}. Move it away, then try again.")
    if os.path.samestat(found, source.status):
        raise StepRefused(f"{target} cannot be written: it is {source.path} itself, by another name.")


class _Copying:
    """One try at one file: `made` where the name is free, else `compared`."""

    def __init__(self, source: Source, target: Path, progress: Progress) -> None:
        self.is_parquet = _PARQUET in (source.path.suffix.lower(), target.suffix.lower())
        self._source = source
        self._target = target
        self._progress = progress
        self._sha256: str  # of what was read
        self._partial: Path
        self._proof: VerifiedCopy

    def made(self) -> VerifiedCopy:
        with self._room():
            files.succeed(self._target, self._write, self._verify, "copy", self._check_undisturbed)
        return self._proof

    def _write(self, partial: Path) -> int:
        """The first half: what is read is hashed and written. Permissions are the source's, but we may always write."""
        digest, status = hashlib.sha256(), self._source.status
        with _descriptor(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:

            def write(block: memoryview) -> None:
                files.uncache(fd)  # what was written before begins its way to the disk
                files.write_all(fd, block)

            written = files.pour(self._source.fill, [digest.update, write], self._half("copying", 0))
            os.fchmod(fd, status.st_mode & 0o666 | 0o600)
            os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
        self._source.check_unchanged()
        self._sha256, self._partial = digest.hexdigest(), partial
        return written

    def _verify(self, partial: Path) -> None:
        with _descriptor(partial, os.O_RDONLY) as fd:
            proof = self._read_back(fd)
        if proof is None:
            raise VerificationFailed(
                f"{self._target}: what was read back from the disk is not what was read from {self._source.path}. "
                "The copy was removed, the source is untouched. Check that disk and its cable before you try again."
            )
        self._proof = proof

    def _check_undisturbed(self) -> None:
        """Raises what forbids that the copy gets its name."""
        self._source.check_unchanged()
        if os.path.lexists(self._target) or self._partial.lstat().st_ino != self._proof.inode:
            raise StepRefused(f"{self._target}: another program wrote there during the copy, which was given up.")

    def compared(self) -> VerifiedCopy:
        """The proof of a copy that is there already. Raises StepRefused when it is none."""
        other = StepRefused(
            f"{self._target} exists and holds other bytes than {self._source.path}; it was not touched. "
            "Move it away, then try again."
        )
        with files.explained(self._target), _descriptor(self._target, os.O_RDONLY) as fd:
            if os.fstat(fd).st_size != self._source.size:
                raise other
            self._sha256 = files.sha256(self._source.fill, self._half("comparing", 0))
            files.flush(fd)  # whoever wrote it may not have waited for the disk
            files.flush_folder(self._target.parent)
            proof = self._read_back(fd)
        self._source.check_unchanged()
        if proof is None:
            raise other
        return proof

    def _read_back(self, fd: int) -> VerifiedCopy | None:
        """The second half: what the disk holds, past the system's cache; None where it is not what was read."""
        files.uncache(fd)
        found = files.sha256(lambda buffer: os.readv(fd, [buffer]), self._half("verifying", self._source.size))
        if found != self._sha256:
            return None
        told = rows_and_times(fd, self._source.path) if self.is_parquet else ()
        status = os.fstat(fd)
        return VerifiedCopy(self._target, found, status.st_size, status.st_mtime_ns, status.st_ino, *told)

    def _half(self, deed: str, before: int) -> Callable[[int], None]:
        """What to do after each chunk of one of the two halves."""

        def told(done: int) -> None:
            self.tell(deed, (before + done) // 2)
            self._source.check_unchanged()
            files.failpoint(f"copy.{deed}")

        return told

    def tell(self, deed: str, done: int) -> None:
        """Raises Cancelled."""
        self._progress.tell(done, self._source.size, f"{deed} {self._source.path.name}")
        if self._progress.cancelled:
            raise Cancelled(
                f"{self._source.path}: stopped as asked; nothing was left of the copy. It can be begun anew."
            )

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Say how much is needed, and how much there is, when the disk is full."""
        try:
            yield
        except NoSpace as error:
            free = shutil.disk_usage(self._target.parent).free
            raise NoSpace(
                f"no space left for {self._target}: it needs {self._source.size:,} bytes, {free:,} are free. Nothing was "
                "left of the copy, the source is untouched. Free some space on that disk, then try again."
            ) from error


@contextmanager
def _descriptor(path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
