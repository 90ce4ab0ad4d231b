"""A Report: a family of NEMWEB files, where it lies, how its files are named, when they appear, how long they stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR

MINUTE_STAMP = "%Y%m%d%H%M"
SECOND_STAMP = "%Y%m%d%H%M%S"
DAY_STAMP = "%Y%m%d"
_STAMP_DIGITS = {MINUTE_STAMP: 12, SECOND_STAMP: 14, DAY_STAMP: 8}


@dataclass(frozen=True)
class Report:
    """Facts of one file family, used by the client and by the replica alike.

    `lag`: usual publication time against the end of the interval (negative: before it). `interval_offset`: what to add to
    the stamp in a file's name to get the end of the interval it holds. `keeps`: how long Current keeps a file.
    """

    name: str
    title: str
    directory: str
    prefixes: tuple[str, ...]
    cadence: timedelta
    lag: timedelta
    keeps: timedelta
    stamp_format: str = MINUTE_STAMP
    interval_offset: timedelta = timedelta(0)
    verified: bool = True

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the report's file names; groups `prefix`, `stamp` and `sequence` (AEMO's running number)."""
        prefixes = "|".join(re.escape(prefix) for prefix in self.prefixes)
        digits = _STAMP_DIGITS[self.stamp_format]
        return re.compile(
            rf"(?P<prefix>{prefixes})_(?P<stamp>\d{{{digits}}})(?:_(?P<sequence>\d+))?\.zip", re.IGNORECASE
        )

    def interval(self, file_name: str) -> datetime:
        """The interval end that a file of this report holds, from its name. Raises ValueError for a foreign name."""
        match = self.pattern.fullmatch(file_name)
        if match is None:
            raise ValueError(f"{file_name} is not a file of {self.name}")
        return datetime.strptime(match["stamp"], self.stamp_format) + self.interval_offset

    def file_name(self, interval: datetime, sequence: int, prefix: str | None = None) -> str:
        """The name AEMO gives the file that holds `interval`."""
        stamp = (interval - self.interval_offset).strftime(self.stamp_format)
        return f"{prefix or self.prefixes[0]}_{stamp}_{sequence:016d}.zip"


DISPATCHIS = Report(
    name="dispatchis",
    title="Dispatch (prices, flows, regions)",
    directory="/Reports/CURRENT/DispatchIS_Reports/",
    prefixes=("PUBLIC_DISPATCHIS",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-5),
    keeps=timedelta(hours=48),
)
DISPATCH_SCADA = Report(
    name="dispatch_scada",
    title="Dispatch SCADA (units)",
    directory="/Reports/CURRENT/Dispatch_SCADA/",
    prefixes=("PUBLIC_DISPATCHSCADA",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-4),
    keeps=timedelta(hours=48),
)
TRADINGIS = Report(
    name="tradingis",
    title="Trading (prices, flows)",
    directory="/Reports/CURRENT/TradingIS_Reports/",
    prefixes=("PUBLIC_TRADINGIS",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-4),
    keeps=timedelta(days=14),
)
ROOFTOP = Report(
    name="rooftop_pv",
    title="Rooftop solar, actual",
    directory="/Reports/CURRENT/ROOFTOP_PV/ACTUAL/",
    prefixes=("PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT", "PUBLIC_ROOFTOP_PV_ACTUAL_SATELLITE"),
    cadence=HALF_HOUR,
    lag=timedelta(minutes=32),
    keeps=timedelta(days=14),
    stamp_format=SECOND_STAMP,
    interval_offset=-HALF_HOUR,
)
NEXT_DAY_DISPATCH = Report(
    name="next_day_dispatch",
    title="Next day dispatch (unit solutions)",
    directory="/Reports/CURRENT/Next_Day_Dispatch/",
    prefixes=("PUBLIC_NEXT_DAY_DISPATCH",),
    cadence=timedelta(days=1),
    lag=timedelta(hours=28, minutes=12),
    keeps=timedelta(days=395),
    stamp_format=DAY_STAMP,
)
REPORTS = (DISPATCHIS, DISPATCH_SCADA, TRADINGIS, ROOFTOP, NEXT_DAY_DISPATCH)
