"""A simulated week at high speed, with random faults: every published interval ends in the files, as the market says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.market.catalogue import PRICES5, ROOFTOP30, SCADA5, TRANSMISSION5
from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR
from aemo_ops.ops.cycles import Cycles
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Faults, Market, Replica, Shelf
from aemo_ops.store.ledger import Fate, LedgerRow
from tests.conftest import SOAK
from tests.ops.truth import close, in_file, means, published

FAULTS = (
    "403:0.01,500:0.02,html:0.02,truncated:0.02,footer:0.02,reset:0.01,empty:0.01,"
    "late=40:0.03,duplicate:0.02,revised=20:0.03,rooftop_pv/late=90:0.05"
)
MONDAY = datetime(2026, 3, 30)  # daylight saving ends in Sydney on the Sunday after it; nothing must show


@pytest.mark.timeout(1800)
def test_a_simulated_week_with_random_faults_ends_equal_to_the_market(engine_at: Callable[..., Engine]) -> None:
    start = MONDAY
    end = start + timedelta(hours=7 * 24 if SOAK else 2)
    shelf = Shelf(Market(seed=11), Faults.from_spec(FAULTS, seed=5))
    with Replica(shelf, Clock.starting(start, 0)) as site:
        engine = engine_at(site.url, Clock.starting(start, 0))
        cycles = engine.settle()
        _forget_the_past(cycles, start)
        now, at = start, 0
        while now <= end + timedelta(hours=3):
            site.clock = Clock.starting(now, 0)
            # The collector sees the same instant; only tests reach into its clock.
            object.__setattr__(engine.clock, "nem", now)
            with cycles.cycle(len(cycles.collectors)):
                for name in cycles.collectors:
                    cycles.collect(name)
            at += 1
            # Twice a day the machine sleeps for two hours; the rest of the time a cycle every 4.5 minutes.
            now += timedelta(hours=2) if at % 160 == 0 else timedelta(minutes=4.5)
            while cycles.backlog:
                cycles.catch_up(_Calm(), 0.0)
        span = (start, end)
        for dataset in (PRICES5, SCADA5, TRANSMISSION5, ROOFTOP30):
            expected = published(shelf, dataset.name, *span, at=now)
            cadence = dataset.cadence
            # All but the few intervals whose only file is broken for ever: those no reader can have.
            assert len({time for time, _ in expected}) > 0.95 * ((end - start) / cadence)
            assert in_file(engine, dataset, *span) == expected, dataset.name
        for child in ("prices30", "scada30", "transmission30"):
            dataset = catalogue.dataset(child)
            parent = catalogue.dataset(str(dataset.derived_from))
            assert parent.cadence == FIVE_MINUTES and dataset.cadence == HALF_HOUR
            five = means(published(shelf, parent.name, *span, at=now))
            assert close(in_file(engine, dataset, *span), {key: values for key, (values, _) in five.items()}, 1e-9)
            partial = engine.settle().ledger.partial(child, *span)
            assert partial == {key for key, (_, count) in five.items() if count < 6}
        files = [path for path in site.requests if path.endswith(".zip")]
        asked_again = len(files) - len(set(files))
        assert asked_again < 0.2 * len(files)  # only what a fault spoiled is asked for again


def _forget_the_past(cycles: Cycles, start: datetime) -> None:
    """Settle the files of the two days before, so that the sample is not mostly about them."""
    for name, collector in cycles.collectors.items():
        entries = [
            LedgerRow(entry.name, dataset.name, name, Fate.GONE, interval, entry.published, start, size=entry.size)
            for entry in collector.waiting()
            if (interval := collector.report.interval(entry.name)) <= start
            for dataset in collector.datasets
        ]
        cycles.ledger.record(entries)


class _Calm:
    """A job's progress that nobody cancels and that never waits."""

    cancelled = False

    def tell(self, done: int, total: int, text: str = "") -> None:
        pass

    def pause(self, seconds: float) -> bool:
        return True
