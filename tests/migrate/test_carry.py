"""Rows go over by key and none is lost, whatever form the old file has; and they come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import SchemaMismatch, UnreadableNow
from aemo_ops.market.catalogue import DATASETS, PRICES5, PRICES30, SCADA5
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate import carry as carrying
from aemo_ops.migrate.carry import carry, carry_back, lost
from aemo_ops.store.lease import adopt
from aemo_ops.store.parquet import Store
from tests.conftest import NOON
from tests.migrate.comparing import BEGIN, fives, inside, right, table
from tests.migrate.stepping import quiet

MIDDLE = BEGIN + timedelta(hours=1)
Change = Callable[[pa.Table], pa.Table]
FORMS: dict[str, Change] = {
    "normal": lambda rows: rows,
    "us": lambda rows: rows.set_column(0, "settlementdate", rows[0].cast(pa.timestamp("us"))),
    "upper case": lambda rows: rows.rename_columns([name.upper() for name in rows.column_names]),
    "unsorted": lambda rows: rows.take(pa.array(range(rows.num_rows)[::-1])),
    "doubled": lambda rows: pa.concat_tables([rows, rows]),
    "extra column": lambda rows: rows.append_column("type", pa.array(["x"] * rows.num_rows)),
}

# Forms that only the normal form's own reader knows.
ODD: dict[str, Change] = {
    "text": lambda rows: timed(rows, pc.strftime(rows[0].cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")),
    "AEMO's text": lambda rows: timed(rows, pc.strftime(rows[0].cast(pa.timestamp("s")), "%Y/%m/%d %H:%M:%S")),
    "ISO text": lambda rows: timed(rows, pc.strftime(rows[0].cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%S")),
    "instants": lambda rows: timed(rows, pc.assume_timezone(rows[0], "Australia/Brisbane")),
    "values as text": lambda rows: rows.set_column(2, "rrp", rows[2].cast(pa.string())),
}


def timed(rows: pa.Table, times: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(0, "settlementdate", times)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    adopt(tmp_path / "new")
    return Store(tmp_path / "new")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    (tmp_path / "old").mkdir()
    return tmp_path / "old"


def frame(path: Path) -> pd.DataFrame:
    found = pd.read_parquet(path).rename(columns=str.lower)
    found["settlementdate"] = found["settlementdate"].astype("datetime64[ns]")
    return found.sort_values(list(found.columns[:2]), ignore_index=True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_every_row_of_the_old_file_comes_over(dataset: Dataset, form: str, old: Path, store: Store) -> None:
    rows = table(dataset, right(dataset))
    pq.write_table(FORMS[form](rows), old / "x.parquet")
    found = carry(dataset, old / "x.parquet", store, None, quiet())
    assert (found.inserted, found.until) == (rows.num_rows, right(dataset)[-1][0])
    pd.testing.assert_frame_equal(frame(store.path(dataset)), rows.to_pandas())
    assert carry(dataset, old / "x.parquet", store, None, quiet()).inserted == 0
    assert lost(dataset, old / "x.parquet", store.path(dataset), NOON) == []


def test_a_row_that_is_there_stays_and_only_later_rows_are_looked_at(old: Path, store: Store) -> None:
    rows = table(PRICES5, right(PRICES5))
    ours = rows.slice(60, 5).set_column(2, "rrp", pa.array([-1.0] * 5))
    store.merge(PRICES5, ours)
    pq.write_table(rows, old / "prices5.parquet")
    found = carry(PRICES5, old / "prices5.parquet", store, MIDDLE, quiet())
    later = int(pc.sum(pc.greater(rows[0], pa.scalar(MIDDLE, pa.timestamp("ns")))).as_py())
    assert found.inserted == later - 5
    there = store.read(PRICES5)
    assert there.num_rows == later and there["rrp"].to_pylist().count(-1.0) == 5


def test_five_minute_rows_of_a_half_hour_file_stay_behind_and_are_counted(old: Path, store: Store) -> None:
    stray = [row for row in inside(fives(PRICES30)) if row[0].minute % 30]
    pq.write_table(table(PRICES30, right(PRICES30) + stray), old / "prices30.parquet")
    found = carry(PRICES30, old / "prices30.parquet", store, None, quiet())
    assert (found.inserted, found.off_grid) == (len(right(PRICES30)), len(stray))
    assert lost(PRICES30, old / "prices30.parquet", store.path(PRICES30), NOON) == []


def test_lost_rows_are_named(old: Path, store: Store) -> None:
    rows = table(SCADA5, right(SCADA5))
    pq.write_table(rows, old / "scada5.parquet")
    store.merge(SCADA5, rows.filter(pa.array([at not in (4, 7) for at in range(rows.num_rows)])))
    gone = [f"{end} {name}" for at, (end, name, _) in enumerate(right(SCADA5)) if at in (4, 7)]
    assert lost(SCADA5, old / "scada5.parquet", store.path(SCADA5), NOON) == gone


def test_a_file_that_is_being_written_is_read_when_it_is_whole(old: Path, store: Store) -> None:
    rows = table(PRICES5, right(PRICES5))
    path = old / "prices5.parquet"
    pq.write_table(rows, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableNow, match="is writing it"):
        carry(PRICES5, path, store, None, quiet(), pauses=(0.01, 0.01))
    assert not store.path(PRICES5).exists()
    later = threading.Timer(0.2, lambda: path.write_bytes(whole))
    later.start()
    assert carry(PRICES5, path, store, None, quiet(), pauses=(0.1,) * 100).inserted == rows.num_rows
    later.join()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableNow, match="is writing it"):
        lost(PRICES5, path, store.path(PRICES5), NOON)
    later = threading.Timer(0.2, lambda: path.write_bytes(whole))
    later.start()
    assert lost(PRICES5, path, store.path(PRICES5), NOON, pauses=(0.1,) * 100) == []
    later.join()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dataset", [PRICES5, PRICES30], ids=lambda d: d.name)
def test_what_was_collected_since_comes_back_and_the_old_rows_stay(
    dataset: Dataset, form: str, old: Path, store: Store
) -> None:
    rows = table(dataset, right(dataset))
    first = rows.filter(pc.less_equal(rows[0], pa.scalar(MIDDLE, pa.timestamp("ns"))))
    path = old / dataset.file_name
    before = FORMS[form](first)
    pq.write_table(before, path)
    store.merge(dataset, rows)
    found = carry_back(dataset, store, path, MIDDLE - timedelta(minutes=30))
    assert found.inserted == rows.num_rows - first.num_rows
    after = pq.read_table(path)
    assert after.schema.remove_metadata() == before.schema
    kept = before.to_pandas()
    again = after.to_pandas()
    if form == "normal":
        pd.testing.assert_frame_equal(again, rows.to_pandas())
    else:
        pd.testing.assert_frame_equal(again.iloc[: len(kept)].reset_index(drop=True), kept)
        assert lost(dataset, store.path(dataset), path, NOON) == []
    assert carry_back(dataset, store, path, MIDDLE).inserted == 0


@pytest.mark.parametrize("form", ODD)
def test_what_the_normal_form_can_read_comes_over_and_back(form: str, old: Path, store: Store) -> None:
    rows = table(PRICES5, right(PRICES5))
    path = old / "prices5.parquet"
    first = rows.filter(pc.less_equal(rows[0], pa.scalar(MIDDLE, pa.timestamp("ns"))))
    before = ODD[form](first)
    pq.write_table(before, path)
    assert carry(PRICES5, path, store, None, quiet()).inserted == first.num_rows
    pd.testing.assert_frame_equal(frame(store.path(PRICES5)), first.to_pandas())
    assert (
        carry(PRICES5, path, store, MIDDLE, quiet()).inserted == 0
        and lost(PRICES5, path, store.path(PRICES5), NOON) == []
    )
    store.merge(PRICES5, rows)
    assert len(lost(PRICES5, store.path(PRICES5), path, NOON)) == 10
    assert carry_back(PRICES5, store, path, MIDDLE - timedelta(minutes=30)).inserted == rows.num_rows - first.num_rows
    assert pq.read_table(path).equals(ODD[form](rows))


def test_times_that_are_none_are_refused_in_words(old: Path, store: Store) -> None:
    rows = table(PRICES5, right(PRICES5))
    pq.write_table(timed(rows, rows[0].cast(pa.date32(), safe=False)), old / "prices5.parquet")
    with pytest.raises(SchemaMismatch, match=r"settlementdate is date32\[day\], of which nobody knows the interval"):
        carry(PRICES5, old / "prices5.parquet", store, None, quiet())


def test_an_old_file_written_anew_is_never_in_memory_as_a_whole(old: Path, store: Store) -> None:
    rows = table(PRICES5, right(PRICES5))
    store.merge(PRICES5, rows)
    path = old / "prices5.parquet"
    days = [(MIDDLE - number * timedelta(minutes=5), "NSW1", (1.0,)) for number in range(300_000, 13, -1)]
    pq.write_table(FORMS["extra column"](table(PRICES5, days)), path, row_group_size=50_000)
    before, since = pq.read_table(path), MIDDLE - timedelta(minutes=30)
    with (
        mock.patch.object(carrying, "_PART", 50_000),
        mock.patch.object(carrying, "fitted", wraps=carrying.fitted) as seen,
    ):
        assert carry_back(PRICES5, store, path, since).inserted > 0
    later = int((rows.to_pandas()["settlementdate"] > since).sum())  # of ours, and none of the old file's
    assert [call.args[1].num_rows for call in seen.call_args_list] == [later, 0]
    assert pq.read_table(path).slice(0, before.num_rows).equals(before)
