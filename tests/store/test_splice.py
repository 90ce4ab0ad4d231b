"""Splicing compared with a merge of the whole file done by pandas."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aemo_ops import files
from aemo_ops.errors import SchemaMismatch
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.market.dataset import Column, Dataset, Mode
from aemo_ops.store.merge import Merge
from aemo_ops.store.splice import sections
from aemo_ops.store.splice.compaction import compact
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.update import splice
from tests.store.foreign import FRAME, HALF_HOUR, READERS, REFUSED, ROWS, SPLICEABLE, START, rows_at

EXAMPLES = int(os.environ.get("AEMO_OPS_EXAMPLES", "60"))  # scripts/soak asks for thousands
KEY = ["settlementdate", "duid"]
PAIR = Dataset(
    name="pair",
    title="Two values",
    columns=(*SCADA30.columns, Column("second", pa.float64())),
    key=SCADA30.key,
    cadence=timedelta(minutes=30),
    due_minutes=0,
    tolerance=0,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scada30.parquet"


def framed(rows: pa.Table) -> pd.DataFrame:
    """Rows for pandas, which takes a NaN for a null: a NaN is written as a number that nothing else has."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            values = rows[field.name]
            rows = rows.set_column(position, field.name, pc.if_else(pc.is_nan(values), -12345.678, values))
    return rows.to_pandas()


def merged_by_pandas(old: pd.DataFrame, new: pd.DataFrame, mode: Mode) -> tuple[pd.DataFrame, Merge]:
    """The merge of whole frames; mode `columns` names scadavalue."""
    before = old.set_index(KEY)
    if mode is Mode.COLUMNS and "second" in new:
        kept = new.drop(columns="second").merge(old[[*KEY, "second"]], on=KEY, how="left")
        new = kept[list(new.columns)]
    keep = "first" if mode is Mode.INSERT else "last"
    whole = pd.concat([old, new]).drop_duplicates(KEY, keep=keep).sort_values(KEY).reset_index(drop=True)
    after = whole.set_index(KEY)
    touched = new.set_index(KEY).index.unique().intersection(before.index)
    a, b = before.loc[touched], after.loc[touched]
    updated = int((~((a == b) | (a.isna() & b.isna())).all(axis=1)).sum())
    return whole, Merge(len(whole) - len(old), updated, len(touched) - updated)


def check_statistics(path: Path) -> None:
    """Each group's statistics are those of its rows, in pyarrow's words."""
    with pq.ParquetFile(path) as parquet:
        for group in range(parquet.metadata.num_row_groups):
            rows = parquet.read_row_group(group)
            for column, name in enumerate(rows.schema.names):
                told = parquet.metadata.row_group(group).column(column).statistics
                if not rows.num_rows:
                    continue
                values = rows[name].drop_null()
                if pa.types.is_floating(values.type):
                    values = values.filter(pc.invert(pc.is_nan(values)))
                assert told.null_count == rows[name].null_count
                if len(values) and told.has_min_max:
                    assert (told.min, told.max) == (pc.min(values).as_py(), pc.max(values).as_py())


row = st.tuples(
    st.integers(-3, 45),
    st.sampled_from(["A", "B", "C", "Ĉ" * 40, "D" * 3000]),
    st.one_of(st.none(), st.just(float("nan")), st.sampled_from([-0.0, 0.0, 1.5, -2.5, 1e300])),
    st.one_of(st.none(), st.sampled_from([1.0, 2.0])),
)
Row = tuple[int, str, float | None, float | None]


def table(rows: list[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    times = pa.array(START + np.array(columns[0], dtype=int) * HALF_HOUR)
    return pa.table([times, *map(list, columns[1:])], schema=PAIR.schema)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES <= 60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    old=st.lists(row, unique_by=lambda r: r[:2], max_size=60),
    news=st.lists(st.lists(row, max_size=25), min_size=1, max_size=3),
    group=st.integers(1, 15),
    mode=st.sampled_from(list(Mode)),
    indexed=st.booleans(),
)
def test_a_splice_equals_a_merge_of_the_whole_file_by_pandas(
    path: Path, old: list[Row], news: list[list[Row]], group: int, mode: Mode, indexed: bool
) -> None:
    pq.write_table(
        table(sorted(old, key=lambda r: r[:2])), path, row_group_size=group, write_page_index=indexed, version="2.6"
    )
    with patch.object(sections, "HOT", 8), patch.object(sections, "SEALED", 24):
        for rows in map(table, news):
            before = path.read_bytes()
            whole = pq.read_table(path)
            expected, counts = merged_by_pandas(framed(whole), framed(rows), mode)
            done = splice(path, rows, PAIR, mode, ("scadavalue",))
            assert (done.inserted, done.updated, done.unchanged) == (
                counts.inserted,
                counts.updated,
                counts.unchanged,
            )
            found = pq.read_table(path, page_checksum_verification=True)
            pd.testing.assert_frame_equal(framed(found), expected)
            assert found.schema == PAIR.schema
            for reader in ("pandas", "duckdb"):
                pd.testing.assert_frame_equal(READERS[reader](path), found.to_pandas(), check_dtype=reader == "pandas")
            check_statistics(path)
            assert path.read_bytes()[: len(before)] == before
            assert done.written == 0 or len(path.read_bytes()) > len(before)
            pd.testing.assert_frame_equal(framed(pq.read_table(pa.BufferReader(before))), framed(whole))
        compact(path, PAIR)
        pd.testing.assert_frame_equal(framed(pq.read_table(path)), expected)


NEW = {
    "the tail": (99, 100, 101),
    "far beyond the end": (5000,),
    "the middle": (50,),
    "before the start": (-7, -6),
    "everywhere": (-10, 0, 15, 47, 99, 120),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", SPLICEABLE)
def test_a_file_of_every_writer_is_spliced_and_read_by_every_reader(path: Path, kind: str, reader: str) -> None:
    SPLICEABLE[kind](path)
    try:
        kinds = READERS[reader](path).dtypes
    except NotImplementedError as error:
        pytest.skip(f"{reader} does not read what the writer wrote: {error}")
    old_schema = pq.read_schema(path)
    expected = FRAME
    for where in NEW.values():
        rows = rows_at(*where, ids=["UNIT03", "UNIT07", "WÖRK"], seed=len(where))
        expected, counts = merged_by_pandas(expected, rows.to_pandas(), Mode.UPSERT)
        done = splice(path, rows, SCADA30)
        assert (done.inserted, done.updated, done.unchanged) == (counts.inserted, counts.updated, counts.unchanged)
        check(READERS[reader](path), expected, kinds)
    assert pq.read_schema(path).remove_metadata() == old_schema.remove_metadata()
    compact(path, SCADA30)
    check(READERS[reader](path), expected, kinds)
    pq.ParquetFile(path, page_checksum_verification=True).read()


def check(found: pd.DataFrame, expected: pd.DataFrame, kinds: pd.Series) -> None:
    assert list(found.columns) == list(expected.columns)
    assert (found.dtypes == kinds).all() or isinstance(kinds["duid"], pd.CategoricalDtype)
    found = found.reset_index(drop=True).astype({"duid": "str"})
    pd.testing.assert_frame_equal(found, expected.astype({"duid": "str"}), check_dtype=False)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_spliced_is_refused_with_the_reason_and_untouched(path: Path, kind: str) -> None:
    write, reason = REFUSED[kind]
    write(path)
    before = path.read_bytes()
    with pytest.raises(SchemaMismatch, match=reason) as refusal:
        splice(path, rows_at(99, 100), SCADA30)
    assert str(path) in str(refusal.value) and "not changed" in str(refusal.value)
    assert path.read_bytes() == before


def test_a_group_too_large_to_decode_is_refused_only_when_it_is_met(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aemo_ops.store.splice.update.LARGEST", 1000)
    monkeypatch.setattr("aemo_ops.store.splice.sections.HOT", 100)
    pq.write_table(ROWS, path)
    with pytest.raises(SchemaMismatch, match="2,000 rows; at most 1,000"):
        splice(path, rows_at(50), SCADA30)
    assert splice(path, rows_at(100), SCADA30).inserted == 20


def test_statistics_that_lie_are_noticed(path: Path) -> None:
    pq.write_table(ROWS, path)
    content = path.read_bytes()
    first = int(START.astype("int64")).to_bytes(8, "little", signed=True)
    earlier = int((START - HALF_HOUR).astype("int64")).to_bytes(8, "little", signed=True)
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length :].replace(first, earlier)
    path.write_bytes(content[: -8 - length] + footer)
    with pytest.raises(SchemaMismatch, match="its statistics of settlementdate are not those of its rows"):
        splice(path, rows_at(100), SCADA30)


def test_nulls_are_refused_where_the_file_takes_none(path: Path) -> None:
    full = ROWS.filter(pc.is_valid(ROWS["scadavalue"]))
    pq.write_table(full.cast(pa.schema([field.with_nullable(False) for field in full.schema])), path)
    before = path.read_bytes()
    rows = rows_at(100).set_column(2, "scadavalue", pa.nulls(20, pa.float64()))
    with pytest.raises(SchemaMismatch, match="scadavalue takes no empty values"):
        splice(path, rows, SCADA30)
    assert path.read_bytes() == before
    assert splice(
        path, rows_at(101).fill_null(1.0) if hasattr(pa.Table, "fill_null") else full_rows(101), SCADA30
    ).inserted


def full_rows(at: int) -> pa.Table:
    rows = rows_at(at)
    return rows.set_column(2, "scadavalue", pc.fill_null(rows["scadavalue"], 1.0))


def test_rows_of_another_dataset_or_without_a_key_are_refused(path: Path) -> None:
    pq.write_table(ROWS, path)
    with pytest.raises(SchemaMismatch, match="rows for scada30 have columns"):
        splice(path, ROWS.select(["duid", "settlementdate", "scadavalue"]), SCADA30)
    with pytest.raises(SchemaMismatch, match="without duid"):
        splice(path, rows_at(100).set_column(1, "duid", pa.nulls(20, pa.string())), SCADA30)


def test_what_changes_nothing_writes_nothing(path: Path) -> None:
    pq.write_table(ROWS, path, row_group_size=300)
    before = path.stat()
    assert splice(path, ROWS, SCADA30).unchanged == 2000
    assert splice(path, ROWS.slice(0, 0), SCADA30) == Merge()
    assert splice(path, rows_at(3, seed=5), SCADA30, Mode.INSERT).unchanged == 20
    assert path.stat() == before


def test_a_file_without_rows_gets_its_first(path: Path) -> None:
    pq.write_table(ROWS.slice(0, 0), path)
    assert splice(path, ROWS, SCADA30).inserted == 2000
    assert pq.read_table(path).equals(ROWS)


def test_the_end_stays_small_over_a_thousand_updates(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "HOT", 160)
    monkeypatch.setattr(sections, "SEALED", 1000)
    monkeypatch.setattr(files, "flush", lambda _: None)
    pq.write_table(ROWS, path)
    for half in range(100, 300):
        splice(path, rows_at(half - 1, half, seed=half), SCADA30)
    footer = read_footer(path)
    sizes = [group.rows for group in footer.groups]
    assert footer.rows == 6000
    assert sizes[-1] <= 160 and max(sizes[1:]) <= 1500 and len(sizes) < 10


def test_the_metadata_of_a_file_stay(path: Path) -> None:
    named = ROWS.replace_schema_metadata({"owner": "somebody"})
    pq.write_table(named, path)
    splice(path, rows_at(100), SCADA30)
    assert pq.read_schema(path).metadata == {b"owner": b"somebody"}
    assert pq.read_schema(path).equals(named.schema, check_metadata=True)


def test_the_permissions_of_a_file_stay(path: Path) -> None:
    pq.write_table(ROWS, path)
    path.chmod(0o640)
    splice(path, rows_at(100), SCADA30)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_page_index_goes_on_where_the_file_has_one(path: Path) -> None:
    pq.write_table(ROWS, path, write_page_index=True, data_page_size=500, write_batch_size=50, row_group_size=300)
    splice(path, rows_at(50, 100), SCADA30)
    compact(path, SCADA30)
    footer = read_footer(path)
    assert all(len(chunk.indexes) == 2 for group in footer.groups for chunk in group.chunks)
    found = READERS["duckdb"](path)
    assert (found["settlementdate"] == START + 60 * HALF_HOUR).sum() == 20
