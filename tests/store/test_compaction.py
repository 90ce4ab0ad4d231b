from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import StoreCorrupt
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.store.splice import compaction as subject
from aemo_ops.store.splice import sections
from aemo_ops.store.splice.compaction import burden, compact, dead_bytes
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.update import splice
from tests.store.foreign import READERS, ROWS, optional, rows_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scada30.parquet"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of a few hundred rows count as large, so that each update leaves the others alone."""
    monkeypatch.setattr(sections, "HOT", 40)
    monkeypatch.setattr(sections, "SEALED", 250)


@pytest.fixture
def spliced(path: Path) -> Path:
    """Ten groups, three of them replaced since, one in the middle."""
    pq.write_table(ROWS, path, row_group_size=200)
    for half in (55, 99, 100):
        splice(path, rows_at(half, seed=half), SCADA30)
    return path


def dead(path: Path) -> int:
    return dead_bytes(read_footer(path), path.stat().st_size)


@pytest.mark.parametrize("merge", [True, False])
def test_compaction_drops_dead_bytes_and_no_row(spliced: Path, merge: bool) -> None:
    before, bytes_dead = pq.read_table(spliced), dead(spliced)
    done = compact(spliced, SCADA30, merge)
    assert bytes_dead > 1000
    assert dead(spliced) == 0
    assert (done.after, spliced.stat().st_size) == (spliced.stat().st_size, done.after)
    assert done.after < done.before - bytes_dead + 2000
    for reader in ("pandas", "duckdb"):
        found, expected = READERS[reader](spliced), before.to_pandas()
        pd.testing.assert_frame_equal(found, expected, check_dtype=reader == "pandas")
    assert pq.read_table(spliced, page_checksum_verification=True).equals(before)
    assert pq.read_schema(spliced).equals(before.schema, check_metadata=True)
    assert splice(spliced, rows_at(100, 101), SCADA30).inserted == 20


def test_small_sealed_groups_become_large_ones_but_the_hot_end_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SEALED", 200)
    monkeypatch.setattr(subject, "MERGED", 500)
    pq.write_table(ROWS, path, row_group_size=200)
    splice(path, rows_at(100), SCADA30)
    before = pq.read_table(path)
    compact(path, SCADA30)
    assert [group.rows for group in read_footer(path).groups] == [400] * 5 + [20]
    assert pq.read_table(path).equals(before)
    assert compact(path, SCADA30).groups_after == 6


@pytest.mark.parametrize("options", [{}, {"write_page_index": True}, {"data_page_version": "2.0"}])
def test_groups_of_others_are_copied_as_they_are(path: Path, options: dict[str, object]) -> None:
    pq.write_table(ROWS, path, row_group_size=300, compression="zstd", **options)
    splice(path, rows_at(100), SCADA30)
    before = pq.read_table(path)
    compact(path, SCADA30, merge=False)
    told = pq.read_metadata(path)
    assert told.row_group(0).column(0).compression == "ZSTD"
    assert told.row_group(0).column(0).has_offset_index == ("write_page_index" in options)
    assert pq.read_table(path).equals(before)


def test_bloom_filters_go_along(path: Path) -> None:
    if not hasattr(pq, "BloomFilterOptions") and "bloom_filter_options" not in pq.write_table.__code__.co_varnames:
        pytest.skip("this pyarrow writes no bloom filters")
    pq.write_table(ROWS, path, row_group_size=300, bloom_filter_options={"duid": True}, write_page_index=True)
    splice(path, rows_at(50, 100), SCADA30)
    compact(path, SCADA30, merge=False)
    footer = read_footer(path)
    content = path.read_bytes()
    blobs = [chunk.indexes[-1] for chunk in (group.chunks[1] for group in footer.groups) if len(chunk.indexes) == 3]
    assert blobs
    assert all(content[offset] == 0x15 for offset, _ in blobs)  # a bloom filter's header starts with its size, an i32
    assert len(READERS["duckdb"](path).query("duid == 'UNIT07'")) == 101


@pytest.mark.parametrize("reader", ["polars", "fastparquet"])
def test_other_readers_read_the_compacted_file(spliced: Path, reader: str) -> None:
    optional(reader)
    expected = pq.read_table(spliced).to_pandas()
    compact(spliced, SCADA30)
    found = READERS[reader](spliced)
    assert found["scadavalue"].equals(expected["scadavalue"])


def test_when_compaction_is_worth_its_while(spliced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    footer, size = read_footer(spliced), spliced.stat().st_size
    assert burden(footer, size) < 1
    assert burden(footer, size + (7 << 20)) < 1
    assert burden(footer, size + (9 << 20)) > 1
    assert burden(footer.with_groups([]), 4 + len(footer.with_groups([]).encoded)) == 0
    monkeypatch.setattr(subject, "SEALED", 100)
    monkeypatch.setattr(subject, "MERGEABLE_AT_MOST", 3)
    assert burden(footer, size) > 1


def test_a_copy_that_differs_is_noticed_before_anybody_reads_it(spliced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copied_wrong(source: int, start: int, length: int, target: int) -> str:
        block = bytearray(os.pread(source, length, start))
        block[-1] ^= 1
        os.write(target, block)
        return "read-write"

    before = spliced.read_bytes()
    monkeypatch.setattr(subject, "copy", copied_wrong)
    with pytest.raises(StoreCorrupt, match="is not what was copied"):
        compact(spliced, SCADA30, merge=False)
    assert spliced.read_bytes() == before
    assert not list(spliced.parent.glob(".*"))
