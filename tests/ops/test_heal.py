"""Healing: what was cut out of a history comes back from Current, Archive and MMSDM, row for row; the rest is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.store.merge import Merge
from aemo_ops.store.parquet import Store
from tests.conftest import NOON
from tests.ops import history
from tests.ops.healed import DAY, MIDNIGHT, PRICES, Site

pytestmark = pytest.mark.timeout(900)  # the replica makes months of files


def test_a_single_region_and_a_single_unit_come_back(at: Callable[..., Site]) -> None:
    site = at(("prices5", "scada5", "prices30", "scada30"), days=4)
    unit = site.whole["scada5"]["duid"].unique()[2]
    span = (MIDNIGHT - 3 * DAY, MIDNIGHT - 2.4 * DAY)
    for name, wanting in (("prices5", "SA1"), ("prices30", "SA1"), ("scada5", unit), ("scada30", unit)):
        site.cut(name, span, ids=(wanting,))
    gaps = site.engine.gaps().listed(catalogue.PRICES5, site.engine.gaps().of(catalogue.PRICES5))  # type: ignore[arg-type]
    assert [(gap.keys, gap.state, gap.source, gap.intervals) for gap in gaps] == [
        (("SA1",), Presence.PARTIAL, "archive", 172)
    ]
    site.heal()
    for name in ("prices5", "scada5"):
        site.same(name)
    for name in ("prices30", "scada30"):
        site.same(name, 1e-6)


def test_a_hole_is_filled_though_aemo_has_no_row_of_single_units(at: Callable[..., Site]) -> None:
    site = at(("scada5", "scada30"), days=4)
    # 28 intervals of five minutes: four whole half hours, and four of the six of a fifth.
    hole = (MIDNIGHT - 3 * DAY, MIDNIGHT - 2.9 * DAY)
    for name in ("scada5", "scada30"):
        site.cut(name, hole)
    results = site.heal()
    site.same("scada5")
    table = site.whole["scada5"].pivot(index="settlementdate", columns="duid", values="scadavalue").notna()
    between = table.cummax() & table[::-1].cummax()[::-1]  # from its first row to its last, each unit
    lacking = int((between & ~table).any(axis=1).sum())
    assert lacking > 10  # units come and go in the made-up market too
    told = results["scada5"]
    assert (told.requested, told.filled, told.absent, told.open, told.failed) == (28, 28, 0, 0, 0)
    assert (told.by_source, told.units_left) == ({"archive": 28}, lacking)
    assert results["scada30"].requested == results["scada30"].filled == 5
    assert set(site.states("scada5")) <= {Presence.COMPLETE, Presence.NOT_DUE}  # as complete as AEMO's own


def test_a_half_hour_is_filled_though_single_units_lack_one_of_its_six(at: Callable[..., Site]) -> None:
    site = at(("scada5", "scada30"), days=4)
    since, until = MIDNIGHT - 3 * DAY, MIDNIGHT - 2.5 * DAY
    table = site.whole["scada5"].pivot(index="settlementdate", columns="duid", values="scadavalue").notna()
    inside = table[(table.index > since) & (table.index <= until)]
    rows = inside.groupby(inside.index.ceil("30min")).sum()
    assert ((rows > 0) & (rows < 6)).any(axis=None)  # means of fewer than six
    for name in ("scada5", "scada30"):
        site.cut(name, (since, until + timedelta(minutes=5)))
    told = site.heal()["scada30"]
    # 24 half hours without a row, and the one of whose six the first is missing.
    assert (told.requested, told.filled, told.absent, told.open, told.failed) == (25, 25, 0, 0, 0)
    site.same("scada30", 1e-6)


def test_what_no_source_has_is_told_once_with_its_reason(at: Callable[..., Site]) -> None:
    site = at(days=40)
    noon = datetime(2026, 3, 20, 12)
    site.replica.faults.add("absent", path="*DISPATCHIS_202603201205_*")
    site.replica.faults.add("absent", path="*TRADINGIS_202603201205_*")
    whole = history.whole(site.shelf, PRICES, noon - 8 * DAY, noon + 8 * DAY)
    for name in PRICES:
        frame = site.whole[name]
        kept = frame[(frame["settlementdate"] < noon - timedelta(hours=1)) | (frame["settlementdate"] > noon + DAY)]
        history.write(site.engine, {name: kept})
    results = site.heal()
    assert results["prices5"].absent == 1
    assert site.states("prices5")[Presence.ABSENT] == 1
    (absence,) = site.engine.gaps().absences(catalogue.PRICES5)
    assert (absence.first, absence.id) == (noon + timedelta(minutes=5), "")
    assert "Archive was asked" in absence.reason and "MMSDM was asked" in absence.reason
    five = history.read(site.engine, "prices5")
    window = (five["settlementdate"] > noon - 7 * DAY) & (five["settlementdate"] <= noon + 7 * DAY)
    truth = whole["prices5"]
    within = (truth["settlementdate"] > noon - 7 * DAY) & (truth["settlementdate"] <= noon + 7 * DAY)
    history.same(five[window], truth[within])
    # The half hour has the mean of the five that there are, is known for it, and nobody is asked again.
    assert site.states("prices30")[Presence.ABSENT] == 1
    asked = len(site.replica.requests)
    site.heal()
    assert len(site.replica.requests) == asked
    assert len(site.engine.gaps().absences(catalogue.PRICES5)) == 1


def test_an_absence_is_asked_for_again_when_a_later_source_opens(at: Callable[..., Site]) -> None:
    site = at(days=6)
    hole = (MIDNIGHT - 4 * DAY, MIDNIGHT - 4 * DAY + timedelta(hours=1))
    for name in PRICES:
        site.cut(name, hole)
    site.replica.faults.add("missing", path="/Reports/ARCHIVE/DispatchIS_Reports/*_20260416.zip")
    site.replica.faults.add("missing", path="/Reports/ARCHIVE/DispatchIS_Reports/*_20260417.zip")
    site.replica.faults.add("missing", path="*TRADINGIS*")
    site.heal()
    absences = site.engine.gaps().absences(catalogue.PRICES5)
    assert absences and all("MMSDM should have it from 2026-05-07" in absence.reason for absence in absences)
    later = Clock.starting(datetime(2026, 5, 23), 0)
    site.replica.clock = later
    engine = site.engine
    moved = Engine(engine.settings, later, "a test", engine.client.manners)
    engine.stop()
    try:
        site.engine = moved
        results = site.heal(until=NOON)
        assert results["prices5"].by_source == {"mmsdm": 12}
        found, whole = history.read(moved, "prices5"), site.whole["prices5"]
        history.same(found[found["settlementdate"] <= NOON], whole)
        assert not site.engine.gaps().absences(catalogue.PRICES5)
    finally:
        moved.stop()


def test_trading_rows_are_the_last_fallback_of_half_hours_and_known_as_such(at: Callable[..., Site]) -> None:
    site = at(days=8)
    hole = (MIDNIGHT - 6 * DAY - timedelta(hours=2), MIDNIGHT - 6 * DAY + timedelta(hours=2))
    for name in PRICES:
        site.cut(name, hole)
    site.replica.faults.add("missing", path="*/DispatchIS_Reports/*")
    results = site.heal()
    assert results["prices5"].absent == 48
    assert results["prices30"].by_source == {"trading": 8}
    site.same("prices30", 0.0051)
    with pytest.raises(AssertionError):
        site.same("prices30", 1e-6)
    told = site.engine.ground().ledger.fallbacks("prices30")
    assert sorted(told) == [hole[0] + timedelta(minutes=30 * at) for at in range(1, 9)]


def test_a_fallback_is_known_as_such_though_we_die_as_soon_as_its_rows_are_there(
    at: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = at(days=8)
    hole = (MIDNIGHT - 6 * DAY - timedelta(hours=2), MIDNIGHT - 6 * DAY + timedelta(hours=2))
    for name in PRICES:
        site.cut(name, hole)
    mean = hole[1] + timedelta(hours=1)  # known as of five, though its six are there: they come before TradingIS
    ground = site.engine.healing().ground
    ground.ledger.mark_partial("prices30", [(mean, region, 5) for region in catalogue.PRICES30.ids or ()])
    site.replica.faults.add("missing", path="*/DispatchIS_Reports/*")
    merge, there = Store.merge, []

    def last(store: Store, dataset: Dataset, rows: pa.Table, mode: Mode = Mode.UPSERT, columns: Any = ()) -> Merge:
        done = merge(store, dataset, rows, mode, columns)
        if dataset is catalogue.PRICES30 and done.inserted:
            there.append(done)
            raise StoreError("died here")
        return done

    monkeypatch.setattr(Store, "merge", last)
    site.heal()
    assert [done.inserted for done in there] == [8 * 5]
    site.same("prices30", 0.0051)
    told = ground.ledger.fallbacks("prices30")
    assert sorted(told) == [hole[0] + timedelta(minutes=30 * at) for at in range(1, 9)]


def test_half_hours_from_before_their_five_minute_file_come_back_as_means_and_nothing_else(
    at: Callable[..., Site],
) -> None:
    site = at(days=8)
    begins = MIDNIGHT - 2 * DAY
    five = site.whole["prices5"]
    site.whole["prices5"] = five[five["settlementdate"] > begins]
    history.write(site.engine, {"prices5": site.whole["prices5"]})
    site.cut("prices30", (begins - 3 * DAY, begins - 2 * DAY))
    results = site.heal()
    assert results["prices30"].by_source == {"archive": 48}
    site.same("prices30", 1e-6)
    site.same("prices5")


def test_a_refusal_is_waited_out_and_a_broken_bundle_is_passed_over_for_the_next_source(
    at: Callable[..., Site],
) -> None:
    site = at(days=30)
    for name in PRICES:
        site.cut(name, (datetime(2026, 3, 25), datetime(2026, 3, 27)))
    site.replica.faults.add("403", path="/Reports/ARCHIVE/*20260325.zip", times=2)
    site.replica.faults.add("html", path="/Reports/ARCHIVE/*20260326.zip", times=99)
    results = site.heal()
    assert results["prices5"].failed == 0
    assert set(results["prices5"].by_source) == {"archive", "mmsdm"}
    for name in PRICES:
        site.same(name, 1e-6)


def test_a_bad_file_in_a_bundle_costs_its_own_interval_only(at: Callable[..., Site]) -> None:
    site = at(days=6)
    hole = (MIDNIGHT - 4 * DAY, MIDNIGHT - 3.5 * DAY)
    for name in PRICES:
        site.cut(name, hole)
    fault = site.replica.faults.add("column", path="*DISPATCHIS_202604160605_*")
    results = site.heal()
    assert (results["prices5"].failed, results["prices5"].filled) == (1, 143)
    assert any("no column" in reason for reason in results["prices5"].reasons)
    assert fault.lasting
    site.replica.faults.clear()
    site.replica.site._archive._bodies._kept.clear()  # type: ignore[union-attr]
    assert site.heal()["prices5"].filled == 1
    for name in PRICES:
        site.same(name, 1e-6)


def test_months_before_2015_are_refused_with_the_reason(at: Callable[..., Site]) -> None:
    site = at(days=1)
    since = datetime(2014, 12, 30)
    results = site.heal(since=since, until=since + timedelta(hours=1))
    assert results["prices5"].absent == 12
    (absence,) = site.engine.gaps().absences(catalogue.PRICES5)
    assert "before 2015" in absence.reason and absence.again is None
    assert not site.files


@pytest.mark.parametrize("twice", [False, True], ids=["%23", "%2523"])
def test_a_hash_in_a_name_is_sent_in_the_form_that_is_understood(at: Callable[..., Site], twice: bool) -> None:
    site = at(names=("prices5",), days=28, hash_twice=twice)
    site.replica.faults.add("missing", path="/Reports/ARCHIVE/*")
    site.cut("prices5", (datetime(2026, 3, 25), datetime(2026, 3, 26)))
    assert site.heal()["prices5"].by_source == {"mmsdm": 288}
    site.same("prices5")


def test_a_span_is_fetched_from_the_source_that_is_named(at: Callable[..., Site]) -> None:
    site = at(names=("prices5",), days=28)
    site.cut("prices5", (datetime(2026, 3, 25), datetime(2026, 3, 25, 3)))
    since, until = datetime(2026, 3, 25), datetime(2026, 3, 26)
    assert site.heal(since=since, until=until, levels=(Level.CURRENT,))["prices5"].filled == 0
    assert not site.engine.gaps().absences(catalogue.PRICES5)
    assert site.heal(since=since, until=until, levels=(Level.MMSDM,))["prices5"].by_source == {"mmsdm": 36}


def test_mmsdm_and_current_have_the_same_rows_of_an_interval(at: Callable[..., Site]) -> None:
    site = at(("prices5", "scada5", "transmission5", "rooftop30"), days=22)
    span = (datetime(2026, 3, 30, 6), datetime(2026, 3, 30, 9))
    for name in site.whole:
        site.cut(name, span)
    results = site.heal(since=span[0], until=span[1], levels=(Level.MMSDM,))
    for name in site.whole:
        assert set(results[name].by_source) == {"mmsdm"}
        site.same(name)
