"""The normal form equals what pandas makes of the file in memory, every row is accounted for, and the original stays."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aemo_ops.errors import AemoOpsError, FolderRefused, NoSpace, SchemaMismatch, StoreCorrupt, StoreError
from aemo_ops.market.catalogue import DATASETS, PRICES5, PRICES30, SCADA5, SCADA30, TRANSMISSION30
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.contract.census import take_census
from aemo_ops.store.contract.duplicates import Settled, settle
from aemo_ops.store.contract.examination import examine
from aemo_ops.store.contract.groups import Groups
from aemo_ops.store.contract.normal import Repair, is_untouched_result, normal_path, normalise
from aemo_ops.store.contract.slices import Sizes, slices
from aemo_ops.store.contract.stretches import Stretches
from aemo_ops.store.parquet import Store
from tests.conftest import SOAK
from tests.store.legacy import NOW, START, assert_is, by_pandas, good, minutes, row, write


def repair(source: Path, dataset: Dataset, drop_columns: bool = False) -> Repair:
    """Rewrite, and check what must hold of every rewriting."""
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    target = normal_path(source)
    done = normalise(source, target, dataset, NOW, drop_columns, accept_loss=True)
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before == done.source_sha256
    assert hashlib.sha256(target.read_bytes()).hexdigest() == done.target_sha256
    assert (source.stat().st_size, target.stat().st_size) == (done.source_size, done.target_size)
    assert done.rows_in == pq.read_metadata(source).num_rows
    assert done.left_out == done.off_grid + done.impossible + done.null_keys
    assert done.rows_in == done.rows_out + done.identical + done.differing + done.left_out
    assert_is(target, by_pandas(source, dataset), dataset)
    assert not examine(target, NOW, dataset).cured_by_rewriting
    assert sorted(path.name for path in source.parent.iterdir()) == sorted([source.name, target.name])
    return done


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_shuffled_rows_come_back_in_order(tmp_path: Path, dataset: Dataset) -> None:
    table = good(dataset, 200, START - timedelta(days=4))
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    done = repair(write(tmp_path / dataset.file_name, shuffled), dataset)
    assert (done.rows_in, done.rows_out) == (600, 600)
    assert pq.read_table(done.target).equals(table)


def test_the_last_of_differing_rows_stays_and_the_first_keys_are_told(tmp_path: Path) -> None:
    doubled = [
        good(SCADA5),
        good(SCADA5).slice(0, 2),
        row(SCADA5, minutes(10), "BAT1", 7.0),
        row(SCADA5, minutes(10), "BAT1", 8.0),
        row(SCADA5, minutes(5), "AAA1", 0.0),
    ]
    done = repair(write(tmp_path / "scada5.parquet", pa.concat_tables(doubled)), SCADA5)
    assert (done.identical, done.differing) == (3, 2)
    assert [dict(key)["duid"] for key in done.conflicts] == ["BAT1"]


def test_a_row_counts_as_identical_when_it_equals_the_row_that_stays(tmp_path: Path) -> None:
    values = (1.0, 2.0, None, 1.0, None, None)
    table = pa.concat_tables([row(SCADA5, minutes(5), "A", value) for value in values])
    done = repair(write(tmp_path / "scada5.parquet", table), SCADA5)
    assert (done.identical, done.differing, done.rows_out) == (2, 3, 1)


def test_five_minute_rows_leave_a_half_hour_file(tmp_path: Path) -> None:
    mixed = pa.concat_tables([good(PRICES30), good(PRICES5, 60, START + timedelta(hours=12)).cast(PRICES30.schema)])
    done = repair(write(tmp_path / "prices30.parquet", mixed), PRICES30)
    assert (done.off_grid, done.rows_out) == (150, 102)


def test_microseconds_upper_case_and_a_pandas_index_become_the_dataset_s_schema(tmp_path: Path) -> None:
    frame = good(PRICES5).to_pandas()
    frame["settlementdate"] = frame["settlementdate"].astype("datetime64[us]")
    path = tmp_path / "spot_hist.parquet"
    frame.rename(columns=str.upper).set_index("SETTLEMENTDATE").to_parquet(path)
    repair(path, PRICES5)
    target = normal_path(path)
    assert pq.read_table(target).equals(good(PRICES5))
    assert pq.read_metadata(target).row_group(0).column(0).compression == "SNAPPY"
    kinds = duckdb.sql(f"describe select * from '{target}'").fetchall()
    assert [kind for _, kind, *_ in kinds] == ["TIMESTAMP_NS", "VARCHAR", "DOUBLE"]
    assert isinstance(pd.read_parquet(target).index, pd.RangeIndex)


def test_an_index_without_a_name_becomes_the_time_column(tmp_path: Path) -> None:
    path = tmp_path / "prices5.parquet"
    good(PRICES5).to_pandas().set_index("settlementdate").rename_axis(None).to_parquet(path)
    normalise(path, normal_path(path), PRICES5, NOW)
    assert pq.read_table(normal_path(path)).equals(good(PRICES5))


@pytest.mark.parametrize("how", ["plain", "dictionary"])
def test_ids_with_spaces_around_them_are_told_and_lose_them(tmp_path: Path, how: str) -> None:
    rows = good(SCADA5)
    names = [name if at % 3 else f" {name} " for at, name in enumerate(rows["duid"].to_pylist())]
    ids = pa.array(names, pa.string())
    odd = rows.set_column(1, "duid", ids if how == "plain" else ids.dictionary_encode())
    source = write(tmp_path / "scada5.parquet", odd)
    told = {problem.kind: problem.count for problem in examine(source, NOW, SCADA5).problems}
    assert told["padded_id"] == sum(name != name.strip() for name in names)
    assert pq.read_table(repair(source, SCADA5).target).to_pydict() == rows.to_pydict()


def test_missing_value_columns_become_null(tmp_path: Path) -> None:
    path = write(tmp_path / "transmission30.parquet", good(TRANSMISSION30).drop_columns(["exportlimit", "mwflow"]))
    done = repair(path, TRANSMISSION30)
    assert done.added == ("mwflow", "exportlimit")
    assert pq.read_table(done.target)["mwflow"].null_count == 72


def test_extra_columns_go_only_when_that_is_confirmed(tmp_path: Path) -> None:
    table = good(SCADA5)
    path = write(tmp_path / "scada5.parquet", table.append_column("quality", pa.array(["x"] * table.num_rows)))
    with pytest.raises(SchemaMismatch, match=r"quality.*--drop-columns"):
        normalise(path, normal_path(path), SCADA5, NOW)
    assert not normal_path(path).exists()
    assert repair(path, SCADA5, drop_columns=True).dropped == ("quality",)


def test_text_becomes_times_and_numbers_and_what_says_nothing_is_counted(tmp_path: Path) -> None:
    table = pa.table(
        {
            "settlementdate": ["2026/04/20 00:10:00", "2026-04-20 00:05", "2026-02-30 00:05:00"],
            "duid": pa.array(["B", "A", "A"]).dictionary_encode(),
            "scadavalue": ["1.5", "n/a", "2"],
        }
    )
    path = write(tmp_path / "scada5.parquet", table)
    done = normalise(path, normal_path(path), SCADA5, NOW, accept_loss=True)
    assert (done.null_keys, done.unread_keys, done.unread, done.rows_out) == (1, 1, 1, 2)
    assert pq.read_table(done.target).to_pydict() == {
        "settlementdate": [pd.Timestamp(minutes(5)), pd.Timestamp(minutes(10))],
        "duid": ["A", "B"],
        "scadavalue": [None, 1.5],
    }


def test_nan_becomes_null_and_infinite_future_and_empty_rows_stay_and_are_told(tmp_path: Path) -> None:
    values = {5: float("nan"), 10: float("inf"), 60 * 48: 1.0, 15: 2.0}
    path = write(
        tmp_path / "scada5.parquet",
        pa.concat_tables([row(SCADA5, minutes(n), "A", value) for n, value in values.items()]),
    )
    done = repair(path, SCADA5)
    assert (done.nan, done.rows_out) == (1, 4)
    assert pq.read_table(done.target)["scadavalue"].to_pylist() == [None, float("inf"), 2.0, 1.0]
    assert {str(problem.kind) for problem in done.remaining} == {"infinite", "future", "no_value"}


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("settlementdate", pa.array([1, 2, 3]), "int64"),
        ("settlementdate", pa.array([1, 1, 1], pa.date32()), "date32"),
        ("scadavalue", pa.array([[1.0], [2.0], []]), "list"),
        ("scadavalue", pa.array([True, False, None]), "bool"),
        ("duid", pa.array([1, 2, 3]), "int64"),
        ("duid", None, "part of the key"),
    ],
)
def test_a_column_that_cannot_be_read_for_certain_is_refused(
    tmp_path: Path, column: str, values: pa.Array | None, told: str
) -> None:
    table = good(SCADA5, 1).drop_columns([column])
    if values is not None:
        table = table.append_column(column, values)
    path = write(tmp_path / "scada5.parquet", table)
    with pytest.raises(SchemaMismatch, match=told):
        normalise(path, normal_path(path), SCADA5, NOW)
    assert not normal_path(path).exists()


def test_a_file_of_which_no_row_could_stay_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "prices30.parquet", good(PRICES5, 5).cast(PRICES30.schema))
    with pytest.raises(SchemaMismatch, match="none of its 15 rows"):
        normalise(path, normal_path(path), PRICES30, NOW)
    assert not normal_path(path).exists()


def test_everything_at_once_is_mended_and_accounted_for(tmp_path: Path) -> None:
    frame = pd.concat([good(SCADA30, 48).to_pandas(), good(SCADA5, 30, START + timedelta(hours=3)).to_pandas()])
    frame = pd.concat([frame, frame.tail(5), frame.head(3).assign(scadavalue=-1.0), frame.head(3).assign(duid=None)])
    frame = frame.sample(frac=1.0, random_state=3)
    frame["settlementdate"] = frame["settlementdate"].astype("datetime64[us]")
    frame["extra"] = 1
    path = tmp_path / "scada30.parquet"
    frame.rename(columns=str.upper).set_index("SETTLEMENTDATE").to_parquet(path, row_group_size=17)
    done = repair(path, SCADA30, drop_columns=True)
    assert done.null_keys == 3 and done.dropped == ("EXTRA",)
    assert {str(problem.kind) for problem in done.before.problems} >= {"unsorted", "wrong_type", "wrong_case"}
    assert done.after.ok


TIMES = st.one_of(
    st.none(),
    st.integers(0, 40).map(lambda n: START + timedelta(minutes=5 * n)),
    st.integers(0, 10).map(lambda n: START + timedelta(days=n, minutes=30)),
    st.just(START + timedelta(seconds=7)),
)
ROWS = st.lists(
    st.tuples(
        TIMES,
        st.sampled_from(["AAA1", "BAT1", "ÖRE1", "", None]),
        st.sampled_from([0.0, 1.0, -2.5, None, float("nan"), float("inf")]),
    ),
    max_size=60,
)


@st.composite
def files(draw: st.DrawFn) -> tuple[pa.Table, int, bool]:
    """A table with a mix of defects, the size of its row groups, whether it has statistics."""
    rows = draw(ROWS)
    unit = draw(st.sampled_from(["ns", "us", "ms"]))
    text = draw(st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]))
    arrays = {
        "settlementdate": pa.array([time for time, _, _ in rows], pa.timestamp(unit)),
        "duid": pa.array([name for _, name, _ in rows], pa.string()).cast(text),
        "scadavalue": pa.array([value for _, _, value in rows], pa.float64()),
    }
    if draw(st.booleans()):
        arrays["extra"] = pa.array(range(len(rows)))
    if draw(st.booleans()):
        del arrays["scadavalue"]
    upper = draw(st.booleans())
    names = draw(st.permutations(list(arrays)))
    table = pa.table({name.upper() if upper else name: arrays[name] for name in names})
    return table, draw(st.integers(1, 70)), draw(st.booleans())


@settings(max_examples=1000 if SOAK else 120, deadline=None)
@given(files(), st.sampled_from([SCADA5, SCADA30]))
def test_any_mix_of_defects_becomes_what_pandas_makes_of_it(
    mixed: tuple[pa.Table, int, bool], dataset: Dataset
) -> None:
    table, rows, statistics = mixed
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / dataset.file_name, table, rows, write_statistics=statistics)
        if table.num_rows and by_pandas(path, dataset).empty:
            with pytest.raises(SchemaMismatch, match="none of its"):
                repair(path, dataset, drop_columns=True)
            return
        done = repair(path, dataset, drop_columns=True)
        checked = {problem.kind: problem.count for problem in examine(path, NOW).problems}
        repaired = {problem.kind: problem.count for problem in done.before.problems}
        assert checked == repaired


@settings(max_examples=1000 if SOAK else 80, deadline=None)
@given(ROWS, st.integers(1, 30), st.integers(1, 9), st.integers(1, 12), st.integers(1, 25))
def test_slices_give_each_row_once_in_order_however_little_may_be_held(
    rows: list[tuple[object, object, object]], group: int, stretch: int, of_slice: int, waiting: int
) -> None:
    arrays = zip(*rows, strict=True) if rows else ([], [], [])
    table = pa.table([pa.array(values) for values in arrays], names=SCADA5.schema.names).cast(SCADA5.schema)
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "scada5.parquet", table, group)
        with path.open("rb") as source:
            census = take_census(Stretches(source, path, SCADA5, stretch), NOW)
            given = list(slices(census, Path(folder), Sizes(of_slice, waiting)))
        settled = Settled()
        kept = [settle(one, SCADA5, settled).cast(SCADA5.schema) for one in given]
        result = write(Path(folder) / "result.parquet", pa.concat_tables([SCADA5.schema.empty_table(), *kept]))
        assert_is(result, by_pandas(path, SCADA5), SCADA5)
        assert sum(one.num_rows for one in given) == census.usable


@settings(max_examples=1000 if SOAK else 60, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=30), st.integers(1, 10), st.integers(0, 10), st.integers(1, 5))
def test_groups_are_cut_where_an_interval_ends_and_the_last_is_small(
    at_each: list[int], hot: int, more: int, piece: int
) -> None:
    sealed, largest = hot + more, max(at_each, default=0)
    times = [START + timedelta(minutes=5 * n) for n, rows in enumerate(at_each) for _ in range(rows)]
    names = [f"D{n}" for rows in at_each for n in range(rows)]
    table = pa.table([times, names, [1.0] * len(times)], schema=SCADA5.schema)
    sink = BytesIO()
    with Groups(sink, SCADA5, sealed, hot) as groups:
        for first in range(0, len(at_each), piece):
            groups.add(table.slice(sum(at_each[:first]), sum(at_each[first : first + piece])))
        groups.finish()
    written = pq.ParquetFile(sink)
    assert written.read().equals(table)
    found = [set(written.read_row_group(n)["settlementdate"].to_pylist()) for n in range(written.num_row_groups)]
    assert sum(map(len, found)) == len(at_each)
    sizes = [written.metadata.row_group(n).num_rows for n in range(written.num_row_groups)]
    assert all(size < sealed + largest for size in sizes)
    assert not sizes or sizes[-1] <= max(hot, largest)


def test_the_store_goes_on_with_a_normal_form(tmp_path: Path) -> None:
    source = write(tmp_path / "old.parquet", good(SCADA5).slice(0, 30).sort_by([("duid", "ascending")]))
    store = Store(tmp_path)
    normalise(source, store.path(SCADA5), SCADA5, NOW)
    assert store.merge(SCADA5, good(SCADA5)).inserted == 42
    assert store.read(SCADA5).equals(good(SCADA5))


def test_a_target_that_exists_is_kept_and_the_source_is_never_the_target(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    target = tmp_path / "mine.parquet"
    target.write_bytes(b"precious")
    with pytest.raises(StoreError, match="exists already"):
        normalise(path, target, SCADA5, NOW)
    assert target.read_bytes() == b"precious"
    target.unlink()
    os.link(path, target)
    for same in (path, target):
        with pytest.raises(StoreError, match="the source itself"):
            normalise(path, same, SCADA5, NOW, overwrite=True)


def test_a_result_is_ours_until_somebody_changes_it(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    target = normal_path(path)
    assert not is_untouched_result(target) and not is_untouched_result(path)
    normalise(path, target, SCADA5, NOW)
    assert is_untouched_result(target)
    first = target.read_bytes()
    normalise(path, target, SCADA5, NOW, overwrite=True)
    assert target.read_bytes() == first
    # What a splice does: more row groups and another footer after the old one, its notes kept.
    target.write_bytes(first + b"rows" + first[-int.from_bytes(first[-8:-4], "little") - 8 :])
    assert not is_untouched_result(target)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 90 + b"\x09\0\0\0PAR1"])
def test_a_source_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scada5.parquet"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match="nothing was written"):
        normalise(path, normal_path(path), SCADA5, NOW)
    with pytest.raises(StoreCorrupt, match="does not exist"):
        normalise(tmp_path / "gone.parquet", normal_path(path), SCADA5, NOW)
    assert not normal_path(path).exists()


def test_a_source_with_a_damaged_row_group_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5, 400), 300, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt):
        normalise(path, normal_path(path), SCADA5, NOW)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scada5.parquet"]


@pytest.mark.parametrize("how", ["replaced", "rewritten"])
def test_a_source_that_changes_meanwhile_is_noticed(tmp_path: Path, how: str) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    other = write(tmp_path / "other.parquet", good(SCADA5))

    def change(_done: int, _of: int) -> None:
        if how == "replaced":
            shutil.copy(other, tmp_path / "new.parquet").replace(path)
        else:
            content = bytearray(path.read_bytes())
            content[100] ^= 1
            path.write_bytes(content)

    with pytest.raises(StoreError, match="changed while it was read"):
        normalise(path, normal_path(path), SCADA5, NOW, progress=change)
    assert not normal_path(path).exists()


def test_progress_counts_up_to_the_rows_and_may_cancel(tmp_path: Path) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))
    told: list[tuple[int, int]] = []
    normalise(path, normal_path(path), SCADA5, NOW, progress=lambda done, of: told.append((done, of)))
    assert told == [(72, 72)]

    def cancel(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        normalise(path, tmp_path / "other.parquet", SCADA5, NOW, progress=cancel)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["scada5.normal.parquet", "scada5.parquet"]


@pytest.mark.parametrize(("code", "error"), [(28, NoSpace), (13, FolderRefused), (30, FolderRefused)])
def test_a_folder_that_takes_no_file_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[AemoOpsError]
) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5))

    def refuse(_fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("aemo_ops.files.os.fsync", refuse)
    with pytest.raises(error):
        normalise(path, normal_path(path), SCADA5, NOW)
    assert [entry.name for entry in tmp_path.iterdir()] == ["scada5.parquet"]


SPILLING = """
import sys
from datetime import datetime
from pathlib import Path
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.contract.normal import normalise
normalise(Path(sys.argv[1]), Path(sys.argv[2]), SCADA5, datetime(2026, 4, 21, 12))
"""


@pytest.mark.parametrize("point", ["normal.before_verify", "publish.before_replace", "publish.after_replace"])
def test_kill_9_leaves_no_half_result_and_a_second_run_ends_the_work(tmp_path: Path, point: str) -> None:
    path = write(tmp_path / "scada5.parquet", good(SCADA5).sort_by([("duid", "ascending")]))
    target = normal_path(path)
    done = subprocess.run(
        [sys.executable, "-c", SPILLING, str(path), str(target)],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{point}=kill"},
        check=False,
    )
    assert done.returncode == -9
    assert target.exists() is (point == "publish.after_replace")
    normalise(path, target, SCADA5, NOW, overwrite=is_untouched_result(target))
    assert pq.read_table(target).equals(good(SCADA5))
    assert {entry.name for entry in tmp_path.iterdir()} == {"scada5.parquet", "scada5.normal.parquet"}
