"""A parquet file that is not whole is unreadable now, and never copied as if it were."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aemo_ops.errors import AemoOpsError, UnreadableNow
from aemo_ops.migrate.copy import copy_verified
from aemo_ops.ops.jobs import Progress
from tests.migrate.copying import copied, nothing_is_left


def _cut_in_its_middle(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _cut_by_one_byte(content: bytes) -> bytes:
    return content[:-1]


def _without_a_byte(_content: bytes) -> bytes:
    return b""


def _only_a_header(_content: bytes) -> bytes:
    return b"PAR1"


def _with_a_footer_longer_than_the_file(content: bytes) -> bytes:
    return content[:-8] + (1 << 30).to_bytes(4, "little") + b"PAR1"


def _with_a_damaged_footer(content: bytes) -> bytes:
    return content[:-40] + bytes(32) + content[-8:]


def _of_another_kind(content: bytes) -> bytes:
    return b"settlementdate,duid,scadavalue\n" * (len(content) // 31)


TORN = [
    _cut_in_its_middle,
    _cut_by_one_byte,
    _without_a_byte,
    _only_a_header,
    _with_a_footer_longer_than_the_file,
    _with_a_damaged_footer,
    _of_another_kind,
]


@pytest.mark.parametrize("torn", TORN)
def test_a_parquet_file_that_is_not_whole_is_unreadable_now_and_never_copied(
    source: Path, target: Path, whole: bytes, torn: Callable[[bytes], bytes]
) -> None:
    path = source.with_name("scada30.parquet")
    path.write_bytes(torn(whole))
    told: list[str] = []
    with pytest.raises(UnreadableNow, match=f"{path} is unreadable now"):
        copied(path, target.with_name(path.name), Progress(lambda _done, _total, text: told.append(text)))
    assert nothing_is_left(target, path, torn(whole))
    assert told == ["opening scada30.parquet"]  # and its bytes were not read for nothing


@pytest.mark.parametrize("torn", TORN)
def test_a_parquet_file_that_its_writer_finishes_is_copied_then(
    source: Path, target: Path, whole: bytes, torn: Callable[[bytes], bytes]
) -> None:
    path = source.with_name("scada30.parquet")
    path.write_bytes(torn(whole))
    tries: list[str] = []

    def tell(_done: int, _total: int, text: str) -> None:
        tries.append(text)
        if len(tries) == 2:
            path.write_bytes(whole)

    proof = copy_verified(path, target.with_name(path.name), Progress(tell), (0, 0))
    assert (proof.rows, proof.path.read_bytes()) == (2000, whole)


def test_a_parquet_file_is_judged_by_its_copy_too(
    source: Path, target: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was right when it was looked at is wrong when it is read, and no time stamp tells."""
    path, readv = source.with_name("scada30.parquet"), os.readv

    def torn(fd: int, buffers: list[memoryview]) -> int:
        count = readv(fd, buffers)
        if count and os.fstat(fd).st_ino == path.stat().st_ino:
            buffers[0][:count] = bytes(count)
        return count

    monkeypatch.setattr(os, "readv", torn)
    with pytest.raises(UnreadableNow):
        copied(path, target.with_name(path.name))
    assert nothing_is_left(target, path, whole)


def test_every_error_of_a_copy_is_one_of_ours(source: Path, target: Path, whole: bytes) -> None:
    """A parquet file with any bit flipped is copied as it is, or refused in words."""
    path = source.with_name("scada30.parquet")
    generator = np.random.default_rng(5)
    for number, at in enumerate(generator.integers(len(whole) * 3 // 4, len(whole), 60).tolist()):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << number % 8
        path.write_bytes(damaged)
        copy = target.with_name(f"{number}.parquet")
        try:
            copied(path, copy)
        except AemoOpsError as error:
            assert isinstance(error, UnreadableNow)
            assert not copy.exists()
        else:
            assert copy.read_bytes() == damaged
