"""The data folder and the home of an app that has been there for a long time and watched for a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from benchmarks import rivals
from benchmarks.plan import Plan

if TYPE_CHECKING:
    from aemo_ops.store.state import State

CLOCK = "clock.json"
DAYS = 7  # of every dataset but scada30


def make(folder: Path, base: Path, plan: Plan, days: int | None = None) -> None:
    """Make `folder`/data, with `base`'s scada30 where there is one, `folder`/home and a clock of true speed.

    `days`: so many of every dataset, instead of a week and a large scada30. What Current holds of older days is not to be
    caught up for now.
    """
    from aemo_ops.clock import Clock
    from aemo_ops.market.catalogue import DATASETS, SCADA30
    from aemo_ops.ops.commands import CATCH_UP
    from aemo_ops.store.lease import adopt
    from benchmarks import data

    (folder / "data").mkdir(parents=True)
    known = state(folder)
    for one in DATASETS:
        path, a_day = folder / "data" / one.file_name, int(timedelta(days=1) / one.cadence)
        if days is None and one is SCADA30 and (base / one.file_name).exists():
            rivals.copied(base / one.file_name, path)
        else:
            large = days is None and one is SCADA30
            data.make(one, path, plan.big if large else (days or DAYS) * a_day * len(data.ids(one)))
        for age in range(a_day)[::-1]:
            interval = data.END - age * one.cadence
            known.add_advance(one.name, interval + timedelta(minutes=one.due_minutes), interval)
    known.want(CATCH_UP, False)
    adopt(folder / "data")
    Clock.starting(data.END + timedelta(minutes=4), 1.0).write(folder / CLOCK)


def state(folder: Path) -> State:
    from aemo_ops.store.state import State

    return State(folder / "home" / "state.sqlite")


@contextmanager
def collecting(known: State) -> Iterator[Callable[[], int]]:
    """Cycles one after the other, and with them the catch-up of older days; yields what tells the last cycle's number."""
    over = Event()

    def ask() -> None:
        while not over.is_set():
            number = known.command("run_now", "all")
            while known.answered(number) is None and not over.wait(0.02):
                continue

    asking = Thread(target=ask, name="asking", daemon=True)
    asking.start()
    try:
        yield lambda: int(known.facts("cycle")["last"]["number"])
    finally:
        over.set()
        asking.join()
