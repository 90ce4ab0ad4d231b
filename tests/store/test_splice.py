"""Splicing compared with a merge of the whole file done by pandas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, seed, settings

from aemo_ops import files
from aemo_ops.errors import SchemaMismatch
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.market.dataset import Mode
from aemo_ops.store.merge import Merge
from aemo_ops.store.splice import sections
from aemo_ops.store.splice.compaction import compact
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.update import splice
from tests.conftest import SOAK
from tests.store.cases import BASES, KINDS, PAIR, Case, Update, cases, kinds, table
from tests.store.foreign import FRAME, HALF_HOUR, READERS, REFUSED, ROWS, SPLICEABLE, START, pandas_style, rows_at

EXAMPLES = 200 if SOAK else 4  # for each writer's files
KEY = ["settlementdate", "duid"]
NAN = -12345.678


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scada30.parquet"


def framed(rows: pa.Table) -> pd.DataFrame:
    """Rows for pandas, which takes a NaN for a null: a NaN is written as a number that nothing else has."""
    for position, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            values = rows[field.name]
            rows = rows.set_column(position, field.name, pc.if_else(pc.is_nan(values), NAN, values))
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


def check_statistics(path: Path, since: int) -> None:
    """The statistics of the groups that begin after byte `since` are those of their rows, in pyarrow's words."""
    ordered = 7 in read_footer(path).fields  # fastparquet does not tell how its texts are ordered
    with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
        for number in range(parquet.metadata.num_row_groups):
            group = parquet.metadata.row_group(number)
            if group.column(0).data_page_offset < since:
                continue
            rows = parquet.read_row_group(number)
            for column, name in enumerate(rows.schema.names):
                told, values = group.column(column).statistics, rows[name].drop_null()
                if pa.types.is_floating(values.type):
                    values = values.filter(pc.invert(pc.is_nan(values)))
                assert told.null_count == rows[name].null_count
                if len(values) and (name != "duid" or ordered):
                    assert (told.min, told.max) == (pc.min(values).as_py(), pc.max(values).as_py())


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of a few dozen rows counts as huge."""
    monkeypatch.setattr(sections, "HOT", 8)
    monkeypatch.setattr(sections, "SEALED", 24)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("base", BASES)
def test_a_splice_equals_a_merge_of_the_whole_file_by_pandas(path: Path, base: str, tally: Callable[..., None]) -> None:
    @settings(max_examples=EXAMPLES)
    @given(cases())
    def holds(case: Case) -> None:
        tally("generated files spliced and compacted")
        BASES[base](table(case.old), path, case.group)
        readers = readers_of(path)
        tally("of them misread by fastparquet from the start", len(READERS) - len(readers))
        for update in case.updates:
            expected = check_splice(path, update)
            check_read(path, expected, readers & {update.reader})
            tally("generated updates of them")
        compact(path, PAIR)
        check_read(path, expected, readers)

    (holds if SOAK else seed(list(BASES).index(base))(holds))()


def readers_of(path: Path) -> set[str]:
    """All readers, but fastparquet only where it reads right what the writer left: it lacks or mistakes some encodings."""
    try:
        check_read(path, framed(pq.read_table(path)), ["fastparquet"])
    except (NotImplementedError, AssertionError):
        return READERS.keys() - {"fastparquet"}
    return set(READERS)


def check_splice(path: Path, update: Update) -> pd.DataFrame:
    """Splice, as pandas would merge; what pandas would make of the file."""
    before, whole, rows = path.read_bytes(), pq.read_table(path), table(update.rows)
    expected, counts = merged_by_pandas(framed(whole), framed(rows), update.mode)
    done = splice(path, rows, PAIR, update.mode, ("scadavalue",))
    assert (done.inserted, done.updated, done.unchanged) == (counts.inserted, counts.updated, counts.unchanged)
    found = pq.read_table(path, page_checksum_verification=True)
    pd.testing.assert_frame_equal(framed(found), expected)
    assert found.schema.remove_metadata() == whole.schema.remove_metadata()
    assert path.read_bytes()[: len(before)] == before
    assert (path.stat().st_size > len(before)) == (done.written > 0) == counts.changed
    check_statistics(path, len(before))
    return expected


def check_read(path: Path, expected: pd.DataFrame, readers: Iterable[str]) -> None:
    """That each of them reads these rows, times and numbers in pandas' types; most of them show a NaN and a null alike."""
    alike = expected.replace(NAN, float("nan")).astype({"duid": "str"})
    for reader in readers:
        pd.testing.assert_frame_equal(READERS[reader](path).astype({"duid": "str"}), alike, check_column_type=False)


def test_the_generated_cases_are_of_every_kind() -> None:
    seen = Counter[str]()

    @settings(max_examples=100, derandomize=True)
    @given(cases())
    def look(case: Case) -> None:
        seen.update(set(kinds(case)))

    look()
    assert seen.keys() >= KINDS


def test_what_we_take_for_a_file_of_pandas_is_as_the_installed_one_writes_it(path: Path) -> None:
    FRAME.to_parquet(path)
    found, ours = pq.read_schema(path), pandas_style(ROWS, pd.__version__).schema
    assert found.equals(ours)
    assert json.loads(found.metadata[b"pandas"]) == json.loads(ours.metadata[b"pandas"])


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
    expected = expected.astype({"duid": "str"})
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_column_type=False)


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
    monkeypatch.setattr("aemo_ops.store.splice.fitness.LARGEST", 1000)
    monkeypatch.setattr("aemo_ops.store.splice.sections.HOT", 100)
    pq.write_table(ROWS, path)
    with pytest.raises(SchemaMismatch, match="2,000 rows; at most 1,000"):
        splice(path, rows_at(50), SCADA30)
    assert splice(path, rows_at(100), SCADA30).inserted == 20


def test_a_huge_group_is_cut_where_rows_meet_it(path: Path) -> None:
    rows, new = rows_at(*range(15_000)), rows_at(7_000, 20_000, ids=["UNIT07", "NEW"], seed=3)
    pq.write_table(rows, path, row_group_size=rows.num_rows)
    expected, counts = merged_by_pandas(rows.to_pandas(), new.to_pandas(), Mode.UPSERT)
    assert splice(path, new, SCADA30).inserted == counts.inserted
    pd.testing.assert_frame_equal(pd.read_parquet(path), expected)
    sizes = [group.rows for group in read_footer(path).groups]
    assert sum(sizes) == len(expected)
    assert 2 <= len(sizes) <= 4 and max(sizes) < 200_000


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
