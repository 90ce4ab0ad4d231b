"""When an old collector may be ended: between two of its cycles, and not while AEMO's day turns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path

from aemo_ops.clock import Clock
from aemo_ops.errors import Cancelled, WriterActive
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.watch import identity

# NEM time: the trading day begins at 04:00, the calendar day at 00:00; around both, reports come late and in two folders.
_TURNS = ((time(3, 55), time(4, 20)), (time(23, 50), time.max), (time.min, time(0, 15)))
_LOOK = 0.2


def turning(now: datetime) -> str | None:
    """Why this is no time for a switch, None when it is one."""
    for begin, end in _TURNS:
        if begin <= now.time() <= end:
            return (
                f"it is {now:%H:%M} NEM time; around midnight and 04:00 AEMO's day turns. Switch after {end:%H:%M}."
                if end != time.max
                else f"it is {now:%H:%M} NEM time; around midnight AEMO's day turns. Switch after 00:15."
            )
    return None


def await_still(paths: Sequence[Path], seconds: float, patience: float, progress: Progress) -> float:
    """Return when no file has changed for so many real seconds; how long that took.

    Raises WriterActive when they did not come to rest within `patience` seconds, Cancelled.
    """
    begun = since = Clock.monotonic()
    seen = [identity(path) for path in paths]
    while Clock.monotonic() - since < seconds:
        if not progress.pause(_LOOK):
            raise Cancelled("stopped as asked while the old collector was at work; nothing was changed.")
        now = [identity(path) for path in paths]
        if now != seen:
            seen, since = now, Clock.monotonic()
        if since - begun > patience:
            raise WriterActive(
                f"the old files changed again and again for {patience:,.0f} s and were never still for {seconds:g} s; "
                "find out what writes them, then try again."
            )
        progress.tell(0, 0, f"waiting until the old collector has finished its cycle ({seconds:g} s without a change)")
    return Clock.monotonic() - begun
