"""A copy has the bytes, the time and the hash of its source, and tells what its footer tells."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops import files
from aemo_ops.migrate.copy import VerifiedCopy
from aemo_ops.ops.jobs import Progress
from tests.migrate.copying import CHUNK, CONTENT, copied
from tests.store.foreign import ROWS


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, len(CONTENT)])
def test_a_copy_has_the_bytes_the_time_and_the_hash_of_its_source(source: Path, target: Path, size: int) -> None:
    source.write_bytes(CONTENT[:size])
    os.utime(source, ns=(1_700_000_000_000_000_000, 1_600_000_000_123_456_789))
    proof = copied(source, target)
    status = target.stat()
    assert target.read_bytes() == CONTENT[:size]
    assert proof == VerifiedCopy(
        target, hashlib.sha256(CONTENT[:size]).hexdigest(), size, status.st_mtime_ns, status.st_ino
    )
    assert proof.mtime_ns == source.stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert list(target.parent.iterdir()) == [target]


def test_anybody_can_check_the_hash_with_sha256sum(source: Path, target: Path) -> None:
    proof = copied(source, target)
    said = subprocess.run(["sha256sum", source, target], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in said.splitlines()] == [proof.sha256] * 2


@pytest.mark.parametrize(("mode", "kept"), [(0o644, 0o644), (0o640, 0o640), (0o755, 0o644), (0o400, 0o600)])
def test_a_copy_has_the_permissions_of_its_source_and_its_owner_may_write(
    source: Path, target: Path, mode: int, kept: int
) -> None:
    source.chmod(mode)
    copied(source, target)
    assert target.stat().st_mode & 0o7777 == kept


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_parquet_file_tells_its_rows_and_times(source: Path, target: Path, unit: str) -> None:
    source, target = source.with_name("scada30.parquet"), target.with_name("scada30.parquet")
    rows = ROWS.set_column(0, "settlementdate", ROWS["settlementdate"].cast(pa.timestamp(unit)))
    pq.write_table(rows, source, row_group_size=300)
    proof = copied(source, target)
    times = pq.read_table(target)["settlementdate"].to_numpy().astype("datetime64[us]")
    assert (proof.rows, proof.first, proof.last) == (2000, times.min().item(), times.max().item())
    assert proof.first == datetime(2024, 1, 1, 0, 30)


def test_columns_in_capitals_tell_their_times_too(source: Path, target: Path) -> None:
    source, target = source.with_name("a.parquet"), target.with_name("a.parquet")
    pq.write_table(ROWS.rename_columns(["SETTLEMENTDATE", "DUID", "SCADAVALUE"]), source)
    assert copied(source, target).first == datetime(2024, 1, 1, 0, 30)


def _no_statistics(path: Path) -> None:
    pq.write_table(ROWS, path, write_statistics=False)


def _times_as_text(path: Path) -> None:
    pq.write_table(ROWS.set_column(0, "settlementdate", ROWS["settlementdate"].cast(pa.string())), path)


def _times_of_no_calendar(path: Path) -> None:
    times = pa.array(np.full(2000, np.iinfo(np.int64).max)).cast(pa.timestamp("ms"))
    pq.write_table(ROWS.set_column(0, "settlementdate", times), path)


@pytest.mark.parametrize("write", [_no_statistics, _times_as_text, _times_of_no_calendar])
def test_a_parquet_file_whose_times_cannot_be_read_is_copied_and_tells_none(
    source: Path, target: Path, write: Callable[[Path], None]
) -> None:
    source, target = source.with_name("a.parquet"), target.with_name("a.parquet")
    write(source)
    proof = copied(source, target)
    assert (proof.rows, proof.first, proof.last) == (2000, None, None)
    assert target.read_bytes() == source.read_bytes()


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, ("canary",)


def test_a_pickle_is_bytes_and_never_loaded(source: Path, target: Path) -> None:
    source.write_bytes(pickle.dumps(Payload()))
    copied(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert not Path("canary").exists()


NAMES = ["scada5 2", 'a "quoted" name', "it's", "two\nlines", "$(touch canary)", "-rf", "⚡ Strom", "e\u0301", "a*?[b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_strange(source: Path, target: Path, name: str) -> None:
    strange = source.rename(source.with_name(f"{name}.csv"))
    proof = copied(strange, target.with_name(strange.name))
    assert proof.path.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [strange.name]


def test_a_link_is_followed_and_its_file_copied(source: Path, target: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    copied(link, target)
    assert target.read_bytes() == CONTENT and not target.is_symlink()
    assert target.stat().st_ino != source.stat().st_ino


def test_memory_is_bounded_however_large_the_file_is(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", 1 << 20)
    with source.open("wb") as file:
        file.truncate(32 << 20)
    tracemalloc.start()
    try:
        copied(source, target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 << 20


def test_progress_is_told_in_bytes_up_to_all_of_them(source: Path, target: Path) -> None:
    told: list[tuple[int, int, str]] = []
    copied(source, target, Progress(lambda *one: told.append(one)))
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert {total for _, total, _ in told} == {len(CONTENT)}
    assert told[-1] == (len(CONTENT), len(CONTENT), "verifying gen_info.pkl")
    assert len(told) > 20  # a cancel is heard at every chunk of both halves
