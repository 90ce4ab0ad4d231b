"""A Report: a family of NEMWEB files, where it lies, how its files are named, when they appear, how long they stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from aemo_ops.market.intervals import DAY, FIVE_MINUTES, HALF_HOUR

MINUTE_STAMP = "%Y%m%d%H%M"
SECOND_STAMP = "%Y%m%d%H%M%S"
DAY_STAMP = "%Y%m%d"
_STAMP_DIGITS = {MINUTE_STAMP: 12, SECOND_STAMP: 14, DAY_STAMP: 8}


@dataclass(frozen=True)
class Bundles:
    """How Archive keeps a report: zips of the Current files, `days` days in each, for `keeps`.

    A name has the bundle's first and last date (`ranged`) or one date. The bundle of one week with one date may end or
    begin with it (not known), so it is asked for both.
    """

    directory: str
    days: int = 1
    ranged: bool = False
    keeps: timedelta = timedelta(days=375)
    # Seen to appear at 01:01 on the second day after the bundle's last.
    lag: timedelta = timedelta(days=1, hours=1, minutes=1)


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
    bundles: Bundles | None = None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the report's file names; groups `prefix`, `stamp` and `sequence` (AEMO's running number)."""
        prefixes = "|".join(re.escape(prefix) for prefix in self.prefixes)
        digits = _STAMP_DIGITS[self.stamp_format]
        return re.compile(
            rf"(?P<prefix>{prefixes})_(?P<stamp>\d{{{digits}}})(?:_(?P<sequence>\d+))?\.zip", re.IGNORECASE
        )

    def is_like(self, file_name: str) -> bool:
        """Whether a name begins as the names of the report's files do; more than that it may not have in common."""
        return file_name.upper().startswith(tuple(f"{prefix}_" for prefix in self.prefixes))

    def interval(self, file_name: str) -> datetime:
        """The interval end that a file of this report holds, from its name. Raises ValueError for a foreign name."""
        match = self.pattern.fullmatch(file_name)
        if match is None:
            raise ValueError(f"{file_name} is not a file of {self.name}")
        day, time = match["stamp"][:8], match["stamp"][8:]  # thousands a cycle, for which strptime is slow
        return datetime.fromisoformat(f"{day}T{time}" if time else day) + self.interval_offset

    def file_name(self, interval: datetime, sequence: int, prefix: str | None = None) -> str:
        """The name AEMO gives the file that holds `interval`."""
        stamp = (interval - self.interval_offset).strftime(self.stamp_format)
        return f"{prefix or self.prefixes[0]}_{stamp}_{sequence:016d}.zip"

    @cached_property
    def bundle_pattern(self) -> re.Pattern[str]:
        """Matches the names of the report's bundles in Archive; groups `prefix`, `first` and, where ranged, `last`."""
        prefixes = "|".join(re.escape(prefix) for prefix in self.prefixes)
        last = r"_(?P<last>\d{8})" if self.bundles and self.bundles.ranged else ""
        return re.compile(rf"(?P<prefix>{prefixes})_(?P<first>\d{{8}}){last}\.zip", re.IGNORECASE)

    def bundle_dates(self, file_name: str) -> tuple[datetime, datetime]:
        """The first and the last date, at midnight, that a bundle has by its name. Raises ValueError for a foreign name."""
        match = self.bundle_pattern.fullmatch(file_name)
        if match is None or self.bundles is None:
            raise ValueError(f"{file_name} is not a bundle of {self.name}")
        first = datetime.strptime(match["first"], DAY_STAMP)
        if self.bundles.ranged:
            return first, datetime.strptime(match["last"], DAY_STAMP)
        return first, first + (self.bundles.days - 1) * DAY

    def bundle_span(self, file_name: str) -> tuple[datetime, datetime]:
        """The interval ends (first, last] that a bundle of this name may hold at most: a day of doubt at each edge.

        A week named by one date may end with it as well as begin. Raises ValueError for a foreign name.
        """
        first, last = self.bundle_dates(file_name)
        assert self.bundles is not None
        if self.bundles.days > 1 and not self.bundles.ranged:
            first -= self.bundles.days * DAY
        return first - DAY, last + 2 * DAY

    def bundle_name(self, first: datetime, prefix: str | None = None) -> str:
        """The name of the bundle whose first day is `first`."""
        assert self.bundles is not None
        last = f"_{first + (self.bundles.days - 1) * DAY:%Y%m%d}" if self.bundles.ranged else ""
        return f"{prefix or self.prefixes[0]}_{first:%Y%m%d}{last}.zip"


DISPATCHIS = Report(
    name="dispatchis",
    title="Dispatch (prices, flows, regions)",
    directory="/Reports/CURRENT/DispatchIS_Reports/",
    prefixes=("PUBLIC_DISPATCHIS",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-5),
    keeps=timedelta(hours=48),
    bundles=Bundles("/Reports/ARCHIVE/DispatchIS_Reports/"),
)
DISPATCH_SCADA = Report(
    name="dispatch_scada",
    title="Dispatch SCADA (units)",
    directory="/Reports/CURRENT/Dispatch_SCADA/",
    prefixes=("PUBLIC_DISPATCHSCADA",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-4),
    keeps=timedelta(hours=48),
    bundles=Bundles("/Reports/ARCHIVE/Dispatch_SCADA/"),
)
TRADINGIS = Report(
    name="tradingis",
    title="Trading (prices, flows)",
    directory="/Reports/CURRENT/TradingIS_Reports/",
    prefixes=("PUBLIC_TRADINGIS",),
    cadence=FIVE_MINUTES,
    lag=timedelta(minutes=-4),
    keeps=timedelta(days=14),
    bundles=Bundles("/Reports/ARCHIVE/TradingIS_Reports/", days=7, ranged=True),
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
    bundles=Bundles("/Reports/ARCHIVE/ROOFTOP_PV/ACTUAL/", days=7),
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
