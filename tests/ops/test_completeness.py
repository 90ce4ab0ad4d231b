"""Completeness compared with a brute-force count over the rows themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aemo_ops.market.catalogue import PRICES5, PRICES30, ROOFTOP30, SCADA5, SCADA30, TRANSMISSION5
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import moment, nanoseconds
from aemo_ops.market.regions import REGIONS
from aemo_ops.ops.completeness import Completeness, Known, Parent, Presence
from aemo_ops.ops.expected import AROUND, key_holes, new_ids
from aemo_ops.ops.judging import judge
from aemo_ops.store.absences import Absence
from aemo_ops.store.coverage import Coverage, Summaries
from tests.conftest import SOAK

START = datetime(2026, 4, 1)
LATER = START + timedelta(days=30)
Keys = set[tuple[int, str]]


def coverage(folder: Path, dataset: Dataset, keys: Keys) -> Coverage:
    ordered = sorted(keys)
    table = pa.table(
        {
            dataset.key[0]: pa.array([START + dataset.cadence * at for at, _ in ordered], pa.timestamp("ns")),
            dataset.key[1]: pa.array([name for _, name in ordered], pa.string()),
            **{value: pa.array([1.0] * len(ordered), pa.float64()) for value in dataset.values},
        },
        schema=dataset.schema,
    )
    path = folder / dataset.file_name
    pq.write_table(table, path, row_group_size=17)
    return Summaries(folder / "summaries.sqlite").coverage(path, dataset)


def states(found: Completeness) -> list[Presence]:
    return [Presence(int(state)) for state in found.states]


def expected_of_regions(keys: Keys, until: int) -> list[Presence]:
    told = []
    for at in range(1, until + 1):
        there = {name for when, name in keys if when == at} & set(REGIONS)
        told.append(
            Presence.COMPLETE if len(there) == len(REGIONS) else Presence.PARTIAL if there else Presence.MISSING
        )
    return told


@settings(max_examples=2000 if SOAK else 80)
@given(
    keys=st.sets(st.tuples(st.integers(1, 24), st.sampled_from([*REGIONS, "QLDC"])), max_size=140).map(
        lambda some: {(at, name) for at in range(1, 25) for name in REGIONS} - some if len(some) < 60 else some
    )
)
def test_regions_are_a_fixed_set_of_which_each_interval_has_all_some_or_none(
    tmp_path_factory: pytest.TempPathFactory, keys: Keys
) -> None:
    held = coverage(tmp_path_factory.mktemp("c"), ROOFTOP30, keys)  # QLDC is a part of QLD1 there
    found = judge(ROOFTOP30, held, START, START + 24 * ROOFTOP30.cadence, LATER)
    assert states(found) == expected_of_regions(keys, 24)
    assert found.present.tolist() == [
        len({name for when, name in keys if when == at} & set(REGIONS)) for at in range(1, 25)
    ]


@settings(max_examples=2000 if SOAK else 80)
@given(keys=st.sets(st.tuples(st.integers(1, 30), st.sampled_from("ABCD")), min_size=1, max_size=100))
def test_a_duid_is_expected_between_two_of_its_own_rows(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> None:
    found = judge(
        SCADA5, coverage(tmp_path_factory.mktemp("c"), SCADA5, keys), START, START + 30 * SCADA5.cadence, LATER
    )
    own = {name: {at for at, who in keys if who == name} for name in "ABCD"}
    told = []
    for at in range(1, 31):
        there = {name for name in own if at in own[name]}
        lacking = {name for name in own if own[name] and min(own[name]) < at < max(own[name])} - there
        told.append(Presence.MISSING if not there else Presence.PARTIAL if lacking else Presence.COMPLETE)
        assert found.expected[at - 1] == len(there) + len(lacking)
    assert states(found) == told
    assert found.soft.tolist() == [state is Presence.PARTIAL for state in told]


def test_a_duid_that_was_away_for_longer_than_the_days_around_is_not_expected(tmp_path: Path) -> None:
    day = 288
    keys = {(at, "A") for at in range(1, 60 * day, day)} | {(1, "B"), (50 * day, "B"), (1, "C"), (40 * day, "C")}
    found = coverage(tmp_path, SCADA5, keys)
    low, high = nanoseconds(START), nanoseconds(START + timedelta(days=60))
    names = {name for name, _, _ in key_holes(SCADA5, found, low, high)}
    assert names == {"A", "C"}


def test_what_is_not_due_yet_is_not_missing(tmp_path: Path) -> None:
    keys = {(at, name) for at in range(1, 11) for name in REGIONS}
    now = START + 13 * PRICES5.cadence
    found = judge(PRICES5, coverage(tmp_path, PRICES5, keys), START, now, now)
    # Due at its end and late one cadence after that: of 11, 12 and 13 only the first two are late at 13.
    assert states(found)[10:] == [Presence.MISSING, Presence.MISSING, Presence.NOT_DUE]


def absence(name: str, first: int, last: int, dataset: Dataset = PRICES5) -> Absence:
    at = [START + dataset.cadence * when for when in (first, last)]
    return Absence(dataset.name, name, at[0], at[1], "no source has it", LATER)


def test_what_aemo_does_not_have_is_absent_and_only_that(tmp_path: Path) -> None:
    keys = {(at, name) for at in range(1, 11) for name in REGIONS}
    keys -= {(3, "SA1"), (4, "SA1"), (5, "VIC1")} | {(7, name) for name in REGIONS} | {(8, name) for name in REGIONS}
    known = Known([absence("SA1", 3, 5), absence("", 7, 7)])
    found = judge(PRICES5, coverage(tmp_path, PRICES5, keys), START, START + 10 * PRICES5.cadence, LATER, known)
    at = dict(enumerate(states(found), start=1))
    assert [at[3], at[4], at[5], at[7], at[8]] == [
        Presence.ABSENT, Presence.ABSENT, Presence.PARTIAL, Presence.ABSENT, Presence.MISSING,
    ]  # fmt: skip
    assert [moment(int(end)) for end in found.outstanding] == [START + PRICES5.cadence * when for when in (5, 8)]


def test_an_interval_with_all_rows_of_aemos_own_file_is_complete_whoever_is_not_in_it(tmp_path: Path) -> None:
    keys = {(at, name) for at in range(1, 7) for name in "ABC"} - {(2, "B"), (3, "B"), (4, "A"), (4, "B")}
    ends = [nanoseconds(START + SCADA5.cadence * at) for at in (2, 3, 4)]
    known = Known(published=(np.array(ends), np.array([2, 3, 1])))
    found = judge(SCADA5, coverage(tmp_path, SCADA5, keys), START, START + 6 * SCADA5.cadence, LATER, known)
    # Of 2 the file had two rows and they are here; of 3 it had three and two are here; of 4 one, and it is here.
    assert states(found)[1:4] == [Presence.COMPLETE, Presence.PARTIAL, Presence.COMPLETE]
    assert found.soft.tolist() == [False] * 6  # the one that is partial is so for sure


@pytest.mark.parametrize("none_at_aemo", [False, True])
def test_a_half_hour_lacks_what_its_six_can_still_give(tmp_path: Path, none_at_aemo: bool) -> None:
    fives = {(at, name) for at in range(1, 25) for name in "AB"} - {(at, "B") for at in range(7, 13)}
    halves = {(at, name) for at in range(1, 5) for name in "AB"} - {(2, "B"), (3, "A")}
    (tmp_path / "five").mkdir()
    parent = coverage(tmp_path / "five", SCADA5, fives)
    until = START + 24 * SCADA5.cadence
    known = Known([absence("B", 7, 12, SCADA5)] if none_at_aemo else [])
    above = judge(SCADA5, parent, START, until, LATER, known).settled()
    found = judge(SCADA30, coverage(tmp_path, SCADA30, halves), START, until, LATER, parent=Parent(above, parent))
    # B has no row in the six of the second half hour: open as they are, until AEMO is known to have none; A has all of the
    # third's.
    second = Presence.COMPLETE if none_at_aemo else Presence.PARTIAL
    assert states(found) == [Presence.COMPLETE, second, Presence.PARTIAL, Presence.COMPLETE]


def test_a_half_hour_whose_six_are_partly_absent_at_aemo_is_absent_with_them(tmp_path: Path) -> None:
    fives = {(at, name) for at in range(1, 13) for name in REGIONS} - {(8, name) for name in REGIONS}
    (tmp_path / "five").mkdir()
    parent = coverage(tmp_path / "five", PRICES5, fives)
    halves = coverage(tmp_path, PRICES30, {(at, name) for at in (1, 2) for name in REGIONS})
    until = START + timedelta(hours=1)
    partial = [(START + timedelta(hours=1), name) for name in REGIONS]
    for known, expected in ((Known(), Presence.PARTIAL), (Known([absence("", 8, 8)]), Presence.ABSENT)):
        above = judge(PRICES5, parent, START, until, LATER, known)
        found = judge(PRICES30, halves, START, until, LATER, Known(partial=partial), Parent(above, parent))
        assert states(found) == [Presence.COMPLETE, expected]
