"""Snapshot: what the engine knows, immutable, published after each cycle and on the progress of a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aemo_ops.ops.freshness import Freshness, State


class Role(StrEnum):
    COLLECTING = "collecting"  # this process holds the lease and writes
    OBSERVING = "observing"  # another process collects, or the folder is not ours to write


@dataclass(frozen=True)
class DatasetState:
    """One tile. `size` in bytes, `write_ms` the last merge's real milliseconds, `collector` the report that feeds it."""

    name: str
    title: str
    path: str
    cadence_minutes: int
    freshness: Freshness
    rows: int | None = None
    first: datetime | None = None
    size: int | None = None
    write_ms: float | None = None
    collector: str = ""
    derived_from: str | None = None


@dataclass(frozen=True)
class CollectorState:
    """One report's collector. `waiting`: files that Current holds and the ledger lacks; times are NEM times."""

    name: str
    title: str
    datasets: tuple[str, ...]
    wanted: bool
    state: str  # idle, running, stopped, refused, failed
    last_run: datetime | None = None
    next_run: datetime | None = None
    last_success: datetime | None = None
    seconds: float | None = None
    files: int = 0
    inserted: int = 0
    updated: int = 0
    waiting: int = 0
    quarantined: int = 0
    error: str = ""


@dataclass(frozen=True)
class Cycle:
    """The last cycle. `nem` is when it started, `seconds` its real length, `downloaded` in bytes."""

    number: int
    nem: datetime
    seconds: float
    listings: int
    files: int
    downloaded: int
    inserted: int
    updated: int
    rejected: int


@dataclass(frozen=True)
class Event:
    """A line of the feed. `kind`: collected, derived, rejected, refused, failed, started, stopped, adopted, changed, ..."""

    number: int
    nem: datetime
    kind: str
    subject: str
    text: str


@dataclass(frozen=True)
class JobState:
    """A long deed. `done` of `total` in `unit`; state is waiting, running, done, failed or cancelled.

    `seconds`: real seconds since its start when it last told something; a rate is `done / seconds`. `asked`: the number of
    the command that asked for it, 0 where nobody did.
    """

    number: int
    kind: str
    title: str
    state: str
    done: int = 0
    total: int = 0
    unit: str = "files"
    text: str = ""
    seconds: float = 0.0
    asked: int = 0


@dataclass(frozen=True)
class Snapshot:
    """`holder` says in words who collects; `reason` why this process does not (empty when it does).

    `events` and `jobs`: the last ones, oldest event first, newest job first. `auto_heal`: gaps are filled by itself.
    """

    now: datetime
    role: Role
    reason: str
    holder: str
    folder: str
    adopted: bool
    next_cycle: datetime | None
    cycle: Cycle | None
    datasets: tuple[DatasetState, ...]
    collectors: tuple[CollectorState, ...]
    events: tuple[Event, ...] = ()
    jobs: tuple[JobState, ...] = ()
    version: int = 0
    problems: tuple[str, ...] = ()
    auto_heal: bool = True

    def count(self, state: State) -> int:
        return sum(d.freshness.state == state for d in self.datasets)
