"""How fresh a file is: computed from (latest interval, cadence, due time, now), never stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from aemo_ops.market.catalogue import due, latest_possible
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import EARLIEST, tomorrow


class State(StrEnum):
    FRESH = "fresh"
    LATE = "late"
    STALE = "stale"
    SUSPICIOUS = "suspicious"
    EMPTY = "empty"
    UNKNOWN = "unknown"


def under_way(dataset: Dataset, latest: datetime, parent_latest: datetime | None) -> bool:
    """Whether the newest half hour of a derived file still waits for 5-minute rows of the file that it derives from."""
    return (
        dataset.derived_from is not None
        and parent_latest is not None
        and latest - dataset.cadence < parent_latest < latest
    )


@dataclass(frozen=True)
class Thresholds:
    """Cadences after the due time at which a file counts as late and as stale."""

    late: float = 1.0
    stale: float = 3.0


@dataclass(frozen=True)
class Freshness:
    """`due`, `late`, `stale`: NEM times at which the next interval is due and its absence is called so; None without rows.

    `age_minutes`: minutes from the end of the latest interval to now (negative: the file runs ahead of the clock).
    """

    dataset: str
    state: State
    latest: datetime | None = None
    due: datetime | None = None
    late: datetime | None = None
    stale: datetime | None = None
    age_minutes: float | None = None
    reason: str = ""


def judge(dataset: Dataset, latest: datetime | None, now: datetime, thresholds: Thresholds) -> Freshness:
    """The freshness of a readable file whose newest interval ends at `latest` (None: it has no row)."""
    if latest is None:
        return Freshness(dataset.name, State.EMPTY, reason="no row yet")
    next_due = latest + dataset.cadence + due(dataset)
    late = next_due + thresholds.late * dataset.cadence
    stale = next_due + thresholds.stale * dataset.cadence
    age = (now - latest).total_seconds() / 60
    reason = ""
    if latest > latest_possible(dataset, now):
        state, reason = State.SUSPICIOUS, f"its newest interval lies {-age:.0f} minutes in the future"
        if latest > tomorrow(now):  # an earlier one becomes due
            reason += f"; `aemo-ops check --repair --accept-loss {dataset.file_name}` takes it out"
    elif now >= stale:
        state = State.STALE
    elif now >= late:
        state = State.LATE
    else:
        state = State.FRESH
    return Freshness(dataset.name, state, latest, next_due, late, stale, age, reason)


def unknown(dataset: Dataset, reason: str) -> Freshness:
    """The freshness of a file that cannot be read: never fresh."""
    return Freshness(dataset.name, State.UNKNOWN, reason=reason)


def with_oldest(fresh: Freshness, first: datetime) -> Freshness:
    """A file's freshness, given its oldest row: one from before the market began makes all else of it suspicious."""
    if first >= EARLIEST or fresh.state is State.STALE:
        return fresh
    reason = f"its oldest row is of {first:%Y-%m-%d %H:%M}, before the market began; `aemo-ops check` tells more"
    return replace(fresh, state=State.SUSPICIOUS, reason=reason)
