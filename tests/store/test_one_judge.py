"""`check` and the store judge a file alike: what one calls good the other updates, and what it refuses a repair mends."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import SchemaMismatch, StoreError
from aemo_ops.market.catalogue import SCADA5, SCADA30
from aemo_ops.store.contract.examination import examine
from aemo_ops.store.contract.normal import normalise
from aemo_ops.store.contract.problem import Kind
from aemo_ops.store.coverage import Summaries
from aemo_ops.store.parquet import Store
from aemo_ops.store.splice.footer import read_footer
from aemo_ops.store.splice.update import splice
from tests.store import foreign
from tests.store.legacy import NOW, START, good, minutes, row

ROWS = good(SCADA5)
# Before all others, between them, in place of some, and after all.
NEW = pa.concat_tables(
    [
        row(SCADA5, minutes(0), "AAA1", 100.0),
        row(SCADA5, minutes(60), "BAT1", 101.0),
        row(SCADA5, minutes(60), "NEW1", None),
        *(row(SCADA5, minutes(125), name, 102.0) for name in ("AAA1", "BAT1", "WIND1")),
    ]
)
KEY = list(SCADA5.key)
Write = Callable[[Path], Any]


def groups(sizes: Sequence[int], table: pa.Table = ROWS, **options: Any) -> Write:
    """The table in row groups of these sizes, 0 among them."""

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, table.schema, **options) as writer:
            at = 0
            for size in sizes:
                writer.write_table(table.slice(at, size))
                at += size
        assert [group.rows for group in read_footer(path).groups] == list(sizes)

    return write


def whole(table: pa.Table, **options: Any) -> Write:
    return lambda path: pq.write_table(table, path, row_group_size=20, **options)


def typed(column: str, kind: pa.DataType) -> pa.Table:
    return ROWS.set_column(ROWS.schema.names.index(column), column, ROWS[column].cast(kind))


def with_times(*forms: str) -> pa.Table:
    """The times as text, written in these forms in turn."""
    texts = [
        f"{time:%Y-%m-%d}{forms[n % len(forms)].format(time=time, utc=time - pd.Timedelta(hours=10))}"
        for n, time in enumerate(ROWS["settlementdate"].to_pylist())
    ]
    return ROWS.set_column(0, "settlementdate", pa.array(texts))


def among(*more: pa.Table) -> pa.Table:
    return pa.concat_tables([ROWS.slice(0, 40), *more, ROWS.slice(40)])


def required(*names: str) -> pa.Table:
    return ROWS.cast(pa.schema([field.with_nullable(field.name not in names) for field in ROWS.schema]))


def untrue_statistics(path: Path) -> None:
    whole(ROWS)(path)
    content, low = path.read_bytes(), pd.Timestamp(minutes(5)).value.to_bytes(8, "little")
    end = len(content) - int.from_bytes(content[-8:-4], "little") - 8
    footer = content[end:].replace(low, pd.Timestamp(minutes(1)).value.to_bytes(8, "little"))
    assert footer != content[end:]
    path.write_bytes(content[:end] + footer)


GOOD: dict[str, Write] = {
    "one group": groups([72]),
    "an empty group first": groups([0, 72]),
    "an empty group in the middle": groups([36, 0, 36]),
    "an empty group last": groups([72, 0]),
    "empty groups everywhere": groups([0, 0, 30, 0, 0, 1, 41, 0]),
    "empty groups, no Arrow schema": groups([0, 20, 0, 52], store_schema=False),
    "empty groups, page index": groups([0, 36, 0, 36], write_page_index=True),
    "empty groups, data page v2": groups([0, 36, 0, 36], data_page_version="2.0"),
    "groups of one row": groups([1] * 72),
    "a group that ends within an interval": groups([37, 35]),
    "large strings": whole(typed("duid", pa.large_string())),
    "string views": whole(typed("duid", pa.string_view())),
    "data page v2": whole(ROWS, data_page_version="2.0"),
    "page index": whole(ROWS, write_page_index=True),
    "checksums": whole(ROWS, write_page_checksum=True),
    "required keys": whole(required(*KEY)),
    **{codec: whole(ROWS, compression=codec) for codec in ("none", "gzip", "zstd", "brotli", "lz4")},
}
SICK: dict[str, Write] = {
    "unsorted": whole(ROWS.take(list(range(71, -1, -1)))),
    "unsorted, empty groups": groups([0, 30, 0, 42], ROWS.take(list(range(71, -1, -1)))),
    "units in another order": whole(ROWS.take([n ^ 1 for n in range(72)])),
    "groups out of order": whole(pa.concat_tables([ROWS.slice(40), ROWS.slice(0, 40)])),
    "no statistics": whole(ROWS, write_statistics=False),
    "no statistics of the time": whole(ROWS, write_statistics=["duid"]),
    "no statistics, empty groups": groups([0, 30, 0, 42], write_statistics=False),
    "untrue statistics": untrue_statistics,
    "a key twice": whole(among(ROWS.slice(39, 1))),
    "a key twice, far apart": whole(among(ROWS.slice(3, 1))),
    "no time": whole(among(row(SCADA5, None, "AAA1", 1.0))),
    "no id": whole(among(row(SCADA5, minutes(70), None, 1.0))),
    "an empty id": whole(among(row(SCADA5, minutes(70), "", 1.0))),
    "off the grid": whole(among(row(SCADA5, minutes(67), "AAA1", 1.0))),
    "dated 1700": whole(pa.concat_tables([row(SCADA5, datetime(1700, 1, 1), "AAA1", 1.0), ROWS])),
    "dated 1970": whole(pa.concat_tables([row(SCADA5, datetime(1970, 1, 1), "AAA1", 1.0), ROWS])),
    "dated 2099": whole(pa.concat_tables([ROWS, row(SCADA5, datetime(2099, 1, 1), "AAA1", 1.0)])),
    "microseconds": whole(ROWS, coerce_timestamps="us"),
    "int96": whole(ROWS, use_deprecated_int96_timestamps=True),
    "a time zone": whole(
        ROWS.set_column(0, "settlementdate", pc.assume_timezone(ROWS["settlementdate"], "Australia/Brisbane"))
    ),
    "times as text": whole(with_times(" {time:%H:%M:%S}")),
    "times with an offset": whole(with_times("T{time:%H:%M:%S}+10:00")),
    "times of every kind": whole(
        with_times(
            "T{time:%H:%M:%S}+10:00",
            " {time:%H:%M}",
            "T{time:%H:%M:%S}.000+1000",
            " {time:%H:%M:%S}+10",
            "T{time:%H:%M}",
        )
    ),
    "single precision": whole(typed("scadavalue", pa.float32())),
    "values as text": whole(typed("scadavalue", pa.string())),
    "a dictionary": whole(typed("duid", pa.dictionary(pa.int8(), pa.string()))),
    "another order of columns": whole(ROWS.select(["duid", "settlementdate", "scadavalue"])),
    "upper case": whole(ROWS.rename_columns([name.upper() for name in ROWS.schema.names])),
    "an extra column": whole(ROWS.append_column("note", pa.array(["x"] * 72))),
    "an index": lambda path: ROWS.to_pandas().set_index("settlementdate").to_parquet(path),
    "values that are required": whole(required("scadavalue")),
}


def expected(old: pa.Table, new: pa.Table) -> pd.DataFrame:
    """The merge of the whole file, by pandas."""
    both = pd.concat([old.to_pandas(), new.to_pandas()]).drop_duplicates(KEY, keep="last")
    return both.sort_values(KEY).reset_index(drop=True)


def same(path: Path, frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        pd.read_parquet(path).astype({"duid": object}), frame.astype({"duid": object}), check_dtype=False
    )


def store_of(path: Path) -> Store:
    folder = path.parent / "store"
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / "scada5.parquet")
    return Store(folder)


def merges(path: Path, rows: pa.Table, old: pa.Table = ROWS) -> None:
    """Into the file come these rows and no other change; then it is compacted, counted, and read in part."""
    store = store_of(path)
    store.merge(SCADA5, rows)
    there, frame = store.path(SCADA5), expected(old, rows)
    same(there, frame)
    extent = store.extent(SCADA5)
    assert (extent.rows, extent.first, extent.latest) == (
        len(frame),
        frame["settlementdate"].min(),
        frame["settlementdate"].max(),
    )
    store.compact(SCADA5)
    same(there, frame)


@pytest.mark.parametrize("name", GOOD)
def test_a_file_that_check_calls_good_takes_every_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scada5.parquet"
    GOOD[name](path)
    verdict = examine(path, NOW)
    assert verdict.ok and verdict.rows == 72
    merges(path, NEW)


@pytest.mark.parametrize("name", SICK)
def test_a_file_with_problems_takes_every_row_after_its_repair(tmp_path: Path, name: str) -> None:
    path, target = tmp_path / "scada5.parquet", tmp_path / "repaired.parquet"
    SICK[name](path)
    verdict = examine(path, NOW)
    assert verdict.cured_by_rewriting and not verdict.fatal
    done = normalise(path, target, SCADA5, NOW, drop_columns=True, accept_loss=True)
    assert done.after.ok and examine(target, NOW, SCADA5).ok
    merges(target, NEW)


@pytest.mark.parametrize("name", SICK)
def test_what_the_store_refuses_is_a_problem_and_what_it_takes_is_merged_exactly(tmp_path: Path, name: str) -> None:
    """A single row meets one row group, so a refusal may depend on where the row falls."""
    path = tmp_path / "scada5.parquet"
    SICK[name](path)
    for at in range(NEW.num_rows):
        store = store_of(path)
        there, new = store.path(SCADA5), NEW.slice(at, 1).to_pylist()
        before = pq.read_table(there).to_pylist()
        try:
            store.merge(SCADA5, NEW.slice(at, 1))
        except StoreError as error:
            assert isinstance(error, SchemaMismatch) and "aemo-ops check" in str(error)
            assert examine(path, NOW).cured_by_rewriting
            assert there.read_bytes() == path.read_bytes()
        else:
            others = [one for one in before if [one[key] for key in KEY] != [new[0][key] for key in KEY]]
            assert sorted(map(str, pq.read_table(there).to_pylist())) == sorted(map(str, others + new))


@pytest.mark.parametrize("sizes", [[], [0], [0, 0, 0]])
def test_a_file_of_nothing_but_empty_groups_is_good_and_takes_its_first_rows(tmp_path: Path, sizes: list[int]) -> None:
    path = tmp_path / "scada5.parquet"
    groups(sizes)(path)
    assert examine(path, NOW).ok
    assert Store(tmp_path).extent(SCADA5).rows == 0
    merges(path, ROWS, ROWS.slice(0, 0))


@pytest.mark.parametrize("name", [name for name in GOOD if "empty group" in name])
def test_empty_groups_change_nothing_in_what_is_read_counted_or_compacted(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scada5.parquet"
    GOOD[name](path)
    store = Store(tmp_path)
    summaries = Summaries(tmp_path / "summaries.sqlite")
    coverage = summaries.coverage(path, SCADA5)
    summaries.close()
    assert coverage.rows == 72 and coverage.ids == ["AAA1", "BAT1", "WIND1"]
    assert coverage.counts(START, minutes(120))[1].tolist() == [3] * 24
    assert sum(part.num_rows for part in store.parts(SCADA5, minutes(60))) == 36
    assert store.read(SCADA5, minutes(60), minutes(70)).equals(ROWS.slice(36, 6))
    store.compact(SCADA5)
    assert pq.read_table(path).equals(ROWS)
    assert all(group.rows for group in read_footer(path).groups)


def test_a_group_too_large_to_be_decoded_is_a_problem_before_a_row_comes_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aemo_ops.store.splice.fitness.LARGEST", 50)
    path, target = tmp_path / "scada5.parquet", tmp_path / "repaired.parquet"
    groups([60, 12])(path)
    (problem,) = examine(path, NOW).problems
    assert problem.kind is Kind.UNFIT and "60 rows; at most 50" in problem.detail
    with pytest.raises(SchemaMismatch, match="60 rows; at most 50"):
        store_of(path).merge(SCADA5, NEW)
    monkeypatch.setattr("aemo_ops.store.contract.groups.SEALED", 30)
    monkeypatch.setattr("aemo_ops.store.splice.fitness.LARGEST", 72)
    normalise(path, target, SCADA5, NOW)
    assert examine(target, NOW, SCADA5).ok
    merges(target, NEW)


def test_a_column_that_takes_no_empty_values_is_a_problem_before_one_comes(tmp_path: Path) -> None:
    path = tmp_path / "scada5.parquet"
    SICK["values that are required"](path)
    (problem,) = examine(path, NOW).problems
    assert problem.kind is Kind.UNFIT and "scadavalue takes no empty values" in problem.detail


@pytest.mark.parametrize("name", [*foreign.SPLICEABLE, *foreign.REFUSED])
def test_files_of_every_writer_are_judged_as_the_store_treats_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "scada30.parquet"
    write = foreign.SPLICEABLE.get(name) or foreign.REFUSED[name][0]
    write(path)
    verdict = examine(path, datetime(2024, 2, 1))
    every = foreign.rows_at(*range(-3, 103), seed=5)
    try:
        splice(path, every, SCADA30)
    except SchemaMismatch:
        assert not verdict.ok and verdict.cured_by_rewriting
    else:
        assert len(pd.read_parquet(path)) == every.num_rows
