"""NEM time: intervals named by their END, on grids of 5 and 30 minutes; the trading day from 04:00 to 04:00."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

FIVE_MINUTES = timedelta(minutes=5)
HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
TRADING_DAY_START = timedelta(hours=4)
EARLIEST = datetime(1998, 1, 1)  # no row of the NEM is older: it began in December of that year
_EPOCH = datetime(2000, 1, 1)
_NS_EPOCH = datetime(1970, 1, 1)


def floor(time: datetime, cadence: timedelta) -> datetime:
    """The latest grid point at or before `time`."""
    return time - (time - _EPOCH) % cadence


def ceil(time: datetime, cadence: timedelta) -> datetime:
    """The end of the interval that holds `time`; a grid point is its own end."""
    return time + (_EPOCH - time) % cadence


def on_grid(time: datetime, cadence: timedelta) -> bool:
    return (time - _EPOCH) % cadence == timedelta(0)


def intervals(since: datetime, until: datetime, cadence: timedelta) -> Iterator[datetime]:
    """Every interval end in (since, until]."""
    end = floor(since, cadence) + cadence
    while end <= until:
        yield end
        end += cadence


def trading_day(end: datetime) -> datetime:
    """The calendar date, at midnight, of the trading day that the interval ending at `end` belongs to."""
    started = end - FIVE_MINUTES - TRADING_DAY_START
    return datetime(started.year, started.month, started.day)


def tomorrow(now: datetime) -> datetime:
    """The latest interval end that any row may have at `now`: what is dated later was mistyped, or misread."""
    return now + DAY


def length(span: timedelta) -> int:
    """A span in nanoseconds."""
    return (span.days * 86_400 + span.seconds) * 10**9 + span.microseconds * 1000


def nanoseconds(time: datetime) -> int:
    """Naive NEM time as the files store it: nanoseconds since 1970."""
    return length(time - _NS_EPOCH)


def moment(nanoseconds: int) -> datetime:
    """The naive NEM time of a stored one, to the microsecond."""
    return _NS_EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
