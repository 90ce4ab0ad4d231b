"""The market is one: the same everywhere, in any order, and plausible."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aemo_ops.market.intervals import DAY, FIVE_MINUTES, HALF_HOUR, intervals
from aemo_ops.market.regions import INTERCONNECTORS, REGIONS, SUB_REGIONS
from aemo_ops.replica import Market
from aemo_ops.replica.fleet import UNITS

START = datetime(2026, 4, 18)
FOUR_DAYS = list(intervals(START, START + 4 * DAY, FIVE_MINUTES))


def test_another_instance_asked_in_another_order_gives_the_same_values() -> None:
    some = FOUR_DAYS[::97]
    forward = [(one.prices(t), one.scada(t), one.flows(t), one.rooftop(t)) for one in [Market(3)] for t in some]
    backward = [(one.prices(t), one.scada(t), one.flows(t), one.rooftop(t)) for one in [Market(3)] for t in some[::-1]]
    assert forward == backward[::-1]
    assert Market(4).prices(some[0]) != Market(3).prices(some[0])


def test_prices_dip_below_zero_by_day_and_peak_in_the_evening(market: Market) -> None:
    by_hour: dict[int, list[float]] = {hour: [] for hour in range(24)}
    for t in FOUR_DAYS:
        assert tuple(market.prices(t)) == REGIONS
        by_hour[t.hour] += [p for p in market.prices(t).values() if p < 300]
    mean = {hour: sum(prices) / len(prices) for hour, prices in by_hour.items()}
    assert mean[12] < mean[3] < mean[18]
    assert min(by_hour[12]) < 0


def test_spikes_are_rare_and_within_the_bounds(market: Market) -> None:
    month = intervals(START, START + 30 * DAY, FIVE_MINUTES)
    highest = [max(market.prices(t).values()) for t in month]
    spikes = sum(price > 300 for price in highest)
    assert 0 < spikes < len(highest) / 50
    assert max(highest) <= 14_700
    assert max(highest) > 1_000


def test_regions_move_together(market: Market) -> None:
    calm = [market.prices(t) for t in FOUR_DAYS if max(market.prices(t).values()) < 300]
    nsw, qld = ([prices[region] for prices in calm] for region in ("NSW1", "QLD1"))
    mean_nsw, mean_qld = sum(nsw) / len(nsw), sum(qld) / len(qld)
    both = sum((a - mean_nsw) * (b - mean_qld) for a, b in zip(nsw, qld, strict=True))
    alone = sum((a - mean_nsw) ** 2 for a in nsw) ** 0.5 * sum((b - mean_qld) ** 2 for b in qld) ** 0.5
    assert 0.5 < both / alone < 0.999


def test_solar_sleeps_at_night_and_batteries_charge_and_discharge(market: Market) -> None:
    night, noon = market.scada(datetime(2026, 4, 20, 1)), market.scada(datetime(2026, 4, 20, 12))
    solar = [unit.duid for unit in UNITS if unit.fuel == "SOLAR"]
    batteries = [unit.duid for unit in UNITS if unit.fuel == "BATT"]
    evening = market.scada(datetime(2026, 4, 20, 19))
    assert {night[duid] for duid in solar if duid in night} == {0.0}
    assert sum(noon.get(duid, 0.0) for duid in solar) > 2_000
    assert min(noon.get(duid, 0.0) for duid in batteries) < 0
    assert sum(evening.get(duid, 0.0) for duid in batteries) > 0


def test_about_480_units_of_which_a_few_have_no_row_and_a_few_no_value(market: Market) -> None:
    assert len({unit.duid for unit in UNITS}) == len(UNITS) == 480
    rows = [list(market.telemetry(t)) for t in FOUR_DAYS[::12]]
    assert all(450 < len(one) <= 480 for one in rows)
    assert any(len(one) < 480 for one in rows)
    assert any(value is None for one in rows for _, value in one)


def test_flows_have_six_interconnectors_and_two_limits_of_unlike_sign(market: Market) -> None:
    for t in FOUR_DAYS[::50]:
        flows = market.flows(t)
        assert tuple(flows) == INTERCONNECTORS
        assert all(flow.importlimit <= 0 <= flow.exportlimit and flow.mwlosses >= 0 for flow in flows.values())


def test_an_intervention_of_a_few_hours_comes_about_every_four_days(market: Market) -> None:
    month = list(intervals(START, START + 28 * DAY, FIVE_MINUTES))
    hours = sum(market.intervened(t) for t in month) / 12
    assert 7 * 2 <= hours <= 8 * 5
    t = next(t for t in month if market.intervened(t))
    assert market.prices(t, run=0) != market.prices(t, run=1)
    assert market.flows(t) == market.flows(t, run=1) != market.flows(t, run=0)


def test_rooftop_is_measured_unless_blank_then_seen_by_satellite(market: Market) -> None:
    blank = 0
    for t in intervals(START, START + 14 * DAY, HALF_HOUR):
        measured, satellite, rooftop = market.measurement(t), market.satellite(t), market.rooftop(t)
        for region in REGIONS:
            blank += measured[region] is None
            assert rooftop[region] == (satellite[region] if measured[region] is None else measured[region])
    assert 0 < blank < 200
    assert market.measurement(datetime(2026, 4, 20, 12)) != market.satellite(datetime(2026, 4, 20, 12))


@pytest.mark.parametrize(("year", "ride_along"), [(2025, True), (2026, False)])
def test_sub_regions_ride_along_until_2026(market: Market, year: int, ride_along: bool) -> None:
    regions = market.rooftop(datetime(year, 6, 1, 12))
    assert set(SUB_REGIONS).issubset(regions) is ride_along
    assert set(REGIONS).issubset(regions)


def test_a_revision_changes_values_but_not_which_rows_there_are(market: Market) -> None:
    t = START + timedelta(hours=12)
    assert market.prices(t, revision=1) != market.prices(t)
    assert market.scada(t, revision=1).keys() == market.scada(t).keys()
    assert market.scada(t, revision=1) != market.scada(t)
    assert market.rooftop(t, revision=1) != market.rooftop(t)
