"""What the disks of a source and of its copy may do: flip bits, be full, fail; nothing unverified is left."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aemo_ops import files
from aemo_ops.errors import FolderRefused, NoSpace, StepRefused, StoreError, UnreadableNow, VerificationFailed
from aemo_ops.migrate.copy import copy_verified
from tests.migrate.copying import CONTENT, copied, nothing_is_left, quiet


def test_a_bit_that_flips_on_the_way_to_the_disk_is_found_and_the_file_named(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = iter([True])

    def flip(name: str) -> None:
        if name == "copy.before_flush" and next(once, False):
            (partial,) = target.parent.iterdir()
            status, content = partial.stat(), bytearray(partial.read_bytes())
            content[5_000] ^= 4
            partial.write_bytes(content)
            os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))

    monkeypatch.setattr(files, "failpoint", flip)
    with pytest.raises(VerificationFailed, match=str(target)):
        copy_verified(source, target, quiet(), (0, 0))  # such a disk is not tried again
    assert nothing_is_left(target, source)


def test_the_hash_is_of_the_bytes_that_were_written_however_unstable_the_reads_are(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk of the source gives other bytes at every read: one read feeds both, so that they cannot differ."""
    readv, generator = os.readv, np.random.default_rng(1)
    inode = source.stat().st_ino

    def unstable(fd: int, buffers: list[memoryview]) -> int:
        count = readv(fd, buffers)
        if count and os.fstat(fd).st_ino == inode:
            buffers[0][int(generator.integers(count))] ^= 1
        return count

    monkeypatch.setattr(os, "readv", unstable)
    proofs = [copied(source, target.with_name(f"{n}")) for n in range(5)]
    assert [hashlib.sha256(proof.path.read_bytes()).hexdigest() for proof in proofs] == [p.sha256 for p in proofs]
    assert len({proof.sha256 for proof in proofs}) == 5
    with pytest.raises(StepRefused, match="other bytes"):  # and a second look finds out
        copied(source, target.with_name("0"))


def test_the_copy_is_flushed_and_its_cache_dropped_before_it_is_read_back(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    original, reads = source.stat().st_ino, os.readv

    def noted(name: str, does: Callable[..., object]) -> Callable[..., object]:
        def call(fd: int, *arguments: object) -> object:
            if os.fstat(fd).st_ino != original and done[-1:] != [name]:
                done.append(name)
            return does(fd, *arguments)

        return call

    monkeypatch.setattr(os, "readv", noted("read", reads))
    monkeypatch.setattr(files, "flush", noted("flush", files.flush))
    monkeypatch.setattr(files, "uncache", noted("uncache", files.uncache))
    copied(source, target)
    assert done[-3:] == ["flush", "uncache", "read"]


def _from_the_disk() -> int:
    """Bytes that this process ever had to fetch from a disk."""
    return int(re.findall(r"^read_bytes: (\d+)", Path("/proc/self/io").read_text(), re.MULTILINE)[0])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux tells what came from the disk")
def test_what_is_read_back_comes_from_the_disk(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", target.parent], capture_output=True, text=True, check=True).stdout
    if kind.strip() == "tmpfs":
        pytest.skip("a filesystem in memory")
    monkeypatch.setattr(files, "CHUNK", 1 << 18)
    source.write_bytes(CONTENT * 400)
    before = _from_the_disk()
    copied(source, target)
    assert _from_the_disk() - before > len(CONTENT) * 200  # the system may keep a page that somebody else is using


class Failing:
    """A call of the system that fails with `code` from its `number`-th time on a descriptor that is not `spared`."""

    def __init__(self, does: Callable[..., int], code: int, number: int, spared: int) -> None:
        self._does, self._code, self._left, self._spared = does, code, number, spared

    def __call__(self, fd: int, *arguments: object) -> int:
        self._left -= os.fstat(fd).st_ino != self._spared
        if self._left <= 0 and os.fstat(fd).st_ino != self._spared:
            raise OSError(self._code, os.strerror(self._code))
        return self._does(fd, *arguments)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("number", [1, 4, 11])
def test_a_full_disk_is_said_with_what_is_needed_and_leaves_nothing(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, code: int, number: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", Failing(os.write, code, number, 0))
        with pytest.raises(NoSpace, match=r"it needs 10,017 bytes, [\d,]+ are free"):
            copied(source, target)
    assert nothing_is_left(target, source)
    copied(source, target)
    assert target.read_bytes() == CONTENT


def test_a_disk_that_takes_a_part_at_a_time_gets_all(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, block: write(fd, block[:7]))
    copied(source, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("call", ["fsync", "write"])
def test_a_disk_that_fails_while_it_writes_is_no_copy(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, call, Failing(getattr(os, call), errno.EIO, 1, 0))
        with pytest.raises(StoreError, match="Input/output error"):
            copied(source, target)
    assert nothing_is_left(target, source)


def test_a_copy_that_cannot_be_read_back_is_none(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "readv", Failing(os.readv, errno.EIO, 3, source.stat().st_ino))
    with pytest.raises(StoreError, match="Input/output error"):
        copied(source, target)
    assert nothing_is_left(target, source)


def test_a_folder_that_may_not_be_written_is_said_so(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = os.open

    def refuse(path: Path, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opens(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FolderRefused, match="right to write"):
        copied(source, target)


def test_a_source_that_cannot_be_read_in_its_middle_is_unreadable_now(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "readv", Failing(os.readv, errno.EIO, 4, 0))
    with pytest.raises(UnreadableNow, match=f"{source} is unreadable now: Input/output error"):
        copied(source, target)
    assert nothing_is_left(target, source)


def test_a_source_that_can_be_read_at_the_second_try_is_copied(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file that the cloud has to bring first."""
    readv, refusals = os.readv, iter([errno.EDEADLK, errno.EIO])

    def read(fd: int, buffers: list[memoryview]) -> int:
        for code in refusals:
            raise OSError(code, os.strerror(code))
        return readv(fd, buffers)

    monkeypatch.setattr(os, "readv", read)
    copy_verified(source, target, quiet(), (0, 0))
    assert target.read_bytes() == CONTENT
