"""Holes at random, outages, kills in the middle, cycles meanwhile: a heal ends with every row, and keeps nobody waiting."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.clock import Clock
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.engine import Engine
from aemo_ops.store.lease import adopted
from aemo_ops.store.ledger import Ledger
from tests.conftest import NOON, SOAK, only_soak
from tests.ops import history
from tests.ops.healed import DAY, EVERY, MIDNIGHT, PRICES, Site
from tests.waiting import until

pytestmark = pytest.mark.timeout(5400 if SOAK else 900)  # the replica makes months of files, or years


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


@pytest.mark.parametrize(
    "late_edges",
    [pytest.param(False, id="00:00 to 23:55", marks=only_soak), pytest.param(True, id="00:05 to 24:00")],
)
def test_holes_cut_at_random_come_back_row_for_row(at: Callable[..., Site], late_edges: bool) -> None:
    days = 365 if SOAK else 26
    names = EVERY if SOAK else PRICES  # a month of all tables takes the replica half a minute
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


@pytest.mark.parametrize(
    "hours",
    [
        3,
        pytest.param(72, marks=only_soak),
        pytest.param(30 * 24, marks=only_soak),
        pytest.param(400 * 24, marks=only_soak),
    ],
)
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
    days = 6 if SOAK else 3
    site = at(("prices5", "scada5", "prices30", "scada30"), days=days + 6, units=3)
    for name in site.whole:
        site.cut(name, (MIDNIGHT - (days + 4) * DAY, MIDNIGHT - 4 * DAY))
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

    for count in (1, 3, 2) if SOAK else (1, 3):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, json.dumps(told)],
            env={**os.environ, "AEMO_OPS_FAILPOINTS": f"backfill.merged=kill:{count}"},
            check=False,
        )
        killed += child.returncode == -signal.SIGKILL
        ledger = Ledger(settings.home / "ledger.sqlite", adopted(settings.data_path) or "")
        merged = {row.file: fetched()[row.file] for row in ledger.search() if row.source == "archive"} | merged
        ledger.close()
    assert killed == (3 if SOAK else 2)
    subprocess.run([sys.executable, "-c", _CHILD, json.dumps(told)], check=True)
    engine = Engine(settings, site.engine.clock, "after")
    site.engine = engine
    try:
        for name in site.whole:
            site.same(name, 1e-6)
        assert len(merged) >= (3 if SOAK else 2)
        assert {name: fetched()[name] for name in merged} == merged
    finally:
        engine.stop()


def test_a_heal_in_the_engine_does_not_keep_cycles_waiting(at: Callable[..., Site]) -> None:
    site = at(days=12)
    for name in PRICES:
        site.cut(name, (MIDNIGHT - 10 * DAY, MIDNIGHT - 3 * DAY))
    running = Clock.starting(NOON, 40)
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
