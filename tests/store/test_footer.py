from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import AemoOpsError, SchemaMismatch, StoreCorrupt
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.store.splice.fitness import footer_of
from aemo_ops.store.splice.footer import Footer, read_footer
from aemo_ops.store.splice.rowgroup import viewed
from aemo_ops.store.splice.successor import original
from aemo_ops.store.splice.thrift import I16, decode
from tests.store.foreign import FRAME, ROWS, SPLICEABLE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scada30.parquet"


def with_footer(path: Path, footer: Footer) -> None:
    """Replace the footer of a file."""
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[: -8 - length] + footer.encoded)


@pytest.mark.parametrize("kind", SPLICEABLE)
def test_the_footer_tells_what_pyarrow_tells(path: Path, kind: str) -> None:
    SPLICEABLE[kind](path)
    footer, told = read_footer(path), pq.read_metadata(path)
    assert footer.rows == told.num_rows
    assert footer.metadata == {key: value for key, value in (told.metadata or {}).items()}
    assert [column.kind for column in footer.columns] == ["timestamp[ns]", "string", "double"]
    for position, group in enumerate(footer.groups):
        assert group.rows == told.row_group(position).num_rows
        for column, chunk in enumerate(group.chunks):
            other = told.row_group(position).column(column)
            start = other.dictionary_page_offset or other.data_page_offset
            assert (chunk.column, chunk.start, chunk.length) == (
                other.path_in_schema,
                min(start, other.data_page_offset),
                other.total_compressed_size,
            )
        statistics = told.row_group(position).column(0).statistics
        assert footer.spans("settlementdate")[position] == (statistics.min.value, statistics.max.value)


@pytest.mark.parametrize("kind", SPLICEABLE)
def test_a_footer_written_again_reads_the_same(path: Path, kind: str) -> None:
    SPLICEABLE[kind](path)
    before = pq.read_table(path)
    footer = read_footer(path)
    with_footer(path, footer.with_groups(footer.groups))
    after = pq.read_table(path)
    assert after.equals(before)
    assert after.schema.equals(before.schema, check_metadata=True)


def test_groups_left_out_are_rows_left_out_of_pandas_range_too(path: Path) -> None:
    FRAME.to_parquet(path, row_group_size=300)
    footer = read_footer(path)
    with_footer(path, footer.with_groups([footer.groups[0], footer.groups[3]]))
    frame = pd.read_parquet(path)
    pd.testing.assert_frame_equal(frame, FRAME.iloc[[*range(300), *range(900, 1200)]].reset_index(drop=True))
    told = json.loads(pq.read_metadata(path).metadata[b"pandas"])
    assert told["index_columns"][0]["stop"] == 600


def test_groups_are_numbered_anew_where_the_writer_numbers_them(path: Path) -> None:
    _numbered(path)
    footer = read_footer(path)
    with_footer(path, footer.with_groups([footer.groups[3], footer.groups[0]]))
    assert [group.ordinal for group in read_footer(path).groups] == [0, 1]
    assert pq.read_table(path).num_rows == 600


def _numbered(path: Path) -> None:
    """A file as DuckDB and older pyarrow write it: each row group says its place."""
    pq.write_table(ROWS, path, row_group_size=300)
    footer = read_footer(path)
    groups = []
    for ordinal, group in enumerate(footer.groups):
        fields, _ = decode(group.encoded)
        groups.append(viewed({**fields, 7: (I16, ordinal)}))
    with_footer(path, footer.with_groups(groups))


def test_the_first_and_latest_time_are_there_whatever_the_order(path: Path) -> None:
    pq.write_table(pa.concat_tables([ROWS.slice(1000), ROWS.slice(0, 1000)]), path, row_group_size=300)
    footer = read_footer(path)
    assert footer.bounds("settlementdate") == (datetime(2024, 1, 1, 0, 30), datetime(2024, 1, 3, 2))
    with pytest.raises(SchemaMismatch, match="row group 3"):
        footer.spans("settlementdate")


@pytest.mark.parametrize("no_rows", ["no group", "an empty group"])
def test_a_file_without_rows_has_no_times(path: Path, no_rows: str) -> None:
    pq.write_table(ROWS.slice(0, 0), path)
    if no_rows == "no group":
        with_footer(path, read_footer(path).with_groups([]))
    footer = read_footer(path)
    assert (footer.rows, footer.bounds("settlementdate")) == (0, None)


def test_a_damaged_footer_of_ours_is_noticed_at_every_bit(path: Path) -> None:
    pq.write_table(ROWS, path)
    footer = read_footer(path)
    with_footer(path, footer.with_groups(footer.groups))
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    for at in range(8 * (len(content) - length - 8), 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises((StoreCorrupt, SchemaMismatch)):
            read_footer(path)


def test_a_footer_that_points_outside_the_file_is_corrupt(path: Path) -> None:
    pq.write_table(ROWS, path)
    content = path.read_bytes()
    path.write_bytes(content[:4] + content[1000:])
    with pytest.raises(StoreCorrupt, match="outside the file"):
        read_footer(path)


@pytest.mark.parametrize("kind", ["pyarrow, page index", "duckdb", "polars", "fastparquet"])
def test_a_damaged_footer_of_another_writer_is_an_error_of_ours_or_readable(path: Path, kind: str) -> None:
    SPLICEABLE[kind](path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    generator = np.random.default_rng(3)
    for _ in range(500):
        damaged = bytearray(content)
        for at in generator.integers(len(content) - length - 8, len(content) - 8, 2):
            damaged[at] = generator.integers(256)
        path.write_bytes(damaged)
        try:
            with original(path, lambda: None) as old:
                footer_of(old, SCADA30).with_groups([])
        except AemoOpsError:
            continue


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 3, b"PAR1" + b"x" * 100 + b"PAR1", b"no parquet at all"])
def test_what_is_no_parquet_is_corrupt(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        read_footer(path)


def test_an_encrypted_file_is_refused(path: Path) -> None:
    path.write_bytes(b"PARE" + bytes(100) + b"PARE")
    with pytest.raises(SchemaMismatch, match="encrypted"):
        read_footer(path)


def test_the_span_of_ten_years_is_read_in_milliseconds(path: Path) -> None:
    pq.write_table(ROWS, path)
    footer = read_footer(path)
    with_footer(path, footer.with_groups(list(footer.groups) * 60))
    read_footer(path)
    started = time.perf_counter()
    for _ in range(20):
        read_footer(path).bounds("settlementdate")
    assert (time.perf_counter() - started) / 20 < 0.02  # 0.5 ms; the machine that runs this may be busy
