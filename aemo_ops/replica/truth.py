"""What every correct reader of the generated site must end up with, straight from the market and never from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, Report
from aemo_ops.replica.market import Market

Row = tuple[object, ...]
Revisions = dict[str, int]  # file prefix -> the revision that the newest readable file of an interval holds


@dataclass(frozen=True)
class Truth:
    """The report that a dataset comes from, and its rows without the interval."""

    report: Report
    rows: Callable[[Market, datetime, Revisions], Iterable[tuple[object, ...]]]

    def rows_of(self, market: Market, interval: datetime, revisions: Revisions) -> list[Row]:
        """(settlementdate, id, values...) of one interval, by id."""
        return [(interval, *row) for row in sorted(self.rows(market, interval, revisions), key=lambda row: str(row[0]))]


def known(dataset: str) -> Truth:
    """The truth of a dataset. Raises KeyError with the known names."""
    try:
        return _TRUTHS[dataset]
    except KeyError:
        raise KeyError(f"no ground truth for {dataset!r}; known: {', '.join(_TRUTHS)}") from None


def _price_rows(market: Market, interval: datetime, revisions: Revisions) -> Iterable[Row]:
    return (row for revision in revisions.values() for row in market.prices(interval, revision).items())


def _scada_rows(market: Market, interval: datetime, revisions: Revisions) -> Iterable[Row]:
    return (row for revision in revisions.values() for row in market.scada(interval, revision).items())


def _flow_rows(market: Market, interval: datetime, revisions: Revisions) -> Iterable[Row]:
    for revision in revisions.values():
        for name, flow in market.flows(interval, revision).items():
            yield name, flow.meteredmwflow, flow.mwflow, flow.exportlimit, flow.importlimit, flow.mwlosses


def _rooftop_rows(market: Market, interval: datetime, revisions: Revisions) -> Iterable[Row]:
    measurement, satellite = ROOFTOP.prefixes
    powers: dict[str, float] = {}
    if satellite in revisions:
        powers |= market.satellite(interval, revisions[satellite])
    if measurement in revisions:
        measured = market.measurement(interval, revisions[measurement])
        powers |= {region: power for region, power in measured.items() if power is not None}
    return powers.items()


_TRUTHS = {
    "prices5": Truth(DISPATCHIS, _price_rows),
    "scada5": Truth(DISPATCH_SCADA, _scada_rows),
    "transmission5": Truth(DISPATCHIS, _flow_rows),
    "rooftop30": Truth(ROOFTOP, _rooftop_rows),
}
