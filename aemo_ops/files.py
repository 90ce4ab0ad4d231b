"""The one door to the disk's promises: publish a file whole and durably, hash it, and the failpoints that test it."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import BinaryIO

from aemo_ops.errors import FolderRefused, NoSpace, StoreError

PARTIAL = ".partial"
CHUNK = 4 << 20  # bytes
_AT_ONCE = 3  # chunks in memory


class FailpointHit(Exception):
    """Raised by a failpoint set to `raise`; only tests set one."""


def _failpoints(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


_SET = _failpoints(os.environ.get("AEMO_OPS_FAILPOINTS", ""))
_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Do here what AEMO_OPS_FAILPOINTS says for `name`; nothing when unset.

    `raise`, `exit`, `kill`, `kill:N` at the Nth time it is passed, `sleep:SECONDS`.
    """
    if not _SET or name not in _SET:
        return
    action, _, amount = _SET[name].partition(":")
    _passed[name] += 1
    if action == "kill":
        if _passed[name] == int(amount or 1):
            os.kill(os.getpid(), signal.SIGKILL)
    elif action == "exit":
        os._exit(70)
    elif action == "sleep":
        time.sleep(float(amount))
    elif action == "raise":
        raise FailpointHit(name)


PRIVATE, _PRIVATE_FOLDER = 0o600, 0o700


def make_private(path: Path) -> None:
    """Make a file, if there is none, for this user only, whatever the umask is; one that is ours and open to others is closed.

    One that is there is never opened: closing it again would give up every lock that this process holds on it.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE))
    except FileExistsError:
        close_to_others(path)


def close_to_others(path: Path) -> None:
    """Another user's file stays as it is: its owner decides."""
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(PRIVATE)


def make_private_folder(folder: Path) -> None:
    """Make a folder, if there is none, for this user only; those above it too. One that is there stays as it is."""
    for place in (*reversed(folder.parents), folder):
        if not place.exists():
            place.mkdir(_PRIVATE_FOLDER, exist_ok=True)


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


def uncache(fd: int) -> None:
    """Ask the system to keep nothing of a file in its cache: a hint, and what was not flushed only begins to be written."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_NOCACHE, 1)
    else:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def pour(
    fill: Callable[[memoryview], int],
    takers: Sequence[Callable[[memoryview], object]],
    told: Callable[[int], object] = lambda _: None,
) -> int:
    """Give all that `fill` reads, chunk by chunk, to every taker; the bytes read.

    `fill` reads into a buffer and returns how many bytes, 0 at the end. Each taker has a thread and gets one chunk after the
    other while the next are read; a chunk is its own until it returns. `told` gets the bytes read so far, in the caller's
    thread. What any of them raises is raised, after the takers have ended.
    """
    done = 0
    taking: deque[list[Future[object]]] = deque()
    with ExitStack() as stack:
        lanes = [stack.enter_context(ThreadPoolExecutor(1)) for _ in takers]
        for buffer in cycle([memoryview(bytearray(CHUNK)) for _ in range(_AT_ONCE)]):
            if len(taking) == _AT_ONCE:
                _finish(taking.popleft())
            count = fill(buffer)
            if count == 0:
                break
            taking.append([lane.submit(taker, buffer[:count]) for lane, taker in zip(lanes, takers, strict=True)])
            done += count
            told(done)
        for futures in taking:
            _finish(futures)
    return done


def _finish(futures: Sequence[Future[object]]) -> None:
    for future in futures:
        future.result()


def sha256(fill: Callable[[memoryview], int], told: Callable[[int], object] = lambda _: None) -> str:
    """The hash, in hex, of all that `fill` reads; see `pour`."""
    digest = hashlib.sha256()
    pour(fill, [digest.update], told)
    return digest.hexdigest()


def write_all(fd: int, block: memoryview) -> None:
    """Write at the position of `fd`, however often the system takes only a part."""
    while block:
        block = block[os.write(fd, block) :]


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
                "Free some space on that disk: a cycle then goes on by itself, anything else when it is begun again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise FolderRefused(
                f"cannot write {path} ({os.strerror(error.errno)}); nothing was changed. "
                f"Give this user the right to write in {path.parent}."
            ) from error
        raise StoreError(f"{path}: {error}; the file under its final name is untouched.") from error


def partial_of(path: Path) -> Path:
    """Where the next version of a file is made: what stands there is of a process that was killed."""
    return path.with_name(f".{path.name}{PARTIAL}")


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
    partial = partial_of(path)
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


def publish(path: Path, write: Callable[[BinaryIO], object], private: bool = False) -> int:
    """Write a whole file, durably, under its final name at once; the bytes written. `write` may read back what it wrote.

    `private`: for this user only, from its first byte on. See `succeed`.
    """

    def make(partial: Path) -> int:
        if private:
            make_private(partial)
        with partial.open("w+b") as sink:
            write(sink)
            return sink.tell()

    return succeed(path, make, lambda _partial: None, "publish")
