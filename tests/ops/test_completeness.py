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
from aemo_ops.market.regions import INTERCONNECTORS, REGIONS
from aemo_ops.ops.completeness import Completeness, Known, Parent, Presence
from aemo_ops.ops.expected import AROUND, key_holes, new_ids
from aemo_ops.ops.judging import judge
from aemo_ops.ops.listing import Listing
from aemo_ops.store.absences import Absence
from aemo_ops.store.coverage import STRETCHES, Coverage, Summaries
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


def rows_of(dataset: Dataset, spans: dict[str, list[tuple[int, int]]]) -> Coverage:
    """A coverage of (first, last) interval numbers by id, without a file."""
    told = [(name, a, b) for name, several in sorted(spans.items()) for a, b in several]
    ends = [[nanoseconds(START + dataset.cadence * pair[n]) for pair in told] for n in (1, 2)]
    names = pa.array([name for name, _, _ in told], pa.string())
    return Coverage(dataset, pa.table([names, pa.array(ends[0]), pa.array(ends[1])], schema=STRETCHES), 0)


@pytest.mark.parametrize("dataset", [SCADA5, SCADA30], ids=lambda one: one.name)
@pytest.mark.parametrize("beyond", [0, 1])
def test_a_duid_is_expected_between_rows_of_at_most_45_days_apart_and_not_one_interval_more(
    dataset: Dataset, beyond: int
) -> None:
    apart = int(timedelta(days=45) / dataset.cadence) + beyond
    held = rows_of(dataset, {"A": [(1, 1), (1 + apart, 1 + apart)]})
    low, high = nanoseconds(START), nanoseconds(START + timedelta(days=60))
    assert timedelta(days=45) == AROUND
    holes = [(name, (last - first) // dataset.step + 1) for name, first, last in key_holes(dataset, held, low, high)]
    assert holes == ([("A", apart - 1)] if not beyond else [])


def test_a_half_hour_asks_for_no_unit_that_its_five_minute_file_does_not_ask_for() -> None:
    days = 45 * 288
    # A's rows at 00:05 and, 45 days later, at 00:30: further apart than 45 days, and their half hours are not.
    above = rows_of(SCADA5, {"A": [(1, 1), (days + 6, days + 6)], "B": [(1, days + 60)]})
    below = rows_of(SCADA30, {"A": [(1, 1), (days // 6 + 1, days // 6 + 1)], "B": [(1, days // 6 + 10)]})
    until = START + SCADA5.cadence * (days + 60)
    fives = judge(SCADA5, above, START, until, until + timedelta(days=1))
    halves = judge(SCADA30, below, START, until, until + timedelta(days=1), parent=Parent(fives, above))
    assert (len(fives.outstanding), len(halves.outstanding)) == (0, 0)


NEW = "NSW1-SA1"
DAY = 288


def flows(new: list[tuple[int, int]], until: int) -> Coverage:
    return rows_of(TRANSMISSION5, {name: [(1, until)] for name in INTERCONNECTORS} | {NEW: new})


def lacking(held: Coverage, until: int) -> list[int]:
    """The numbers of the intervals that lack something."""
    found = judge(TRANSMISSION5, held, START, START + TRANSMISSION5.cadence * until, START + timedelta(days=90))
    assert not found.soft.any()
    return ((found.outstanding - nanoseconds(START)) // TRANSMISSION5.step).tolist()


def test_a_new_interconnector_is_expected_from_its_first_row_on_and_its_missing_hour_is_a_gap() -> None:
    held = flows([(24, 47), (60, 80)], 80)
    assert lacking(held, 80) == list(range(48, 60))
    assert [(one.id, one.settled) for one in new_ids(held)] == [(NEW, False)]


def test_one_that_was_seen_for_a_day_is_expected_after_its_newest_row_too_until_it_was_away_for_a_day() -> None:
    seen = (100, 99 + DAY)
    assert new_ids(flows([seen], 2 * DAY))[0].settled
    assert lacking(flows([seen], 99 + DAY + 12), 99 + DAY + 12) == list(range(100 + DAY, 100 + DAY + 12))
    assert lacking(flows([(100, 98 + DAY)], 99 + DAY + 12), 99 + DAY + 12) == []  # an interval less than a day of rows
    assert lacking(flows([seen], 99 + 2 * DAY + 1), 99 + 2 * DAY + 1) == []  # retired


def test_one_that_comes_back_after_a_season_was_not_missing_meanwhile() -> None:
    until = 60 * DAY
    assert lacking(flows([(1, 2 * DAY), (50 * DAY, until)], until), until) == []
    assert lacking(flows([(1, 2 * DAY), (40 * DAY, until)], until), until) == list(range(2 * DAY + 1, 40 * DAY))


def test_a_part_of_a_region_is_no_new_id() -> None:
    held = rows_of(ROOFTOP30, {name: [(1, 10)] for name in REGIONS} | {"QLDC": [(1, 2), (9, 10)], "WA1": [(3, 4)]})
    assert [one.id for one in new_ids(held)] == ["WA1"]


def test_an_estimate_whose_measurement_was_not_read_is_partial_until_no_source_has_it() -> None:
    held = rows_of(ROOFTOP30, {name: [(1, 4)] for name in REGIONS})
    until = START + ROOFTOP30.cadence * 4
    keys = {(START + ROOFTOP30.cadence * at, "SA1") for at in (2, 4)}
    told = judge(ROOFTOP30, held, START, until, LATER, Known(provisional=keys))
    assert states(told) == [Presence.COMPLETE, Presence.PARTIAL, Presence.COMPLETE, Presence.PARTIAL]
    # The measurement of the half hour that ends at 02:00 is due at 02:47, and late at 03:17.
    soon = judge(ROOFTOP30, held, START, until, until + timedelta(minutes=76), Known(provisional=keys))
    assert states(soon)[3] is Presence.NOT_DUE
    asked = Known([absence("SA1", 2, 2, ROOFTOP30)], provisional=keys)
    assert states(judge(ROOFTOP30, held, START, until, LATER, asked))[1] is Presence.ABSENT


Fives = dict[int, Presence]


def fives_by_hand(rows: Keys, gone: set[tuple[int, str]], until: int) -> Fives:
    """Each five minutes by the rule in words, from rows and absences alone."""
    own = {name: {at for at, who in rows if who == name} for name in "ABC"}
    told = {}
    for at in range(1, until + 1):
        there = {name for name in own if at in own[name]}
        lacks = {n for n in own if own[n] and min(own[n]) < at < max(own[n])} - there
        if not there:
            told[at] = Presence.ABSENT if (at, "") in gone else Presence.MISSING
        else:
            open_ = {n for n in lacks if (at, n) not in gone and (at, "") not in gone}
            told[at] = Presence.PARTIAL if open_ else Presence.COMPLETE
    return told


def halves_by_hand(fives: Fives, rows: Keys, halves: Keys, until: int) -> list[Presence]:
    """Each half hour: open as long as one of its six is, or as long as one of its units can be made and is not there."""
    told = []
    for half in range(1, until // 6 + 1):
        six = range(6 * half - 5, 6 * half + 1)
        there = {name for at, name in halves if at == half}
        seen = {name for name in "ABC" if any(at < half for at, n in halves if n == name)}
        coming = {name for name in "ABC" if any(at > half for at, n in halves if n == name)}
        can_be_made = {name for name in seen & coming if any((at, name) in rows for at in six)} - there
        open_ = any(fives[at] in (Presence.PARTIAL, Presence.MISSING) for at in six)
        none = not open_ and any(fives[at] is Presence.ABSENT for at in six)
        if can_be_made and there:
            told.append(Presence.PARTIAL)
        elif not there:
            told.append(Presence.ABSENT if none and not can_be_made else Presence.MISSING)
        else:
            told.append(Presence.PARTIAL if open_ else Presence.ABSENT if none else Presence.COMPLETE)
    return told


@settings(max_examples=2000 if SOAK else 100)
@given(
    lost=st.sets(st.tuples(st.integers(1, 36), st.sampled_from("ABC")), max_size=30),
    whole=st.sets(st.integers(1, 36), max_size=8),
    gone=st.sets(st.tuples(st.integers(1, 36), st.sampled_from(["A", "B", ""])), max_size=20),
    unmade=st.sets(st.tuples(st.integers(1, 6), st.sampled_from("ABC")), max_size=6),
)
def test_half_hours_and_their_list_are_what_a_count_by_hand_finds(
    lost: Keys, whole: set[int], gone: set[tuple[int, str]], unmade: Keys
) -> None:
    rows = {(at, name) for at in range(1, 37) for name in "ABC"} - lost - {(at, n) for at in whole for n in "ABC"}
    halves = {((at + 5) // 6, name) for at, name in rows} - unmade
    above, below = (rows_of(d, singly(keys)) for d, keys in ((SCADA5, rows), (SCADA30, halves)))
    until = START + SCADA5.cadence * 36
    known = Known([absence(name, at, at, SCADA5) for at, name in gone])
    fives = judge(SCADA5, above, START, until, LATER, known).settled()
    by_hand = fives_by_hand(rows, gone, 36)
    assert states(fives) == list(by_hand.values())
    found = judge(SCADA30, below, START, until, LATER, parent=Parent(fives, above)).settled()
    assert states(found) == halves_by_hand(by_hand, rows, halves, 36)
    for one, held, told, parent in ((fives, above, known, None), (found, below, Known(), fives)):
        holes = key_holes(one.dataset, held, int(one.ends[0]), int(one.ends[-1]))
        gaps = Listing(one, holes, told, parent, LATER).gaps()
        for state in (Presence.MISSING, Presence.PARTIAL, Presence.ABSENT):
            assert sum(gap.intervals for gap in gaps if gap.state is state) == one.count(state)
        every = [gap.first + one.dataset.cadence * n for gap in gaps for n in range(gap.intervals)]
        assert len(every) == len(set(every))


def singly(keys: Keys) -> dict[str, list[tuple[int, int]]]:
    """The stretches of keys, by id."""
    told: dict[str, list[tuple[int, int]]] = {}
    for at, name in sorted(keys, key=lambda key: (key[1], key[0])):
        own = told.setdefault(name, [])
        if own and own[-1][1] == at - 1:
            own[-1] = (own[-1][0], at)
        else:
            own.append((at, at))
    return told
