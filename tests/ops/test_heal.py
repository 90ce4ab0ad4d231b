"""Healing: what was cut out of a history comes back from Current, Archive and MMSDM, row for row; the rest is told."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.request import Filled, Request
from aemo_ops.replica import Faults, Market, Replica, Shelf
from aemo_ops.store.lease import adopt, adopted
from aemo_ops.store.ledger import Ledger
from tests.conftest import NOON, SOAK
from tests.ops import history
from tests.waiting import until

pytestmark = pytest.mark.timeout(900)  # the replica makes months of files
Make = Callable[..., Engine]
EVERY = ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")
PRICES = ("prices5", "prices30")
DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0, minute=0)


@dataclass
class Site:
    """A site, an engine on a folder of ours, and the whole files that its history should have."""

    replica: Replica
    shelf: Shelf
    engine: Engine
    whole: history.Frames

    def cut(self, name: str, *spans: tuple[datetime, datetime], ids: tuple[str, ...] = ()) -> None:
        """Take the rows of (since, until] out of a file, of some ids or of all."""
        frame = self.whole[name]
        mask = pd.Series(False, index=frame.index)
        for since, end in spans:
            mask |= (frame["settlementdate"] > since) & (frame["settlementdate"] <= end)
        if ids:
            mask &= frame.iloc[:, 1].isin(ids)
        history.write(self.engine, {name: frame[~mask]})

    def heal(self, **request: object) -> dict[str, Filled]:
        wanted = Request(self.engine.datasets, **{"workers": 0, **request})  # type: ignore[arg-type]
        backfill = self.engine.healing().backfill(wanted)
        return {filled.dataset: filled for filled in backfill.run(wanted, Progress(lambda *_: None))}

    def states(self, name: str) -> dict[Presence, int]:
        found = self.engine.gaps().of(catalogue.dataset(name))
        assert found
        return {state: found.count(state) for state in Presence if found.count(state)}

    def same(self, name: str, tolerance: float = 1e-9) -> None:
        history.same(history.read(self.engine, name), self.whole[name], tolerance)

    @property
    def files(self) -> list[str]:
        """The files fetched so far, listings left out."""
        return [path for path in self.replica.requests if path.endswith(".zip")]


@pytest.fixture
def at(still: Clock, engine_at: Make) -> Iterator[Callable[..., Site]]:
    replicas: list[Replica] = []

    def make(
        names: tuple[str, ...] = PRICES, days: float = 5, units: int = 5, hash_twice: bool = False, **options: object
    ) -> Site:
        shelf = Shelf(Market(seed=7, units=units), Faults(seed=7), **options)  # type: ignore[arg-type]
        replica = Replica(shelf, still, hash_twice=hash_twice).start()
        replicas.append(replica)
        engine = engine_at(replica.url, still, datasets=names)
        engine.client.manners = replace(engine.client.manners, read_timeout=120.0, deadline=120.0)  # it makes months
        whole = history.whole(shelf, names, MIDNIGHT - days * DAY, NOON)
        adopt(engine.store.folder)
        history.write(engine, whole)
        return Site(replica, shelf, engine, whole)

    yield make
    for replica in replicas:
        replica.stop()


def holes(chance: random.Random, since: datetime, until: datetime, count: int) -> list[tuple[datetime, datetime]]:
    """Random spans: single intervals, hours, days, over midnight, over 04:00."""
    found = []
    for _ in range(count):
        start = since + (until - since) * chance.random()
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        found.append(
            chance.choice(
                [
                    (start, start + timedelta(minutes=5)),
                    (start, start + timedelta(hours=chance.randint(1, 12))),
                    (start, start + timedelta(days=chance.randint(1, 2))),
                    (midnight - timedelta(minutes=10), midnight + timedelta(minutes=10)),
                    (midnight + timedelta(hours=3, minutes=50), midnight + timedelta(hours=4, minutes=10)),
                ]
            )
        )
    return [(max(a, since), min(b, until)) for a, b in found]


@pytest.mark.parametrize("late_edges", [False, True], ids=["00:00 to 23:55", "00:05 to 24:00"])
def test_holes_cut_at_random_come_back_row_for_row(at: Callable[..., Site], late_edges: bool) -> None:
    days = 365 if SOAK else 26
    names = EVERY if SOAK or late_edges else PRICES  # where a bundle's edges are is the same for all
    site = at(names, days=days, units=4, late_edges=late_edges, begins=datetime(2025, 1, 1))
    # The bundles of some days were never made, so that MMSDM has to help.
    for stamp in ("20260328", "20260329", "20260330"):
        site.replica.faults.add("missing", path=f"/Reports/ARCHIVE/*_{stamp}.zip")
    chance = random.Random(11 + late_edges)
    first = MIDNIGHT - days * DAY
    for name in names:
        # Neither the first nor the last half hour: what a file begins with, and goes on to, is no gap.
        spans = holes(chance, first + timedelta(hours=1), NOON - timedelta(hours=2), 60 if SOAK else 3)
        spans.append((datetime(2026, 3, 29, 23), datetime(2026, 3, 30, 1)))
        site.cut(name, *spans)
    assert all(len(history.read(site.engine, name)) < len(site.whole[name]) for name in names)
    # Single units that did not report would have every day fetched; what is cut here is certain.
    results = site.heal(soft=SOAK)
    for name in names:
        site.same(name, 1e-9 if name.endswith("5") or name == "rooftop30" else 1e-6)
    sources = {source for filled in results.values() for source in filled.by_source}
    assert {"archive", "mmsdm"} <= sources
    assert all(filled.failed == 0 for filled in results.values())
    # Every file once, however many datasets and half hours it served.
    assert len(site.files) == len(set(site.files))
    asked = len(site.replica.requests)
    again = site.heal(soft=SOAK)
    assert sum(filled.filled for filled in again.values()) == 0
    assert len(site.replica.requests) == asked


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


@pytest.mark.parametrize(
    "hours", [3, 72, pytest.param(30 * 24, marks=pytest.mark.skipif(not SOAK, reason="takes minutes: scripts/soak")),
              pytest.param(400 * 24, marks=pytest.mark.skipif(not SOAK, reason="takes minutes: scripts/soak"))]
)  # fmt: skip
def test_an_outage_ends_healed(at: Callable[..., Site], hours: int) -> None:
    site = at(EVERY if hours < 100 else PRICES, days=hours / 24 + 2, units=3, begins=datetime(2025, 1, 1))
    gone = NOON - timedelta(hours=hours)
    for name in site.whole:
        frame = site.whole[name]
        history.write(site.engine, {name: frame[frame["settlementdate"] <= gone]})
    results = site.heal()
    for name in site.whole:
        states = site.states(name)
        assert not {Presence.MISSING, Presence.PARTIAL} & set(states), (name, states)
        due = NOON - timedelta(hours=2) if name == "rooftop30" else NOON - timedelta(minutes=40)
        whole, found = site.whole[name], history.read(site.engine, name)
        history.same(found[found["settlementdate"] <= due], whole[whole["settlementdate"] <= due], 1e-6)
    sources = set(results["prices5"].by_source)
    assert sources == {3: {"current"}, 72: {"current", "archive"}, 720: {"current", "archive"}}.get(
        hours, {"current", "archive", "mmsdm"}
    )


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
    told = site.engine.ground().absences.fallbacks("prices30")
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


_CHILD = """
import json, sys
from pathlib import Path
from aemo_ops.clock import Clock
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.request import Request
from aemo_ops.settings import Settings
told = json.loads(sys.argv[1])
settings = Settings(home=Path(told["home"]), data_path=Path(told["data"]), nemweb_url=told["url"], catchup_gap=0.0001,
                    datasets=tuple(told["datasets"]))
engine = Engine(settings, Clock.from_file(Path(told["clock"])), "a child")
request = Request(engine.datasets, workers=0)
engine.healing().backfill(request).run(request, Progress(lambda *_: None))
engine.stop()
"""


def test_a_heal_that_is_killed_goes_on_where_it_was(at: Callable[..., Site], tmp_path: Path) -> None:
    site = at(("prices5", "scada5", "prices30", "scada30"), days=12, units=3)
    for name in site.whole:
        site.cut(name, (MIDNIGHT - 10 * DAY, MIDNIGHT - 4 * DAY))
    settings, clock = site.engine.settings, tmp_path / "clock.json"
    site.engine.clock.write(clock)
    site.engine.stop()
    told = {
        "home": str(settings.home), "data": str(settings.data_path), "url": site.replica.url, "clock": str(clock),
        "datasets": settings.datasets,
    }  # fmt: skip
    killed = 0
    merged: dict[str, int] = {}  # how often each file that is merged had been fetched by then

    def fetched() -> Counter[str]:
        return Counter(path.rpartition("/")[2] for path in site.files)

    for count in (1, 3, 2):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, json.dumps(told)],
            env={**os.environ, "AEMO_OPS_FAILPOINTS": f"backfill.merged=kill:{count}"},
            check=False,
        )
        killed += child.returncode == -signal.SIGKILL
        ledger = Ledger(settings.home / "ledger.sqlite", adopted(settings.data_path) or "")
        merged = {row.file: fetched()[row.file] for row in ledger.search() if row.source == "archive"} | merged
        ledger.close()
    assert killed == 3
    subprocess.run([sys.executable, "-c", _CHILD, json.dumps(told)], check=True)
    engine = Engine(settings, site.engine.clock, "after")
    site.engine = engine
    try:
        for name in site.whole:
            site.same(name, 1e-6)
        assert len(merged) >= 3
        assert {name: fetched()[name] for name in merged} == merged
    finally:
        engine.stop()


def test_a_heal_in_the_engine_does_not_keep_cycles_waiting(at: Callable[..., Site], still: Clock) -> None:
    del still
    site = at(days=12)
    for name in PRICES:
        site.cut(name, (MIDNIGHT - 10 * DAY, MIDNIGHT - 3 * DAY))
    running = Clock.starting(NOON, 20)
    settings = site.engine.settings
    site.engine.stop()
    site.replica.clock = running
    engine = Engine(settings, running, "a test")
    site.engine = engine
    try:
        engine.start()
        number = engine.command("heal", "")
        until(lambda: engine.state.answered(number), "an answer to the command", 60)
        until(
            lambda: any(j.kind == "heal" and j.state == "done" for j in engine.snapshot().jobs),
            "the end of the heal",
            120,
        )
        advances = [noticed for noticed, _ in engine.state.advances("prices5", NOON)]
        last = engine.state.facts("cycle")["last"]
        assert last["number"] >= 2
        assert site.states("prices5").get(Presence.MISSING, 0) <= 1
        gaps = [b - a for a, b in itertools.pairwise(advances)]
        # Two periods between two cycles would be one missed.
        assert all(gap < timedelta(minutes=10) for gap in gaps), gaps
    finally:
        engine.stop()


def test_only_one_heal_runs_at_a_time_and_it_can_be_cancelled(at: Callable[..., Site]) -> None:
    site = at(days=12)
    for name in PRICES:
        site.cut(name, (MIDNIGHT - 10 * DAY, MIDNIGHT - 3 * DAY))
    engine = site.engine
    site.replica.faults.add("drip", path="/Reports/ARCHIVE/*", amount=0.5, times=99)
    engine.start()
    first, second = engine.command("heal", ""), engine.command("heal", "")
    until(lambda: engine.state.answered(first) and engine.state.answered(second), "answers to both commands")
    answers = [engine.state.answered(number) for number in (first, second)]
    assert sum("fills gaps" in (answer or "") for answer in answers) == 1
    assert sum("already" in (answer or "") for answer in answers) == 1
    until(lambda: any(job.kind == "heal" for job in engine.snapshot().jobs), "the heal in the snapshot")
    job = next(job for job in engine.snapshot().jobs if job.kind == "heal")
    site.replica.faults.clear()
    engine.command("cancel", str(job.number))
    until(
        lambda: {j.number: j.state for j in engine.snapshot().jobs}[job.number] != "running", "the end of the heal", 60
    )
    assert {j.number: j.state for j in engine.snapshot().jobs}[job.number] == "cancelled"
