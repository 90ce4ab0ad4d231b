"""Filling by itself: after a start, after a sleep, daily in a quiet hour, bounded; and not at all where it is not wished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError
from aemo_ops.market.catalogue import PRICES5, SCADA30
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.board import AUTO
from aemo_ops.ops.healing import HEAL, Healing, asked, in_words, subject_of
from aemo_ops.ops.jobs import CATCH_UP
from aemo_ops.ops.request import Filled, Request
from aemo_ops.replica import Replica
from tests.conftest import NOON
from tests.ops.test_engine import Make

MINUTE = timedelta(minutes=1)


@dataclass
class Begun:
    """Jobs that are begun and never end by themselves."""

    kinds: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)

    def start(self, kind: str, _title: str, _deed: Callable[..., str], unit: str = "files", asked: int = 0) -> int:
        del unit, asked
        self.kinds.append(kind)
        return len(self.kinds)

    def active(self, kind: str) -> bool:
        return kind in self.running


class Watch:
    """Shows the time it is set to."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time


@dataclass
class Bench:
    healing: Healing
    watch: Watch
    jobs: Begun
    wish: Callable[[bool], None]

    def beats(self, *, minutes: float, every: float = 0.5) -> list[str]:
        """Let time pass as the engine's thread would notice it; the kinds of jobs begun meanwhile."""
        before = len(self.jobs.kinds)
        ends = self.watch.time + minutes * MINUTE
        while self.watch.time < ends:
            self.watch.time = min(ends, self.watch.time + every * MINUTE)
            self.healing.beat()
        return self.jobs.kinds[before:]

    def sleep(self, minutes: float) -> list[str]:
        return self.beats(minutes=minutes, every=minutes)


@pytest.fixture
def bench(site: Replica, still: Clock, engine_at: Make) -> Bench:
    engine = engine_at(site.url, still, datasets=("prices5",))
    ground, watch, jobs = engine.healing().ground, Watch(NOON), Begun()
    healing = Healing(
        ground, engine.client, watch, jobs, engine.state, lambda *_: None, engine.settings.home,  # type: ignore[arg-type]
        gap_seconds=0.0, quiet_hour=4.6,
    )  # fmt: skip
    return Bench(healing, watch, jobs, lambda wanted: engine.state.want(AUTO, wanted))


def test_after_a_start_the_cycles_go_first_then_gaps_are_filled_once(bench: Bench) -> None:
    assert bench.beats(minutes=5.5) == []
    assert bench.beats(minutes=1) == [HEAL]
    assert bench.beats(minutes=600) == []


def test_it_fills_daily_in_the_quiet_hour_and_looks_at_values_too(bench: Bench) -> None:
    bench.beats(minutes=10)
    until_quiet = (NOON.replace(hour=4, minute=35) + timedelta(days=1) - bench.watch.time) / MINUTE
    assert bench.beats(minutes=until_quiet) == []
    assert sorted(bench.beats(minutes=2)) == ["check values", HEAL]
    assert sorted(bench.beats(minutes=24 * 60)) == ["check values", HEAL]


def test_after_a_sleep_it_fills_when_the_cycles_have_caught_up(bench: Bench) -> None:
    bench.beats(minutes=10)
    assert bench.sleep(24) == []
    assert bench.beats(minutes=10) == []
    assert bench.sleep(8 * 60) == []
    assert bench.beats(minutes=5) == []
    assert bench.beats(minutes=2) == [HEAL]


def test_where_it_is_not_wished_nothing_begins_by_itself_and_when_it_is_again_what_is_due_does(bench: Bench) -> None:
    bench.wish(False)
    assert bench.beats(minutes=24 * 60) == []
    bench.wish(True)
    assert HEAL in bench.beats(minutes=1)


def test_it_waits_for_a_filling_that_is_under_way(bench: Bench) -> None:
    bench.jobs.running.add(HEAL)
    assert bench.beats(minutes=30) == []
    with pytest.raises(SettingsError, match="being filled already"):
        bench.healing.start(Request((PRICES5,)), "by hand")
    bench.jobs.running.clear()
    assert bench.beats(minutes=1) == [HEAL]


def test_it_waits_for_a_catch_up_that_reads_the_same_files(bench: Bench) -> None:
    bench.jobs.running.add(CATCH_UP)
    assert bench.beats(minutes=30) == []
    bench.jobs.running.clear()
    assert bench.beats(minutes=1) == [HEAL]


@pytest.mark.parametrize(
    "request_",
    [
        Request((PRICES5, SCADA30)),
        Request((PRICES5,), NOON, NOON + timedelta(hours=1), (Level.MMSDM,), workers=3, dask="tcp://127.0.0.1:8786"),
        Request((SCADA30,), most_files=7, soft=False),
    ],
)
def test_a_request_travels_as_a_command_and_arrives_the_same(request_: Request) -> None:
    assert asked(subject_of(request_), ()) == request_


@pytest.mark.parametrize(
    "subject", ["{", '{"since": "yesterday"}', '{"levels": ["attic"]}', "[1]", '{"workers": "many"}']
)
def test_what_is_no_request_is_refused_in_words(subject: str) -> None:
    with pytest.raises(SettingsError, match="no request to fill gaps"):
        asked(subject, ())


def test_what_came_of_it_is_told_in_a_sentence() -> None:
    told = [
        Filled("a", 1_300, 1_288, 5, 3, 4, {"archive": 1_000, "current": 288}),
        Filled("b", 2, 2, by_source={"current": 2}),
    ]
    assert in_words(told) == (
        "1,290 of 1,302 intervals filled (1,000 from archive, 290 from current), 5 not at AEMO, 3 failed, 4 left open"
    )
    assert in_words([Filled("a")]) == "no gaps to fill"
