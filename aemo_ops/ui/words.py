"""What a Snapshot means, in sentences. Pure: a Snapshot and a time in, words out."""

from __future__ import annotations

from datetime import datetime, timedelta

from aemo_ops.ops.freshness import State
from aemo_ops.ops.snapshot import DatasetState, Role, Snapshot
from aemo_ops.ops.tally import counted as counted

SHAPES = {"fresh": "●", "late": "▲", "stale": "■", "suspicious": "◆", "empty": "○", "unknown": "?"}
NOT_ADOPTED = "Nothing is collected into this folder until it is adopted; the notice above says why and how."
# From worst to best, so that the first one found names the state of the whole.
_TROUBLE = (State.UNKNOWN, State.STALE, State.SUSPICIOUS, State.LATE, State.EMPTY)


def span(time: timedelta) -> str:
    """A length of time in the two largest units that say something: 12 min, 3 h 05 min, 2 d 4 h."""
    minutes = max(0, int(time.total_seconds() // 60))
    if minutes < 1:
        return "under 1 min"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def countdown(until: datetime, now: datetime) -> str:
    """`2:10`, or `1:02:10` beyond an hour."""
    seconds = max(0, int((until - now).total_seconds()))
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def seconds(count: float) -> str:
    """A length of time of which the seconds matter only while they are few."""
    return f"{max(1, round(count))} s" if count < 90 else span(timedelta(seconds=count))


def size(count: float) -> str:
    """Bytes in the unit that leaves at most three digits before the point."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit != "MB" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def middle(path: str, most: int = 44) -> str:
    """A path shortened in its middle: where it begins, and as much of its end as there is room for."""
    if len(path) <= most:
        return path
    parts = path.split("/")
    begin, end = "/".join(parts[:2]), parts[-1]
    for part in reversed(parts[2:-1]):
        if len(begin) + len(part) + len(end) + 4 > most:
            break
        end = f"{part}/{end}"
    return f"{begin}/…/{end}"


def age(dataset: DatasetState, now: datetime) -> str:
    latest = dataset.freshness.latest
    if latest is None:
        return "no row yet"
    behind = now - latest
    return f"{span(-behind)} ahead" if behind < timedelta(0) else span(behind)


def next_cycle(snapshot: Snapshot, now: datetime) -> str:
    if any(collector.state == "running" for collector in snapshot.collectors):
        return "collecting now"
    if snapshot.role is Role.OBSERVING:
        return "observing"
    if snapshot.next_cycle is None:
        return "no cycle planned"
    return f"next cycle in {countdown(snapshot.next_cycle, now)}" if snapshot.next_cycle > now else "cycle due now"


def troubled(snapshot: Snapshot) -> list[DatasetState]:
    """The datasets that are not fresh, worst first, of those in one state what was due first."""
    order = {state: rank for rank, state in enumerate(_TROUBLE)}
    found = [d for d in snapshot.datasets if d.freshness.state in order]
    return sorted(found, key=lambda d: (order[d.freshness.state], d.freshness.due or snapshot.now))


def trouble(dataset: DatasetState, now: datetime) -> str:
    """One dataset's trouble, as `rooftop30 is late by 12 min`."""
    fresh = dataset.freshness
    match fresh.state:
        case State.LATE | State.STALE if fresh.due is not None:
            return f"{dataset.name} is {fresh.state} by {span(now - fresh.due)}"
        case State.EMPTY:
            return f"{dataset.name} has no rows yet"
        case State.UNKNOWN:
            return f"{dataset.name} cannot be read"
        case _:
            return f"{dataset.name} is {fresh.state}"


def whole(snapshot: Snapshot, now: datetime) -> tuple[str, str, str]:
    """The header's line: (state it is shown in, its first words, the rest)."""
    bad = troubled(snapshot)
    total, fresh = len(snapshot.datasets), snapshot.count(State.FRESH)
    rest = [next_cycle(snapshot, now)]
    if not bad:
        return "fresh", f"✓ All {counted(total, 'dataset')} fresh", rest[0]
    named = trouble(bad[0], now) + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")
    worst = bad[0].freshness.state
    if fresh == 0 and worst is State.EMPTY:
        return "empty", "○ No data yet", rest[0]
    return str(worst), f"{SHAPES[worst]} {fresh} of {counted(total, 'dataset')} fresh", f"{named} · {rest[0]}"


def todo(snapshot: Snapshot, now: datetime, missing: str = "") -> str:
    """The Live page's first sentence: whether there is anything to do. `missing`: what the Gaps page has to say."""
    stopped = [c.name for c in snapshot.collectors if not c.wanted]
    bad = troubled(snapshot)
    if not snapshot.adopted:
        return NOT_ADOPTED
    if not bad:
        calm = "Everything that should have arrived by now has."
        if stopped:
            return f"{calm} {_stopped(stopped)}"
        return f"{calm} Of earlier times {missing}: see the Gaps page." if missing else f"{calm} Nothing to do."
    worst = bad[0]
    also = f" ({len(bad) - 1} more with it)" if len(bad) > 1 else ""
    match worst.freshness.state:
        case State.EMPTY:
            have = "file has" if len(bad) == 1 else "files have"
            return f"{len(bad)} {have} no rows yet. {_stopped(stopped) if stopped else _first(snapshot)}"
        case State.LATE:
            advice = _stopped(stopped) if worst.collector in stopped else _patience(worst)
            return f"Everything due by now has arrived, except that {trouble(worst, now)}{also}. {advice}"
        case State.UNKNOWN:
            return f"{trouble(worst, now)}{also}: {worst.freshness.reason.rstrip('.')}."
        case State.SUSPICIOUS:
            return f"{trouble(worst, now)}{also}: {worst.freshness.reason}. Check the file before you trust it."
        case _:
            return f"{trouble(worst, now)}{also}. {_cause(snapshot, worst)}"


def _first(snapshot: Snapshot) -> str:
    return (
        "The first cycle brings them; nothing to do." if snapshot.cycle is None else "Cycles fill them; nothing to do."
    )


def _stopped(names: list[str]) -> str:
    which = "collector is" if len(names) == 1 else "collectors are"
    return f"{len(names)} {which} stopped ({', '.join(names)}): start on the Collectors page when you want rows again."


def _patience(dataset: DatasetState) -> str:
    stale = dataset.freshness.stale
    until = f" unless it is still missing at {stale:%H:%M}" if stale else ""
    return f"Every cycle asks AEMO for it again; nothing to do{until}."


def _cause(snapshot: Snapshot, dataset: DatasetState) -> str:
    """Why a file went stale, as far as its collector knows, and where to look."""
    feeding = next((c for c in snapshot.collectors if c.name == dataset.collector), None)
    if feeding is None:
        return "See the Collectors page."
    if not feeding.wanted:
        return f"Its collector {feeding.name} is stopped: start it on the Collectors page."
    if feeding.error:
        return f"Its collector {feeding.name} says: {feeding.error}"
    return f"Its collector {feeding.name} finds no newer file at AEMO; Run now on the Collectors page asks once more."
