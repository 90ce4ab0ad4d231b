"""One issue of a report, and how AEMO prints times and numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from aemo_ops.market.intervals import FIVE_MINUTES, TRADING_DAY_START, trading_day
from aemo_ops.replica.market import Market

Cells = dict[str, str]


def number(value: float) -> str:
    """A number as AEMO prints it: no trailing zeros, and `-1E-05` for the tiniest."""
    return f"{value:.10G}"


def quoted(time: datetime) -> str:
    return f'"{time:%Y/%m/%d %H:%M:%S}"'


class Issue:
    """What a report is made of: the market, the interval, AEMO's running number, which revision of the values."""

    def __init__(self, market: Market, interval: datetime, sequence: int, revision: int = 0) -> None:
        self.market, self.interval, self.sequence, self.revision = market, interval, sequence, revision
        self.end = quoted(interval)

    @property
    def dispatched(self) -> str:
        """When NEMDE was done: seconds after the interval began."""
        return quoted(self.interval - FIVE_MINUTES + timedelta(seconds=15))

    @property
    def dispatch_interval(self) -> str:
        """The trading day and the number of the interval in it, from 001."""
        day = trading_day(self.interval)
        return f"{day:%Y%m%d}{(self.interval - day - TRADING_DAY_START) // FIVE_MINUTES:03d}"

    @property
    def period(self) -> str:
        """The number of the interval in its calendar day, 1 to 288."""
        midnight = (self.interval - FIVE_MINUTES).replace(hour=0, minute=0)
        return str((self.interval - midnight) // FIVE_MINUTES)


@cache
def services(*endings: str) -> dict[str, str]:
    """A flat price for each of AEMO's frequency control services; nobody here reads them."""
    directions = [f"{way}{speed}" for way in ("RAISE", "LOWER") for speed in ("6SEC", "60SEC", "5MIN", "REG", "1SEC")]
    return {f"{service}{ending}": "0.38" for service in directions for ending in endings}
