"""Every kind of damage is caught and gets its right name; what is right passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import (
    DATASETS,
    PRICES5,
    PRICES30,
    ROOFTOP30,
    SCADA5,
    SCADA30,
    TRANSMISSION5,
    TRANSMISSION30,
)
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.compare import compare
from aemo_ops.migrate.comparison import Comparison, Reason, Verdict, together
from tests.migrate.comparing import BEGIN, END, Aemo, Row, fives, halves, inside, right, table

HALVES = [dataset for dataset in DATASETS if dataset.derived_from]


def compared(dataset: Dataset, old: list[Row], new: list[Row] | None = None, aemo: Aemo | None = None) -> Comparison:
    new = right(dataset) if new is None else new
    return compare(dataset, table(dataset, old), table(dataset, new), aemo or Aemo.of(dataset))


def one(found: Comparison) -> Reason:
    (reason,) = found.reasons
    return reason


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_the_same_against_the_same_has_no_difference(dataset: Dataset) -> None:
    rows = right(dataset)
    found = compared(dataset, rows)
    assert (found.equal, found.exact, found.different, found.only_old, found.only_new) == (
        len(rows),
        len(rows),
        0,
        0,
        0,
    )
    assert found.verdict is Verdict.PASS and found.reasons == {}
    assert found.intervals == len({end for end, *_ in rows})


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_what_the_old_one_missed_is_named_and_the_move_may_go_on(dataset: Dataset) -> None:
    rows = right(dataset)
    found = compared(dataset, rows[:3] + rows[5:])
    assert (found.only_new, found.reasons) == (2, {Reason.MISSED: 2})
    assert found.verdict is Verdict.PASS and {sample.reason for sample in found.samples} == {Reason.MISSED}


@pytest.mark.parametrize(
    ("take", "reason"),
    [
        ("five of six", Reason.FIVE_OF_SIX),
        ("half the sum of five", Reason.HALF_SUM),
        ("the last of six", Reason.ONE_OF_SIX),
        ("the first three", Reason.FEWER),
    ],
)
@pytest.mark.parametrize("dataset", HALVES, ids=lambda d: d.name)
def test_a_half_hour_that_was_made_wrongly_is_named_after_how(dataset: Dataset, take: str, reason: Reason) -> None:
    wrong = halves(dataset, fives(dataset), take)
    found = compared(dataset, wrong)
    assert found.reasons == {reason: len(wrong)} and found.verdict is Verdict.PASS


def test_columns_that_were_made_wrongly_in_different_ways_are_told_as_such() -> None:
    five, last = (halves(TRANSMISSION30, fives(TRANSMISSION30), take) for take in ("five of six", "the last of six"))
    mixed = [(end, name, [v[0], *w[1:]]) for (end, name, v), (_, _, w) in zip(five, last, strict=True)]
    assert compared(TRANSMISSION30, mixed).reasons == {Reason.MIXED: len(mixed)}
    beyond = [(end, name, [v[0], *(value + 0.7 for value in v[1:])]) for end, name, v in five]
    assert compared(TRANSMISSION30, beyond).reasons == {Reason.OTHER_VALUE: len(beyond)}


def changed(rows: list[Row], at: int, by: Callable[[float | None], float | None]) -> list[Row]:
    end, name, values = rows[at]
    return [*rows[:at], (end, name, [by(values[0]), *values[1:]]), *rows[at + 1 :]]


@pytest.mark.parametrize("by", [1e-5, 0.004, 1.0, -250.0])
@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_a_value_that_is_off_blocks_in_the_new_file_and_not_in_the_old_one(dataset: Dataset, by: float) -> None:
    rows = right(dataset)
    off = changed(rows, 4, lambda value: value + by)  # type: ignore[operator]
    new_is_wrong = compared(dataset, rows, off)
    assert new_is_wrong.reasons == {Reason.NEW_DIFFERS: 1} and new_is_wrong.verdict is Verdict.BLOCK
    assert (new_is_wrong.samples[0].end, new_is_wrong.samples[0].id) == rows[4][:2]
    old_was_wrong = compared(dataset, off)
    assert old_was_wrong.reasons == {Reason.OTHER_VALUE: 1} and old_was_wrong.verdict is Verdict.PASS
    both = compared(dataset, off, changed(rows, 4, lambda value: value - by))  # type: ignore[operator]
    assert both.reasons == {Reason.NEITHER: 1} and both.verdict is Verdict.BLOCK and both.unexplained == 1


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_the_tolerance_is_the_datasets_own(dataset: Dataset) -> None:
    rows = right(dataset)
    within = compared(dataset, rows, changed(rows, 4, lambda value: value + 0.5 * dataset.tolerance))  # type: ignore[operator]
    assert within.verdict is Verdict.PASS and within.equal == len(rows) == within.exact + 1
    beyond = compared(dataset, rows, changed(rows, 4, lambda value: value + 3 * dataset.tolerance))  # type: ignore[operator]
    assert beyond.verdict is Verdict.BLOCK


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_a_row_that_the_new_file_lacks_or_made_up_blocks(dataset: Dataset) -> None:
    rows = right(dataset)
    lacking = compared(dataset, rows, rows[:3] + rows[4:])
    assert lacking.reasons == {Reason.NEW_LACKS: 1} and lacking.only_old == 1 and lacking.verdict is Verdict.BLOCK
    end, _, values = rows[3]
    invented = compared(dataset, rows, [*rows, (end, "EXTRA1", values)])
    assert invented.reasons == {Reason.NEW_INVENTS: 1} and invented.verdict is Verdict.BLOCK
    old_had_it = compared(dataset, [*rows, (end, "EXTRA1", values)])
    assert old_had_it.reasons == {Reason.NOT_AEMOS: 1} and old_had_it.verdict is Verdict.PASS


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_swapped_ids_and_shifted_intervals_are_named(dataset: Dataset) -> None:
    rows = right(dataset)
    names = list(dict.fromkeys(name for _, name, _ in rows))
    other = dict(zip(names, names[1:] + names[:1], strict=True))
    swapped = compared(dataset, [(end, other[name], values) for end, name, values in rows])
    assert swapped.reasons == {Reason.SWAPPED: len(rows)}
    for steps in (1, -1):
        moved = [(end + steps * dataset.cadence, name, values) for end, name, values in rows]
        found = compared(dataset, [row for row in moved if BEGIN < row[0] <= END])
        assert found.reasons[Reason.SHIFTED] == len(rows) - len(names)
        assert set(found.reasons) == {Reason.SHIFTED, Reason.MISSED} and found.verdict is Verdict.PASS


def test_a_value_that_is_not_there_is_a_difference_and_two_of_them_are_none() -> None:
    rows = right(TRANSMISSION5)
    empty = [(end, name, [values[0], None, None, None, None]) for end, name, values in rows]
    assert compared(TRANSMISSION5, empty).reasons == {Reason.NO_VALUE: len(rows)}
    assert compared(TRANSMISSION5, rows, empty).reasons == {Reason.NEW_DIFFERS: len(rows)}
    assert compared(TRANSMISSION5, empty, empty).equal == len(rows)


def test_a_price_of_trading_is_a_rounded_one() -> None:
    rounded = [(end, name, [round(values[0], 2)]) for end, name, values in right(PRICES30)]  # type: ignore[arg-type]
    assert set(compared(PRICES30, rounded).reasons) == {Reason.ROUNDED}


def test_the_other_run_of_an_intervention_is_named() -> None:
    rows = right(PRICES5)
    aemo = Aemo.of(PRICES5)
    aemo.other = [(end, name, [values[0] * 1.08 + 9.5]) for end, name, values in rows[10:15]]  # type: ignore[operator]
    found = compared(PRICES5, [*rows[:10], *aemo.other, *rows[15:]], aemo=aemo)
    assert found.reasons == {Reason.OTHER_RUN: 5}


@pytest.mark.parametrize("dataset", [SCADA5, SCADA30, ROOFTOP30], ids=lambda d: d.name)
def test_what_aemo_no_longer_has_explains_nothing(dataset: Dataset) -> None:
    rows = right(dataset)
    aemo = Aemo.of(dataset)
    aemo.lost = {rows[0][0]}
    off = changed(rows, 0, lambda value: value + 1)  # type: ignore[operator]
    found = compared(dataset, off, rows, aemo)
    assert found.reasons == {Reason.UNJUDGED: 1} and found.verdict is Verdict.BLOCK
    unjudged = compare(dataset, table(dataset, off), table(dataset, rows))
    assert one(unjudged) is Reason.UNJUDGED and unjudged.unexplained == 1


def test_too_little_is_no_pass_and_wrong_is_wrong_however_little_there_is() -> None:
    rows = [row for row in right(PRICES5) if row[0] <= BEGIN + timedelta(minutes=25)]
    assert compared(PRICES5, rows, rows).verdict is Verdict.INSUFFICIENT
    assert compared(PRICES5, [], []).verdict is Verdict.INSUFFICIENT
    assert compared(PRICES5, rows, changed(rows, 0, lambda _: -1.0)).verdict is Verdict.BLOCK
    half = [row for row in right(PRICES30) if row[0] == BEGIN + timedelta(minutes=30)]
    assert compared(PRICES30, half, half).verdict is Verdict.INSUFFICIENT
    assert together([]) is Verdict.INSUFFICIENT


def test_five_minute_rows_in_a_half_hour_file_are_told_and_are_no_keys() -> None:
    rows = right(PRICES30)
    stray = [row for row in inside(fives(PRICES30)) if row[0].minute % 30]
    found = compared(PRICES30, rows + stray)
    assert found.off_grid == len(stray) and found.verdict is Verdict.PASS and found.only_old == 0
    assert compared(PRICES30, rows, rows + stray).verdict is Verdict.BLOCK


def test_of_a_key_that_the_old_file_has_twice_the_last_row_counts_as_in_a_repair_and_a_merge() -> None:
    rows = right(SCADA5)
    wrong = changed(rows, 0, lambda _: -1.0)[:1]
    replaced = compared(SCADA5, [*wrong, *rows])
    assert replaced.doubled == 1 and replaced.different == 0 and replaced.verdict is Verdict.PASS
    spoilt = compared(SCADA5, [*rows, *wrong])
    assert spoilt.doubled == 1 and spoilt.reasons == {Reason.OTHER_VALUE: 1} and spoilt.verdict is Verdict.PASS
    assert "whose key another row has too" in compared(SCADA5, rows, [*rows, rows[0]]).problems[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.set_column(0, "settlementdate", t[0].cast(pa.timestamp("us"))),
            "timestamp[us], not timestamp[ns]",
        ),
        (lambda t: t.set_column(2, "rrp", t[2].cast(pa.string())), "rrp is string, not double"),
        (lambda t: t.rename_columns(["SETTLEMENTDATE", "REGIONID", "RRP"]), "columns missing: settlementdate"),
        (lambda t: t.append_column("x", t[2]), "do not belong there: x"),
        (lambda t: t.select(["regionid", "settlementdate", "rrp"]), "another order"),
    ],
)
def test_other_columns_block_in_the_new_file_and_are_read_in_the_old_one(
    change: Callable[[pa.Table], pa.Table], words: str
) -> None:
    rows = table(PRICES5, right(PRICES5))
    found = compare(PRICES5, rows, change(rows), Aemo.of(PRICES5))
    assert words in found.problems[0] and found.verdict is Verdict.BLOCK
    assert compare(PRICES5, change(rows), rows, Aemo.of(PRICES5)).verdict is Verdict.PASS


def off(rows: list[Row], by: float, column: int = 0) -> list[Row]:
    return [(end, name, [*v[:column], (v[column] or 0) + by, *v[column + 1 :]]) for end, name, v in rows]


@pytest.mark.parametrize("dataset", [PRICES5, SCADA5, TRANSMISSION5], ids=lambda d: d.name)
def test_what_aemo_published_first_is_named_in_the_old_file_and_blocks_in_the_new_one(dataset: Dataset) -> None:
    rows = right(dataset)
    aemo = Aemo.of(dataset)
    first, second = off(rows[3:8], 0.5), off(rows[3:8], 0.25)
    aemo.earlier = [*first, *second]  # three publications: the last is the one that counts
    for before in (first, second):
        had = [*rows[:3], *before, *rows[8:]]
        assert compared(dataset, had, aemo=aemo).reasons == {Reason.EARLIER: 5}
        assert compared(dataset, had, aemo=aemo).verdict is Verdict.PASS
        behind = compared(dataset, rows, had, aemo)
        assert behind.reasons == {Reason.NEW_EARLIER: 5} and behind.verdict is Verdict.BLOCK
    near = [*rows[:3], *off(rows[3:8], 0.5 + 1e-6), *rows[8:]]
    assert compared(dataset, near, aemo=aemo).reasons == {Reason.OTHER_VALUE: 5}


@pytest.mark.parametrize("dataset", HALVES, ids=lambda d: d.name)
@pytest.mark.parametrize("old_ones", [(0,), (1, 4), (0, 1, 2, 3, 4, 5)], ids=str)
def test_a_half_hour_with_values_of_an_earlier_publication_is_named(
    dataset: Dataset, old_ones: tuple[int, ...]
) -> None:
    aemo, rows = Aemo.of(dataset), right(dataset)
    end, name, values = rows[1]
    (source,) = aemo.given
    six = [row for row in aemo.given[source] if row[1] == name and end - timedelta(minutes=30) < row[0] <= end]
    aemo.earlier = off(six, 6.0)  # each of the six a sixth of this in the mean
    had = [*rows[:1], (end, name, [values[0] + len(old_ones), *values[1:]]), *rows[2:]]  # type: ignore[operator]
    assert compared(dataset, had, aemo=aemo).reasons == {Reason.EARLIER: 1}
    near = [*rows[:1], (end, name, [values[0] + len(old_ones) + 0.01, *values[1:]]), *rows[2:]]  # type: ignore[operator]
    assert compared(dataset, near, aemo=aemo).reasons == {Reason.OTHER_VALUE: 1}


def test_an_estimate_where_aemo_has_a_measurement_is_named_in_the_old_file_and_blocks_in_the_new_one() -> None:
    rows, aemo = right(ROOFTOP30), Aemo.of(ROOFTOP30)
    aemo.estimates = off(rows[4:6], 7.5)
    had = [*rows[:4], *aemo.estimates, *rows[6:]]
    assert compared(ROOFTOP30, had, aemo=aemo).reasons == {Reason.ESTIMATE: 2}
    assert compared(ROOFTOP30, rows, had, aemo).reasons == {Reason.NEW_ESTIMATE: 2}
    near = [*rows[:4], *off(rows[4:6], 7.4), *rows[6:]]
    assert compared(ROOFTOP30, near, aemo=aemo).reasons == {Reason.OTHER_VALUE: 2}


def test_the_other_run_in_a_part_of_a_half_hour_is_named() -> None:
    aemo, rows = Aemo.of(PRICES30), right(PRICES30)
    end, name, _ = rows[0]
    aemo.other = [(end - timedelta(minutes=5 * back), name, [1_000.0]) for back in (0, 1)]
    six = [v[0] for at, id_, v in fives(PRICES30) if id_ == name and end - timedelta(minutes=30) < at <= end]
    had = [(end, name, [(sum(six[:4]) + 2_000.0) / 6]), *rows[1:]]  # type: ignore[arg-type]
    assert compared(PRICES30, had, aemo=aemo).reasons == {Reason.OTHER_RUN: 1}
    near = [(end, name, [(sum(six[:4]) + 2_001.0) / 6]), *rows[1:]]  # type: ignore[arg-type]
    assert compared(PRICES30, near, aemo=aemo).reasons == {Reason.OTHER_VALUE: 1}


@pytest.mark.parametrize("dataset", [SCADA30, TRANSMISSION30], ids=lambda d: d.name)
def test_the_mean_of_fewer_is_aemo_s_own_of_a_unit_that_did_not_report_in_all_six(dataset: Dataset) -> None:
    rows, aemo = right(dataset), Aemo.of(dataset)
    end, name, _ = rows[0]
    (source,) = aemo.given
    silent = end - timedelta(minutes=10)
    aemo.given[source] = [row for row in aemo.given[source] if row[:2] != (silent, name)]
    five = [row[2] for row in aemo.given[source] if row[1] == name and end - timedelta(minutes=30) < row[0] <= end]
    assert len(five) == 5
    mean = (end, name, [sum(column) / 5 for column in zip(*five, strict=True)])  # type: ignore[arg-type]
    new = [mean, *rows[1:]]
    assert compared(dataset, rows[1:], new, aemo).reasons == {Reason.MISSED: 1}
    found = compared(dataset, off([mean], 1.0) + rows[1:], new, aemo)
    assert found.reasons == {Reason.OTHER_VALUE: 1} and found.verdict is Verdict.PASS
    assert compared(dataset, new, off([mean], 1.0) + rows[1:], aemo).reasons == {Reason.NEW_DIFFERS: 1}
    aemo.lost = {silent}  # nobody could read the file of that interval: the mean of the others proves nothing
    assert compared(dataset, rows[1:], new, aemo).reasons == {Reason.UNJUDGED: 1}


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_what_is_not_settled_yet_convicts_nobody_and_is_no_evidence(dataset: Dataset) -> None:
    rows, aemo = right(dataset), Aemo.of(dataset)
    last = rows[-1]
    settled = last[0] + timedelta(minutes=dataset.due_minutes + 35)
    under_way = settled - timedelta(minutes=1)
    aemo.lost = {last[0]}

    def at(now: datetime, old: list[Row], new: list[Row]) -> Comparison:
        return compare(dataset, table(dataset, old), table(dataset, new), aemo, now=now)

    for old, new in ((rows, off(rows[-1:], 1.0)), (rows, []), ([], rows)):
        found = at(under_way, rows[:-1] + old[-1:], rows[:-1] + new[-1:])
        assert found.reasons == {Reason.UNSETTLED: 1} and found.verdict is Verdict.PASS
        assert at(settled, rows[:-1] + old[-1:], rows[:-1] + new[-1:]).reasons == {Reason.UNJUDGED: 1}
    assert at(under_way, rows, rows).intervals == at(settled, rows, rows).intervals - 1
    assert at(rows[0][0], rows, rows).verdict is Verdict.INSUFFICIENT
    future = [(last[0] + timedelta(days=30), *last[1:])]
    assert at(settled, rows + future, rows).reasons == {Reason.NOT_AEMOS: 1}
    assert at(settled, rows, rows + future).reasons == {Reason.NEW_INVENTS: 1}


def test_the_mean_of_six_rounded_prices_is_named() -> None:
    rows = right(PRICES30)
    cents = [(end, name, [round(v[0] + 0.0037 * at, 2)]) for at, (end, name, v) in enumerate(fives(PRICES30))]  # type: ignore[operator]
    aemo = Aemo({"prices5": [(end, name, [v[0] + 0.0037 * at]) for at, (end, name, v) in enumerate(fives(PRICES30))]})  # type: ignore[operator]
    new, old = halves(PRICES30, aemo.given["prices5"]), halves(PRICES30, cents)
    found = compared(PRICES30, old, new, aemo)
    assert found.reasons.keys() <= {Reason.MEAN_OF_ROUNDED, Reason.ROUNDED} and found.different > 10
    assert found.reasons[Reason.MEAN_OF_ROUNDED] > len(rows) // 2
    near = compared(PRICES30, off(old, 0.0003), new, aemo)
    assert set(near.reasons) == {Reason.OTHER_VALUE}
    far = compared(PRICES30, off(old, 0.01), new, aemo)  # a whole cent away: six-hundredths, and not AEMO's
    assert set(far.reasons) == {Reason.OTHER_VALUE}


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda d: d.name)
def test_one_value_of_another_unit_or_interval_is_no_sign_of_a_swap_or_a_shift(dataset: Dataset) -> None:
    rows = right(dataset)
    names = list(dict.fromkeys(name for _, name, _ in rows))
    by_key = {row[:2]: row[2] for row in rows}
    end = rows[2 * len(names)][0]
    for values in (by_key[end, names[1]], by_key[end - dataset.cadence, names[0]]):
        coincidence = [(*row[:2], values) if row[:2] == (end, names[0]) else row for row in rows]
        assert compared(dataset, coincidence).reasons == {Reason.OTHER_VALUE: 1}


def test_small_values_that_others_have_too_are_no_sign_of_a_swap() -> None:
    """At night solar units stand at nothing, or at the same small take, for hours."""
    rows = [(end, name, [-0.1 if name != "COAL1" else v[0]]) for end, name, v in right(SCADA5)]
    aemo = Aemo({"scada5": [(end, name, [-0.1 if name != "COAL1" else v[0]]) for end, name, v in fives(SCADA5)]})
    old = [(end, name, [-0.1 if name == "COAL1" else v[0]]) for end, name, v in rows]
    found = compared(SCADA5, old, rows, aemo)
    assert found.reasons == {Reason.OTHER_VALUE: len(rows) // 3}


def test_a_column_that_neither_has_leaves_the_others_to_be_named() -> None:
    rows, aemo = right(TRANSMISSION5), Aemo.of(TRANSMISSION5)
    bare = [(end, name, [*v[:2], None, None, v[4]]) for end, name, v in rows]
    aemo.given = {"transmission5": [(end, name, [*v[:2], None, None, v[4]]) for end, name, v in fives(TRANSMISSION5)]}
    aemo.other = off(bare[7:9], 3.0)
    assert compared(TRANSMISSION5, [*bare[:7], *aemo.other, *bare[9:]], bare, aemo).reasons == {Reason.OTHER_RUN: 2}
