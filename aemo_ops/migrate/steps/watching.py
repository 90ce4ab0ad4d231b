"""The seventh step: a day of looking. Each line of the list ticks itself from what was observed, never from what was meant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psutil

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, StepRefused
from aemo_ops.market.catalogue import due
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import FIVE_MINUTES
from aemo_ops.migrate.dashboard import Dashboard
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import NOTE, Note
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Facts, Later
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.tally import counted

_MOST_MEMORY = 1_000_000_000  # bytes of our process
_SLOWEST_CYCLE = 60.0  # seconds
_SLOWEST_PAGE = 2.0
_MOST_OF_PAGE = 500_000_000  # bytes


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. `measured` and `limit` in words, with their units."""

    what: str
    ok: bool
    measured: str
    limit: str


class Watch:
    name, title, word = "watch", "Watch", ""

    def __init__(self, move: Move, shadow: Shadow, clock: Clock) -> None:
        self._move = move
        self._shadow = shadow
        self._clock = clock
        self._switch = Note(move.backup / NOTE)

    def check(self) -> str | None:
        since, now = self._since(), self._clock.now()
        watched, wanted = now - since, timedelta(hours=self._move.watch_hours)
        if watched < wanted:
            return Later(
                f"watched {_hours(watched)} of {_hours(wanted)} since the switch; it is looked at again at "
                f"{stamp(since + wanted)} NEM time."
            )
        return None

    def plan(self) -> str:
        return (
            f"Look at what was collected since {stamp(self._since())}: {', '.join(line.what for line in self.lines())}."
        )

    def apply(self, progress: Progress) -> Facts:
        return {
            "since": stamp(self._since()),
            "until": stamp(self._clock.now()),
            "lines": [asdict(one) for one in self.lines()],
        }

    def verify(self, evidence: Facts) -> str | None:
        bad = [
            f"{one['what']}: {one['measured']} (should be {one['limit']})" for one in evidence["lines"] if not one["ok"]
        ]
        return "; ".join(bad) or None

    def back(self, evidence: Facts) -> str:
        return "nothing is to be undone"

    def undo(self, progress: Progress) -> Facts:
        return {}

    def _since(self) -> datetime:
        """When the last switch, of several, was seen to work. Raises StepRefused where that is not known."""
        note = self._switch.read()
        if not note:
            raise StepRefused(
                f"{self._switch.path} is not there; it says when the switch was. Nothing was changed and collecting goes on. "
                "Is its disk unplugged? Put it back; else bring the file back from a backup. Then go on."
            )
        return datetime.fromisoformat(note.get("switched", note["at"]))

    def lines(self) -> list[Line]:
        """What a look finds now."""
        engine = self._shadow.engine()
        since = self._since()
        found = [_advances(engine, dataset, since) for dataset in self._move.datasets if not dataset.derived_from]
        found += [_whole(engine, dataset, since) for dataset in self._move.datasets]
        found.append(self._writers())
        found.append(_cycles(engine))
        resident = psutil.Process().memory_info().rss
        found.append(
            Line("memory", resident < _MOST_MEMORY, f"{resident / 1e6:,.0f} MB", f"below {_MOST_MEMORY / 1e6:,.0f} MB")
        )
        if self._move.dashboard:
            found += _reads(self._move.dashboard)
        return found

    def _writers(self) -> Line:
        try:
            running = self._move.collectors()
        except AemoOpsError as error:
            return Line("writers", False, str(error), "one")
        measured = f"ours, and {running[0]}" if running else "ours alone"
        return Line("writers", not running, measured, "ours alone")


def _advances(engine: Engine, dataset: Dataset, since: datetime) -> Line:
    """How long after it was due a file's newest interval was there, at the worst."""
    limit = due(dataset) + timedelta(minutes=engine.settings.update_minutes) + FIVE_MINUTES
    late = [noticed - latest for noticed, latest in engine.history(dataset.name, since) if latest > since]
    worst = max(late, default=None)
    if worst is None:
        was_due = engine.now() - since >= dataset.cadence + limit
        measured = "no new interval" if was_due else "no interval was due yet"
        return Line(f"{dataset.name} advances", not was_due, measured, f"each within {_minutes(limit)}")
    measured = f"{counted(len(late), 'time')}, the slowest {_minutes(worst)} after the interval's end"
    return Line(f"{dataset.name} advances", worst <= limit, measured, f"each within {_minutes(limit)}")


def _whole(engine: Engine, dataset: Dataset, since: datetime) -> Line:
    found = engine.gaps().of(dataset, since, engine.now())
    missing = len(found.outstanding) if found else 0
    return Line(
        f"{dataset.name} without a gap",
        found is not None and missing == 0,
        f"{counted(missing, 'interval')} missing",
        "none missing",
    )


def _reads(dashboard: Dashboard) -> list[Line]:
    met = dashboard.measure()
    memory = met["memory_bytes"] or 0
    return [
        Line(
            "the dashboard answers",
            met["answers"] and met["websocket"],
            f"page {met['answers']}, websocket {met['websocket']}",
            "both",
        ),
        Line(
            "the dashboard's first page",
            met["seconds"] < _SLOWEST_PAGE,
            f"{met['seconds']:.2f} s",
            f"below {_SLOWEST_PAGE:.0f} s",
        ),
        Line(
            "the dashboard's memory",
            0 < memory < _MOST_OF_PAGE,
            f"{memory / 1e6:,.0f} MB",
            f"below {_MOST_OF_PAGE / 1e6:,.0f} MB",
        ),
    ]


def _cycles(engine: Engine) -> Line:
    last: dict[str, Any] = engine.state.facts("cycle").get("last", {})
    seconds = float(last.get("seconds", 0.0))
    ok = bool(last) and seconds < _SLOWEST_CYCLE
    return Line("the last cycle", ok, f"{seconds:.1f} s" if last else "none yet", f"below {_SLOWEST_CYCLE:.0f} s")


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h"


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:.1f} min"
