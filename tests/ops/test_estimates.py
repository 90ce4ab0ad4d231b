"""Rooftop estimates (SATELLITE) are known as such, asked about once, and give way to the measurement wherever it turns up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import ROOFTOP30
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.healing import in_words
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.replacing import apply, new_spool
from aemo_ops.ops.request import Request
from tests.ops.small import ROOFTOP, Small, report

HALF = timedelta(minutes=30)
T = datetime(2026, 4, 10, 12)
REGIONS = ROOFTOP30.ids or ()
CURRENT = "Reports/CURRENT/ROOFTOP_PV/ACTUAL"


def file(end: datetime, kind: str, powers: dict[str, float | None]) -> tuple[str, bytes]:
    """A report file by its name: stamped half an hour after the interval's end."""
    rows = [(end, region, power, 0 if power is None else 1, kind) for region, power in powers.items()]
    return f"PUBLIC_ROOFTOP_PV_ACTUAL_{kind}_{end + HALF:%Y%m%d%H%M%S}_{1:016d}.zip", report((ROOFTOP, rows))


def current(here: Small, end: datetime, kind: str, powers: dict[str, float | None]) -> None:
    name, body = file(end, kind, powers)
    here.publish(f"{CURRENT}/{name}", body)


def week(here: Small, end: datetime, powers: dict[str, float | None], at: datetime = datetime(2026, 4, 17)) -> str:
    """Archive's week of measurements, from Thursday the 9th."""
    name = "PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT_20260409.zip"
    here.bundle(f"ROOFTOP_PV/ACTUAL/{name}", dict([file(end, "MEASUREMENT", powers)]), at)
    return name


def all_of(value: float | None) -> dict[str, float | None]:
    return dict.fromkeys(REGIONS, value)


def provisional(here: Small) -> set[str]:
    return {region for _, region in here.engine.ground().ledger.provisional("rooftop30", T - HALF, T)}


def test_a_measurement_that_left_current_unread_takes_the_place_of_its_estimate(small: Callable[..., Small]) -> None:
    here = small("rooftop30")
    current(here, T, "SATELLITE", all_of(100.0))
    here.engine.once()
    assert provisional(here) == set(REGIONS)
    here.fetched()
    first = here.fill(until=T)["rooftop30"]
    assert (first.requested, first.filled, first.estimates) == (1, 0, 1)
    assert (first.absent, first.open, first.failed) == (0, 0, 0)
    assert in_words([first]) == "0 of 1 intervals filled, in 1 an estimate stands for want of a measurement"
    assert len(here.fetched()) == 1  # the estimate's own file: it may have held the measurement too
    here.fill(until=T)
    assert here.fetched() == []
    bundle = week(here, T, {**all_of(90.0), "SA1": None})
    told = here.fill(until=T)["rooftop30"]
    assert here.fetched() == [bundle]
    assert here.rows("rooftop30") == {(T, region): (100.0 if region == "SA1" else 90.0,) for region in REGIONS}
    assert (provisional(here), told.absent) == ({"SA1"}, 0)
    here.fill(until=T)
    assert here.fetched() == []
    week(here, T, all_of(90.0), datetime(2026, 4, 18))
    told = here.fill(until=T)["rooftop30"]
    assert here.rows("rooftop30") == {(T, region): (90.0,) for region in REGIONS}
    assert (provisional(here), told.by_source) == (set(), {"archive": 1})
    assert (told.requested, told.filled, told.estimates) == (1, 1, 0)
    assert not here.engine.gaps().absences(ROOFTOP30)


@pytest.mark.parametrize("order", [("SATELLITE", "MEASUREMENT"), ("MEASUREMENT", "SATELLITE")])
def test_an_estimate_is_the_value_where_the_measurement_was_read_and_is_blank(
    small: Callable[..., Small], order: tuple[str, str]
) -> None:
    here = small("rooftop30")
    powers = {"SATELLITE": all_of(100.0), "MEASUREMENT": {**all_of(90.0), "SA1": None}}
    for kind in order:
        current(here, T, kind, powers[kind])
        here.engine.once()
    assert here.rows("rooftop30") == {(T, region): (100.0 if region == "SA1" else 90.0,) for region in REGIONS}
    assert here.states("rooftop30", T - HALF, T) == {Presence.COMPLETE: 1}
    # AEMO publishes a value later, where nobody looks for one: it wins all the same.
    week(here, T, all_of(90.0))
    here.fill(until=T)
    assert here.rows("rooftop30") == {(T, region): (90.0,) for region in REGIONS}


@pytest.mark.parametrize("road", ["archive", "mmsdm"])
def test_a_blank_measurement_of_the_past_leaves_the_estimate_as_the_value_too(
    small: Callable[..., Small], road: str
) -> None:
    here = small("rooftop30")
    measured: dict[str, float | None] = {**all_of(90.0), "SA1": None}
    if road == "archive":
        end = T
        week(here, T, measured)
        name = "PUBLIC_ROOFTOP_PV_ACTUAL_SATELLITE_20260409.zip"
        here.bundle(f"ROOFTOP_PV/ACTUAL/{name}", dict([file(T, "SATELLITE", all_of(100.0))]), datetime(2026, 4, 17))
    else:
        end = datetime(2025, 1, 5, 12)
        rows = [(end, region, power, 1, "MEASUREMENT") for region, power in measured.items()]
        rows += [(end, region, 100, 1, "SATELLITE") for region in REGIONS]
        here.month("ROOFTOP_PV_ACTUAL", datetime(2025, 1, 1), report((ROOFTOP, rows)))
    here.fill(since=end - HALF, until=end)
    assert here.rows("rooftop30") == {(end, region): (100.0 if region == "SA1" else 90.0,) for region in REGIONS}
    assert here.states("rooftop30", end - HALF, end) == {Presence.COMPLETE: 1}
    assert not here.engine.gaps().absences(ROOFTOP30)


def test_an_estimate_of_the_past_is_known_as_such_too(small: Callable[..., Small]) -> None:
    """From a monthly table, where both kinds lie in one file: a region without a measurement has its estimate."""
    here = small("rooftop30")
    end = datetime(2025, 1, 5, 12)
    rows = [(end, region, 80, 1, "MEASUREMENT") for region in REGIONS[1:]]
    rows += [(end, region, 99, 1, "SATELLITE") for region in REGIONS]
    here.month("ROOFTOP_PV_ACTUAL", datetime(2025, 1, 1), report((ROOFTOP, rows)))
    told = here.fill(since=end - HALF, until=end)["rooftop30"]
    assert (told.requested, told.filled, told.estimates, told.by_source) == (1, 1, 1, {"mmsdm": 1})
    assert here.rows("rooftop30") == {(end, region): (99.0 if region == REGIONS[0] else 80.0,) for region in REGIONS}
    assert here.engine.ground().ledger.provisional("rooftop30", end - HALF, end) == {(end, REGIONS[0])}
    # Months later it is published again, with all measurements.
    rows = [(end, region, 80, 1, "MEASUREMENT") for region in REGIONS]
    here.month("ROOFTOP_PV_ACTUAL", datetime(2025, 1, 1), report((ROOFTOP, rows)), datetime(2025, 9, 1))
    assert here.fill(since=end - HALF, until=end)["rooftop30"].by_source == {"mmsdm": 1}
    assert here.rows("rooftop30") == {(end, region): (80.0,) for region in REGIONS}


def test_an_estimate_that_is_published_after_the_past_was_filled_takes_no_measurement_s_place(
    small: Callable[..., Small],
) -> None:
    here = small("rooftop30")
    current(here, T, "SATELLITE", all_of(100.0))
    here.engine.once()
    week(here, T, all_of(90.0))
    here.fill(until=T)
    name, body = file(T, "SATELLITE", all_of(101.0))
    here.publish(f"{CURRENT}/{name.replace('_0000000000000001', '_0000000000000002')}", body)
    here.engine.once()
    assert here.rows("rooftop30") == {(T, region): (90.0,) for region in REGIONS}


def test_a_young_estimate_is_not_asked_about(small: Callable[..., Small]) -> None:
    here = small("rooftop30")
    current(here, datetime(2026, 4, 20, 11), "SATELLITE", all_of(100.0))
    here.engine.once()
    here.fetched()
    assert here.fill()["rooftop30"].requested == 0
    assert here.fetched() == []


def test_replacing_puts_measurements_in_place_and_estimates_only_where_there_is_none(
    small: Callable[..., Small],
) -> None:
    here = small("rooftop30")
    end = datetime(2025, 1, 5, 12)
    rows = [(end, region, 80, 1, "MEASUREMENT") for region in REGIONS[1:]]
    rows += [(end, region, 99, 1, "SATELLITE") for region in REGIONS]
    here.month("ROOFTOP_PV_ACTUAL", datetime(2025, 1, 1), report((ROOFTOP, rows)))
    here.engine.settle()
    ours = {"settlementdate": [end] * 2, "regionid": list(REGIONS[:2]), "power": [1.0, 2.0]}
    here.engine.store.merge(ROOFTOP30, pa.table(ours, schema=ROOFTOP30.schema))
    request = Request((ROOFTOP30,), end - HALF, end, replace=True, workers=0)
    spool, quiet = new_spool(here.engine.settings.home), Progress(lambda *_: None)
    (difference,) = here.engine.backfilling(request).compare(request, quiet, spool)
    assert (difference.inserted, difference.updated, difference.unchanged) == (3, 2, 0)
    apply(here.engine.healing().ground, here.engine.settings.home, spool.name, quiet)
    assert here.rows("rooftop30") == {(end, region): (99.0 if region == REGIONS[0] else 80.0,) for region in REGIONS}
    assert here.engine.ground().ledger.provisional("rooftop30", end - HALF, end) == {(end, REGIONS[0])}


# a month's extra day ----------------------------------------------------------------------------------------------------
def test_the_first_day_of_a_month_that_is_absent_comes_from_the_month_before(small: Callable[..., Small]) -> None:
    """The older monthly tables run one day over; here May's has noon of 1 June, and not half past twelve."""
    here = small("rooftop30")
    noon, later = datetime(2021, 6, 1, 12), datetime(2021, 6, 1, 12, 30)
    may, june = datetime(2021, 5, 1), datetime(2021, 6, 1)
    here.month(
        "ROOFTOP_PV_ACTUAL", may, report((ROOFTOP, [(noon, region, 55, 1, "MEASUREMENT") for region in REGIONS]))
    )
    span = {"since": noon - HALF, "until": later}
    told = here.fill(**span)["rooftop30"]
    assert (told.filled, told.absent, told.by_source) == (1, 1, {"mmsdm": 1})
    assert here.fetched() == ["PUBLIC_DVD_ROOFTOP_PV_ACTUAL_202105010000.zip"]
    here.fill(**span)
    assert here.fetched() == []
    here.month(
        "ROOFTOP_PV_ACTUAL", june, report((ROOFTOP, [(later, region, 66, 1, "MEASUREMENT") for region in REGIONS]))
    )
    assert here.fill(**span)["rooftop30"].filled == 1
    assert here.fetched() == ["PUBLIC_DVD_ROOFTOP_PV_ACTUAL_202106010000.zip"]
    assert {end for end, _ in here.rows("rooftop30")} == {noon, later}


def test_months_of_the_newer_names_are_not_asked_for_the_next_one_s_first_day(small: Callable[..., Small]) -> None:
    here = small("rooftop30")
    here.month("ROOFTOP_PV_ACTUAL", datetime(2025, 1, 1), report((ROOFTOP, [(T, "SA1", 1, 1, "MEASUREMENT")])))
    noon = datetime(2025, 2, 1, 12)
    assert here.fill(since=noon - HALF, until=noon, levels=(Level.MMSDM,))["rooftop30"].filled == 0
    assert here.fetched() == []
