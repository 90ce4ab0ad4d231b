"""Which value of a key stays: AEMO's own over what is provisional, means of six over rounded values, in any order of arrival."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from aemo_ops.market import catalogue
from aemo_ops.market.catalogue import PRICES5, PRICES30, ROOFTOP30, SCADA5, SCADA30, TRANSMISSION5, TRANSMISSION30
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.precedence import merge_means, merge_source, merge_trading
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store
from tests.ops.small import FLOW, PRICE, TRADING_FLOW, TRADING_PRICE, Small, report

FIVE = timedelta(minutes=5)
OLD, NEW = datetime(2021, 9, 30, 12), datetime(2025, 1, 5, 12)  # ends of half hours before and after 2021-10-01
# Six dispatch prices of a half hour: of the first four the mean is 111.25, of all six 178.26 and a bit.
PRICES = (100.0, 110.0, 115.0, 120.0, 300.5, 324.07)
FOUR, SIX, AEMO = 111.25, 178.26166666666666, 178.26


@pytest.fixture
def ground(tmp_path: object) -> tuple[Store, Ledger]:
    return Store(tmp_path / "data"), Ledger(tmp_path / "ledger.sqlite", "a folder")  # type: ignore[operator]


def table(dataset: Dataset, *rows: Sequence[object]) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, dataset.schema, strict=True)],
        schema=dataset.schema,
    )


def fives(end: datetime, numbers: range) -> pa.Table:
    return table(PRICES5, *((end - (5 - n) * FIVE, "NSW1", PRICES[n]) for n in numbers))


def collected(ground: tuple[Store, Ledger], rows: pa.Table, parent: Dataset, child: Dataset) -> None:
    store, ledger = ground
    store.merge(parent, rows)
    derive(store, ledger, parent, child, rows)


def value(ground: tuple[Store, Ledger], dataset: Dataset = PRICES30) -> object:
    (row,) = ground[0].read(dataset).to_pylist()
    values = tuple(row[name] for name in dataset.values)
    return values[0] if len(values) == 1 else values


def known(ground: tuple[Store, Ledger], end: datetime, dataset: Dataset = PRICES30) -> tuple[bool, bool]:
    """Whether the half hour is known as partial, and as AEMO's rounded value."""
    ledger = ground[1]
    return bool(ledger.partial(dataset.name, end - FIVE, end)), end in ledger.fallbacks(dataset.name)


@pytest.mark.parametrize("end", [OLD, NEW])
def test_the_mean_of_fewer_gives_way_to_aemo_s_trading_value_and_both_to_the_mean_of_six(
    ground: tuple[Store, Ledger], end: datetime
) -> None:
    trading = table(PRICES30, (end, "NSW1", AEMO))
    collected(ground, fives(end, range(4)), PRICES5, PRICES30)
    assert (value(ground), known(ground, end)) == (pytest.approx(FOUR, abs=1e-9), (True, False))
    merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], trading)
    assert (value(ground), known(ground, end)) == (AEMO, (False, True))
    collected(ground, fives(end, range(4, 5)), PRICES5, PRICES30)
    assert (value(ground), known(ground, end)) == (AEMO, (False, True))
    collected(ground, fives(end, range(5, 6)), PRICES5, PRICES30)
    assert (value(ground), known(ground, end)) == (pytest.approx(SIX, abs=1e-9), (False, False))
    merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], trading)
    assert (value(ground), known(ground, end)) == (pytest.approx(SIX, abs=1e-9), (False, False))


@pytest.mark.parametrize("end", [OLD, NEW])
def test_a_trading_value_that_was_there_first_gives_way_to_the_six_alone(
    ground: tuple[Store, Ledger], end: datetime
) -> None:
    merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], table(PRICES30, (end, "NSW1", AEMO)))
    collected(ground, fives(end, range(4)), PRICES5, PRICES30)
    assert (value(ground), known(ground, end)) == (AEMO, (False, True))
    collected(ground, fives(end, range(4, 6)), PRICES5, PRICES30)
    assert (value(ground), known(ground, end)) == (pytest.approx(SIX, abs=1e-9), (False, False))


def test_an_imported_value_that_is_not_known_to_be_partial_stays(ground: tuple[Store, Ledger]) -> None:
    ground[0].merge(PRICES30, table(PRICES30, (OLD, "NSW1", 42.0)))
    merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], table(PRICES30, (OLD, "NSW1", AEMO)))
    merge_means(*ground, PRICES30, table(PRICES30, (OLD, "NSW1", SIX)), np.array([6]))
    assert (value(ground), known(ground, OLD)) == (42.0, (False, False))


@pytest.mark.parametrize("first", ["partial", "trading"])
def test_means_of_six_that_come_alone_take_the_place_of_less(ground: tuple[Store, Ledger], first: str) -> None:
    if first == "partial":
        collected(ground, fives(OLD, range(4)), PRICES5, PRICES30)
    else:
        merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], table(PRICES30, (OLD, "NSW1", AEMO)))
    merge_means(*ground, PRICES30, table(PRICES30, (OLD, "NSW1", SIX)), np.array([6]))
    assert (value(ground), known(ground, OLD)) == (SIX, (False, False))


def test_a_half_hour_is_from_the_fallback_as_long_as_one_of_its_regions_is(ground: tuple[Store, Ledger]) -> None:
    both = table(PRICES30, (NEW, "NSW1", AEMO), (NEW, "SA1", 7.0))
    merge_trading(*ground, PRICES30, PRICES30.fallbacks[0], both)
    collected(ground, fives(NEW, range(6)), PRICES5, PRICES30)
    assert known(ground, NEW) == (False, True)
    assert ground[0].read(PRICES30)["rrp"].to_pylist() == [pytest.approx(SIX, abs=1e-9), 7.0]


@pytest.mark.parametrize("end", [OLD, NEW])
def test_flows_from_trading_keep_the_limits_that_only_the_mean_has(ground: tuple[Store, Ledger], end: datetime) -> None:
    """By hand: of three intervals the limits are 500, 520, 540 and -400, -410, -420."""
    link = "VIC1-NSW1"
    three = [(end - n * FIVE, link, 10.0, 20.0, 500.0 + 20 * n, -400.0 - 10 * n, 1.0) for n in range(3)]
    collected(ground, table(TRANSMISSION5, *sorted(three, key=lambda row: row[0])), TRANSMISSION5, TRANSMISSION30)
    source = TRANSMISSION30.fallbacks[0]
    blank = table(TRANSMISSION30, (end, link, 11.11, None, None, None, 1.23))
    merge_trading(*ground, TRANSMISSION30, source, blank)
    assert value(ground, TRANSMISSION30) == (10.0, 20.0, 520.0, -410.0, 1.0)
    merge_trading(*ground, TRANSMISSION30, source, table(TRANSMISSION30, (end, link, 11.11, 22.22, None, None, 1.23)))
    assert value(ground, TRANSMISSION30) == (11.11, 22.22, 520.0, -410.0, 1.23)
    assert known(ground, end, TRANSMISSION30) == (False, True)
    six = [(end - n * FIVE, link, 1.0 + n, 2.0, 600.0, -600.0, 3.0) for n in range(6)]
    collected(ground, table(TRANSMISSION5, *sorted(six, key=lambda row: row[0])), TRANSMISSION5, TRANSMISSION30)
    assert value(ground, TRANSMISSION30) == (3.5, 2.0, 600.0, -600.0, 3.0)
    assert known(ground, end, TRANSMISSION30) == (False, False)


def test_limits_are_null_where_there_was_no_mean(ground: tuple[Store, Ledger]) -> None:
    row = (OLD, "V-SA", 11.11, 22.22, None, None, 1.23)
    merge_trading(*ground, TRANSMISSION30, TRANSMISSION30.fallbacks[0], table(TRANSMISSION30, row))
    assert value(ground, TRANSMISSION30) == (11.11, 22.22, None, None, 1.23)


@pytest.mark.parametrize("end", [OLD, NEW])
def test_a_unit_s_mean_of_fewer_becomes_the_mean_of_six_in_any_order(
    ground: tuple[Store, Ledger], end: datetime
) -> None:
    """Half-hour output has no trading table: only its six replace a mean of fewer. 1 + 2 + 4 + 8 + 16 + 32 = 63."""
    rows = table(SCADA5, *((end - n * FIVE, "BW01", float(2**n)) for n in range(5, -1, -1)))
    collected(ground, rows.slice(3), SCADA5, SCADA30)
    assert (value(ground, SCADA30), known(ground, end, SCADA30)) == (7 / 3, (True, False))
    collected(ground, rows.slice(0, 3), SCADA5, SCADA30)
    assert (value(ground, SCADA30), known(ground, end, SCADA30)) == (63 / 6, (False, False))


# the whole way: files of AEMO, an undertaking, what is told -------------------------------------------------------------
def month(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1)


@pytest.mark.parametrize("end", [OLD, NEW])
def test_a_backfill_puts_aemo_s_value_in_the_place_of_a_mean_of_four_and_calls_it_complete(
    small: Callable[..., Small], end: datetime
) -> None:
    here = small("prices5", "prices30", "transmission5", "transmission30")
    regions, links = PRICES5.ids or (), TRANSMISSION5.ids or ()
    ends = [end - (5 - n) * FIVE for n in range(6)]
    here.month(
        "DISPATCHPRICE",
        month(end),
        report((PRICE, [(t, r, 0, PRICES[n]) for n, t in enumerate(ends[:4]) for r in regions])),
    )
    here.month(
        "DISPATCHINTERCONNECTORRES", month(end),
        report((FLOW, [(t, link, 0, 10, 20, 1, 500 + n, -500) for n, t in enumerate(ends[:4]) for link in links])),
    )  # fmt: skip
    # Until 2021-10-01 a trading interval is the half hour; since then six of five minutes, here 175.76, 176.76 .. 180.76.
    trading = [(end, AEMO)] if end < datetime(2021, 10, 1) else [(t, AEMO - 2.5 + n) for n, t in enumerate(ends)]
    here.month(
        "TRADINGPRICE", month(end), report((TRADING_PRICE, [(t, r, f"{v:.2f}") for t, v in trading for r in regions]))
    )
    here.month(
        "TRADINGINTERCONNECT", month(end),
        report((TRADING_FLOW, [(t, link, 11, 22, 2) for t, _ in trading for link in links])),
    )  # fmt: skip
    span = {"since": end - timedelta(minutes=30), "until": end}
    told = here.fill(**span)
    assert here.rows("prices30") == {(end, region): (pytest.approx(AEMO, abs=1e-9),) for region in regions}
    assert here.rows("transmission30") == {(end, link): (11.0, 22.0, 501.5, -500.0, 2.0) for link in links}
    for name in ("prices30", "transmission30"):
        assert (told[name].requested, told[name].filled, told[name].absent, told[name].failed) == (1, 1, 0, 0)
        assert told[name].by_source == {"mmsdm": 1} or told[name].by_source == {"trading": 1}
        assert here.states(name, span["since"], span["until"]) == {Presence.COMPLETE: 1}
        assert here.engine.ground().ledger.fallbacks(name) == {end: "TradingIS"}
        assert not here.engine.gaps().absences(catalogue.dataset(name))


# estimates and measurements ---------------------------------------------------------------------------------------------
MEASURED, ESTIMATED = ROOFTOP30.sources


def rooftop(power: float, region: str = "NSW1", end: datetime = NEW) -> pa.Table:
    return table(ROOFTOP30, (end, region, power))


def provisional(ground: tuple[Store, Ledger]) -> set[str]:
    return {region for _, region in ground[1].provisional("rooftop30", NEW - FIVE, NEW)}


@pytest.mark.parametrize("measured_by", [Mode.UPSERT, Mode.INSERT])
def test_an_estimate_is_known_as_such_until_the_measurement_takes_its_place_by_any_road(
    ground: tuple[Store, Ledger], measured_by: Mode
) -> None:
    merge_source(*ground, ROOFTOP30, ESTIMATED, rooftop(100.0))
    assert (value(ground, ROOFTOP30), provisional(ground)) == (100.0, {"NSW1"})
    merge_source(*ground, ROOFTOP30, MEASURED, rooftop(90.0), measured_by)
    assert (value(ground, ROOFTOP30), provisional(ground)) == (90.0, set())
    for mode in (Mode.UPSERT, Mode.INSERT):
        merge_source(*ground, ROOFTOP30, ESTIMATED, rooftop(101.0), mode)
    assert (value(ground, ROOFTOP30), provisional(ground)) == (90.0, set())


def test_a_later_estimate_takes_the_place_of_an_earlier_one_and_of_nothing_else(ground: tuple[Store, Ledger]) -> None:
    ground[0].merge(ROOFTOP30, rooftop(50.0, "SA1"))  # of which nothing is known: imported, or from before
    merge_source(*ground, ROOFTOP30, ESTIMATED, rooftop(100.0))
    both = pa.concat_tables([rooftop(101.0), rooftop(51.0, "SA1")])
    merge_source(*ground, ROOFTOP30, ESTIMATED, both)
    assert ground[0].read(ROOFTOP30)["power"].to_pylist() == [101.0, 50.0]
    merge_source(*ground, ROOFTOP30, ESTIMATED, rooftop(99.0), Mode.INSERT)  # published before the other
    assert ground[0].read(ROOFTOP30)["power"].to_pylist() == [101.0, 50.0]
    assert provisional(ground) == {"NSW1"}
