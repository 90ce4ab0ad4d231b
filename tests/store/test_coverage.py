"""Coverage compared with what pandas counts in the whole file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aemo_ops.market.catalogue import SCADA5, SCADA30
from aemo_ops.market.dataset import Dataset
from aemo_ops.store import coverage as coverage_module
from aemo_ops.store.coverage import Summaries
from aemo_ops.store.parquet import Store
from tests.conftest import SOAK

START = datetime(2026, 4, 20)


def rows(keys: list[tuple[int, str]], dataset: Dataset = SCADA5) -> pa.Table:
    keys = sorted(set(keys))
    times = [START + dataset.cadence * at for at, _ in keys]
    return pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "duid": [name for _, name in keys],
            "scadavalue": [1.0] * len(keys),
        },
        schema=dataset.schema,
    )


def by_pandas(path: Path, dataset: Dataset, until: int) -> tuple[list[int], dict[str, list[bool]]]:
    frame = pd.read_parquet(path)
    frame["at"] = ((frame["settlementdate"] - pd.Timestamp(START)) / dataset.cadence).astype(int)
    counts = frame.groupby("at").size().reindex(range(1, until + 1), fill_value=0)
    there = {name: [bool((own == at).any()) for at in range(1, until + 1)] for name, own in frame.groupby("duid")["at"]}
    return counts.tolist(), there


@settings(max_examples=2000 if SOAK else 60)
@given(
    keys=st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["A", "B", "C", "D"])), min_size=1, max_size=80),
    group=st.integers(1, 20),
)
def test_counts_and_presence_equal_what_pandas_finds(
    tmp_path_factory: pytest.TempPathFactory, keys: list[tuple[int, str]], group: int
) -> None:
    folder = tmp_path_factory.mktemp("coverage")
    path = folder / "scada5.parquet"
    pq.write_table(rows(keys), path, row_group_size=group)
    found = Summaries(folder / "summaries.sqlite").coverage(path, SCADA5)
    until = START + SCADA5.cadence * 30
    counts, there = by_pandas(path, SCADA5, 30)
    ends, numbers = found.counts(START, until)
    assert numbers.tolist() == counts
    assert [datetime(1970, 1, 1) + timedelta(microseconds=int(end) // 1000) for end in ends] == [
        START + SCADA5.cadence * at for at in range(1, 31)
    ]
    assert found.ids == sorted(there)
    assert found.present(found.ids, START, until).tolist() == [there[name] for name in found.ids]


@settings(max_examples=2000 if SOAK else 60)
@given(
    minutes=st.lists(st.integers(1, 90), min_size=1, max_size=60),
    names=st.lists(st.sampled_from("ABCD"), min_size=60, max_size=60),
    fleets=st.lists(st.tuples(st.integers(1, 18), st.integers(1, 6), st.sampled_from(["AB", "ABC", "D"])), max_size=4),
    group=st.integers(1, 40),
)
def test_rows_in_any_order_twice_or_off_the_grid_are_told_as_found_row_by_row(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: list[int],
    names: list[str],
    fleets: list[tuple[int, int, str]],
    group: int,
) -> None:
    steady = [
        (5 * at, name) for first, length, fleet in fleets for at in range(first, first + length) for name in fleet
    ]
    keys = [*steady, *zip(minutes, names, strict=False)]
    table = pa.table(
        {
            "settlementdate": pa.array([START + timedelta(minutes=at) for at, _ in keys], pa.timestamp("ns")),
            "duid": [name for _, name in keys],
        }
    )
    folder = tmp_path_factory.mktemp("coverage")
    pq.write_table(table, folder / "scada5.parquet", row_group_size=group)
    found = Summaries(folder / "s.sqlite").coverage(folder / "scada5.parquet", SCADA5)
    wanted = {(at, name) for at, name in keys if at % 5 == 0}
    there = found.present(list("ABCD"), START, START + timedelta(minutes=120))
    assert {(5 * (column + 1), "ABCD"[row]) for row, column in np.argwhere(there)} == wanted
    _, numbers = found.counts(START, START + timedelta(minutes=120))
    assert int(numbers.sum()) == len(wanted)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many row groups each look had to read."""
    read: list[int] = []
    whole = coverage_module.summarise

    def counting(path: Path, dataset: Dataset, footer: object, groups: list[int]) -> list[pa.Table]:
        read.append(len(groups))
        return whole(path, dataset, footer, groups)  # type: ignore[arg-type]

    monkeypatch.setattr(coverage_module, "summarise", counting)
    return read


def test_a_group_is_read_once_whatever_is_added_after_it(tmp_path: Path, counted: list[int]) -> None:
    store, path = Store(tmp_path), tmp_path / "scada30.parquet"
    names = [f"UNIT{number:03}" for number in range(200)]
    pq.write_table(rows([(at, name) for at in range(1, 1001) for name in names], SCADA30), path, row_group_size=20_000)
    summaries = Summaries(tmp_path / "summaries.sqlite")
    assert summaries.coverage(path, SCADA30).rows == 200_000
    store.merge(SCADA30, rows([(at, name) for at in (1001, 1002) for name in names[:150]], SCADA30))
    found = summaries.coverage(path, SCADA30)
    again = Summaries(tmp_path / "summaries.sqlite").coverage(path, SCADA30)
    assert counted[0] == 10
    assert counted[1] <= 2  # the group that the update replaced, and perhaps one more
    assert counted[2] == 0
    assert found.stretches.equals(again.stretches)
    _, numbers = found.counts(START + SCADA30.cadence * 998, START + SCADA30.cadence * 1003)
    assert numbers.tolist() == [200, 200, 150, 150, 0]


def test_a_hole_and_a_vanished_unit_are_seen(tmp_path: Path) -> None:
    keys = [(at, name) for at in range(1, 101) for name in ("A", "B") if at != 50 and not (name == "B" and at > 60)]
    path = tmp_path / "scada5.parquet"
    pq.write_table(rows(keys), path, row_group_size=37)
    found = Summaries(tmp_path / "s.sqlite").coverage(path, SCADA5)
    _, numbers = found.counts(START + SCADA5.cadence * 48, START + SCADA5.cadence * 61)
    assert numbers.tolist() == [2, 0, *[2] * 10, 1]
    assert found.stretches.num_rows == 4
    assert not found.present(["B"], START + SCADA5.cadence * 60, START + SCADA5.cadence * 100).any()


def test_rows_off_the_grid_are_no_intervals(tmp_path: Path) -> None:
    path = tmp_path / "scada30.parquet"
    fives = rows([(at, "A") for at in range(1, 13)])  # 5-minute rows in a 30-minute file
    pq.write_table(fives, path)
    found = Summaries(tmp_path / "s.sqlite").coverage(path, SCADA30)
    _, numbers = found.counts(START, START + timedelta(hours=1))
    assert numbers.tolist() == [1, 1]
    assert found.rows == 12


def test_an_empty_file_covers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scada5.parquet"
    pq.write_table(SCADA5.schema.empty_table(), path)
    found = Summaries(tmp_path / "s.sqlite").coverage(path, SCADA5)
    assert found.ids == []
    assert not found.counts(START, START + timedelta(days=1))[1].any()
    assert np.array_equal(found.counts(START, START)[0], [])


def test_a_row_of_the_year_2099_costs_no_memory_and_changes_nothing_else(tmp_path: Path) -> None:
    keys = [
        (at, name) for at in range(1, 41) for name in ("A", "B") if (at, name) not in ((7, "A"), (8, "A"), (20, "B"))
    ]
    far = int((datetime(2099, 1, 1) - START) / SCADA5.cadence)
    names = [f"UNIT{number:03}" for number in range(400)]
    path = tmp_path / "scada5.parquet"
    pq.write_table(rows([*keys, *((1, name) for name in names), (far, "A")]), path)
    found = Summaries(tmp_path / "s.sqlite").coverage(path, SCADA5)
    until = START + SCADA5.cadence * 40
    _, there = by_pandas(path, SCADA5, 40)
    assert found.present(found.ids, START, until).tolist() == [there[name] for name in found.ids]
    assert found.present(["A"], datetime(2098, 12, 31, 23, 55), datetime(2099, 1, 1)).tolist() == [[True]]


@pytest.mark.parametrize("years", [1, 9, 30])
def test_years_of_intervals_are_counted_to_the_last_one(tmp_path: Path, years: int) -> None:
    count = years * 17_532
    path = tmp_path / "scada30.parquet"
    pq.write_table(rows([(at, "A") for at in range(1, count + 1) if at != count // 2], SCADA30), path)
    ends, numbers = (
        Summaries(tmp_path / "s.sqlite").coverage(path, SCADA30).counts(START, START + SCADA30.cadence * count)
    )
    assert (len(ends), int(numbers.sum())) == (count, count - 1)
    assert np.flatnonzero(numbers == 0).tolist() == [count // 2 - 1]
    assert datetime(1970, 1, 1) + timedelta(microseconds=int(ends[-1]) // 1000) == START + SCADA30.cadence * count
