"""MMSDM: every table by the month, for good, as the newest issue of every interval has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from aemo_ops.market import mmsdm
from aemo_ops.market.derive import FIVE_MINUTE_SETTLEMENT
from aemo_ops.market.intervals import DAY, FIVE_MINUTES, HALF_HOUR, intervals
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS, Report
from aemo_ops.replica import columns, dispatch, reports
from aemo_ops.replica.bodies import Bodies
from aemo_ops.replica.columns import Table
from aemo_ops.replica.faults import NEVER
from aemo_ops.replica.issue import Issue
from aemo_ops.replica.listing import Entry
from aemo_ops.replica.padding import padded

if TYPE_CHECKING:
    from aemo_ops.replica.shelf import Shelf

_WHOLE_MONTH = 1_912_843_433  # bytes of a month before 2015: one zip of everything, which nobody should fetch


@dataclass(frozen=True)
class _Form:
    """A monthly table: its header, the report whose issues it holds, its rows, bytes a row needs at most, its parts."""

    table: Table
    report: Report
    lines: Callable[[Issue, str], Iterator[str]]
    rows: int
    row_bytes: int
    parts: int = 1


_FORMS = {
    "DISPATCHPRICE": _Form(columns.PRICE, DISPATCHIS, dispatch.price_rows, 10, 30),
    "DISPATCHINTERCONNECTORRES": _Form(columns.INTERCONNECTORRES, DISPATCHIS, dispatch.flow_rows, 12, 45),
    "DISPATCHREGIONSUM": _Form(columns.REGIONSUM, DISPATCHIS, dispatch.region_rows, 10, 90),
    "DISPATCH_UNIT_SCADA": _Form(columns.UNIT_SCADA, DISPATCH_SCADA, reports.scada_rows, 480, 9, parts=2),
    "TRADINGPRICE": _Form(columns.TRADING_PRICE, TRADINGIS, reports.trading_price_rows, 5, 30),
    "TRADINGINTERCONNECT": _Form(columns.TRADING_INTERCONNECTORRES, TRADINGIS, reports.trading_flow_rows, 6, 35),
    "ROOFTOP_PV_ACTUAL": _Form(columns.ROOFTOP_MONTH, ROOFTOP, reports.rooftop_rows, 20, 20),
}


class Mmsdm:
    """Reads the shelf it belongs to; its first month is there `begins`."""

    ROOT: ClassVar[str] = "/Data_Archive/"

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._bodies = Bodies(256 * 2**20)

    def entries(self, directory: str, now: datetime) -> list[Entry] | None:
        months = list(self._months(now))
        for month in months:
            if mmsdm.directory(month) == directory:
                return [Entry(name, _size(form, month), self._published(month)) for name, form, _ in self._files(month)]
        paths = {mmsdm.directory(month): self._published(month) for month in months}
        below = {path[len(directory) :].split("/")[0]: at for path, at in paths.items() if path.startswith(directory)}
        lines = [Entry(name, None, at) for name, at in sorted(below.items())]
        year = directory.rstrip("/").rpartition("/")[2]
        if directory.endswith(f"/MMSDM/{year}/") and year.isdigit() and 2009 <= int(year) < mmsdm.FIRST_MONTH.year:
            lines = [Entry(f"MMSDM_{year}_{n:02d}.zip", _WHOLE_MONTH, datetime(2017, 2, 6, 18)) for n in range(1, 13)]
        return lines or None

    def body(self, path: str, now: datetime) -> bytes | None:
        for month in self._months(now):
            if path.startswith(mmsdm.directory(month)):
                for name, form, part in self._files(month):
                    if path == mmsdm.directory(month) + name:
                        return self._bodies.get(path, lambda: self._zip(name, form, month, part))  # noqa: B023
        return None

    def _months(self, now: datetime) -> Iterator[datetime]:
        """The months that are published at `now`."""
        month = max(self._shelf.begins, mmsdm.FIRST_MONTH)
        while self._published(month) <= now:
            yield month
            month = mmsdm.following(month)

    def _published(self, month: datetime) -> datetime:
        """From about the 7th of the next month, sometimes after the 20th; the same for a month every time."""
        share = self._shelf.market.noise.one("mmsdm", month.year * 12 + month.month)
        return mmsdm.following(month) + mmsdm.EARLIEST_PUBLICATION + timedelta(days=15 * share**3)

    def _files(self, month: datetime) -> Iterator[tuple[str, _Form, int]]:
        for table, form in _FORMS.items():
            for part in range(1, (form.parts if month >= mmsdm.FIRST_HASHED_MONTH else 1) + 1):
                name = mmsdm.file_name(table, month, part)
                faults = self._shelf.faults.publication(mmsdm.directory(month) + name)
                if not any(fault.kind in NEVER for fault in faults):
                    yield name, form, part

    def _zip(self, name: str, form: _Form, month: datetime, part: int) -> bytes:
        parts = form.parts if month >= mmsdm.FIRST_HASHED_MONTH else 1
        lines = self._lines(form, month, part, parts)
        made = self._published(month)
        head = f"C,SETP.WORLD,DVD_{form.table.name},AEMO,PUBLIC,{made:%Y/%m/%d},{made:%H:%M:%S},1,MONTHLY_ARCHIVE,1"
        text = "\n".join([head, form.table.header, *lines])
        # The line count includes the footer; before the change of August 2024 the file also ends with a line end.
        text += f'\nC,"END OF REPORT",{text.count(chr(10)) + 2}' + ("" if month >= mmsdm.FIRST_HASHED_MONTH else "\n")
        member = name.removesuffix(".zip") + ".CSV"
        return padded([(member, text.encode())], _size(form, month), compress=True)

    def _lines(self, form: _Form, month: datetime, part: int, parts: int) -> Iterator[str]:
        end = mmsdm.following(month)
        middle = month + 15 * DAY
        since, until = (month, end) if parts == 1 else ((month, middle), (middle, end))[part - 1]
        cadence = _cadence(form, until)
        for interval in intervals(since, until, cadence):
            for prefix, revision in self._shelf.final(form.report, interval).items():
                yield from form.lines(Issue(self._shelf.market, interval, 1, revision), prefix)


def _cadence(form: _Form, until: datetime) -> timedelta:
    """Until October 2021 a trading interval was the half hour."""
    if form.report is TRADINGIS:
        return FIVE_MINUTES if until > FIVE_MINUTE_SETTLEMENT else HALF_HOUR
    return form.report.cadence


def _size(form: _Form, month: datetime) -> int:
    days = (mmsdm.following(month) - month) // DAY
    intervals_ = days * DAY // form.report.cadence
    return intervals_ * form.rows * form.row_bytes + 20_000
