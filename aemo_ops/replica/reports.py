"""The text of each report in AEMO's exact form: C first, I and D lines, C last with the count of lines; then zipped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, TRADINGIS
from aemo_ops.replica import columns, dispatch
from aemo_ops.replica.issue import Issue, number, quoted, services

LINE_END = "\r\n"
_MEASUREMENT, _SATELLITE = ROOFTOP.prefixes
_ZIP_LEVEL = 6


def _scada(issue: Issue) -> Iterator[str]:
    yield columns.UNIT_SCADA.header
    yield from scada_rows(issue, DISPATCH_SCADA.prefixes[0])


def scada_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of UNIT_SCADA; Current and MMSDM have the same."""
    cells = {"SETTLEMENTDATE": issue.end, "LASTCHANGED": issue.dispatched}
    row = columns.UNIT_SCADA.template(cells, ("DUID", "SCADAVALUE"))
    for duid, value in issue.market.telemetry(issue.interval, issue.revision):
        yield row % (duid, "" if value is None else f"{value:.2f}" if value else "0")


def _trading(issue: Issue) -> Iterator[str]:
    prefix = TRADINGIS.prefixes[0]
    yield columns.TRADING_INTERCONNECTORRES.header
    yield from trading_flow_rows(issue, prefix)
    yield columns.TRADING_PRICE.header
    yield from trading_price_rows(issue, prefix)


def _trading_cells(issue: Issue) -> dict[str, str]:
    made = quoted(issue.interval - FIVE_MINUTES + timedelta(seconds=2))
    return {"SETTLEMENTDATE": issue.end, "RUNNO": "1", "PERIODID": issue.period, "LASTCHANGED": made}


def trading_flow_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of TRADING.INTERCONNECTORRES: two decimals, no limits."""
    common = _trading_cells(issue)
    for name, flow in issue.market.trading_flows(issue.interval, issue.revision).items():
        metered, target, losses = map(number, flow)
        cells = {"INTERCONNECTORID": name, "METEREDMWFLOW": metered, "MWFLOW": target, "MWLOSSES": losses}
        yield columns.TRADING_INTERCONNECTORRES.row(common | cells)


def trading_price_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of TRADING.PRICE: two decimals."""
    common = _trading_cells(issue) | services("RRP", "ROP")
    common |= {"EEP": "0", "INVALIDFLAG": "0", "PRICE_STATUS": "FIRM"}
    for region, rrp in issue.market.trading_prices(issue.interval, issue.revision).items():
        yield columns.TRADING_PRICE.row(common | {"REGIONID": region, "RRP": number(rrp), "ROP": number(rrp)})


def _measurement(issue: Issue) -> Iterator[str]:
    yield columns.ROOFTOP_ACTUAL.header
    yield from _rooftop(issue, _MEASUREMENT, columns.ROOFTOP_ACTUAL)


def _satellite(issue: Issue) -> Iterator[str]:
    yield columns.ROOFTOP_ACTUAL.header
    yield from _rooftop(issue, _SATELLITE, columns.ROOFTOP_ACTUAL)


def rooftop_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of MMSDM's ROOFTOP_PV_ACTUAL, whose columns stand in another order than Current's."""
    return _rooftop(issue, prefix, columns.ROOFTOP_MONTH)


def _rooftop(issue: Issue, prefix: str, table: columns.Table) -> Iterator[str]:
    powers: Mapping[str, float | None]
    if prefix == _MEASUREMENT:
        kind, quality, powers = "MEASUREMENT", "1", issue.market.measurement(issue.interval, issue.revision)
    else:
        kind, quality, powers = "SATELLITE", "0.6", issue.market.satellite(issue.interval, issue.revision)
    changed = quoted(issue.interval + timedelta(minutes=19, seconds=10))
    common = {"INTERVAL_DATETIME": issue.end, "TYPE": kind, "LASTCHANGED": changed}
    for region, power in powers.items():
        cells = {"POWER": "" if power is None else number(power), "QI": "0" if power is None else quality}
        yield table.row(common | cells | {"REGIONID": region})


# file prefix -> (AEMO's name of the report, its name in the C line's ids, made so long after the interval's end, body)
_FORMS: dict[str, tuple[str, str, timedelta, Callable[[Issue], Iterator[str]]]] = {
    DISPATCHIS.prefixes[0]: ("DISPATCHIS", "DISPATCHIS", timedelta(minutes=-5, seconds=21), dispatch.lines),
    DISPATCH_SCADA.prefixes[0]: ("DISPATCHSCADA", "DISPATCHSCADA", timedelta(minutes=-5, seconds=23), _scada),
    TRADINGIS.prefixes[0]: ("TRADINGIS", "TRADINGIS", timedelta(minutes=-5, seconds=8), _trading),
    _MEASUREMENT: ("ROOFTOP_PV_ACTUAL_MEASUREMENT", "DEMAND", HALF_HOUR + timedelta(seconds=2), _measurement),
    _SATELLITE: ("ROOFTOP_PV_ACTUAL_SATELLITE", "DEMAND", HALF_HOUR + timedelta(seconds=2), _satellite),
}
PREFIXES = frozenset(_FORMS)


def made_at(prefix: str, interval: datetime) -> datetime:
    """When AEMO writes the file, as its first line says."""
    return interval + _FORMS[prefix][2]


def text(prefix: str, issue: Issue) -> str:
    """The whole CSV of the report whose files have this prefix."""
    name, group, _, body = _FORMS[prefix]
    made = made_at(prefix, issue.interval)
    ids = f"{issue.sequence:016d},{group},{issue.sequence - 1:016d}"
    lines = [f"C,NEMP.WORLD,{name},AEMO,PUBLIC,{made:%Y/%m/%d},{made:%H:%M:%S},{ids}", *body(issue)]
    lines.append(f'C,"END OF REPORT",{len(lines) + 1}')
    return LINE_END.join(lines) + LINE_END


ZipDate = tuple[int, int, int, int, int, int]


def zipped(member: str, content: bytes, made: ZipDate) -> bytes:
    """A zip of one member, the same bytes every time."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo(member, made)
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content, compresslevel=_ZIP_LEVEL)
    return sink.getvalue()


def member_name(file_name: str) -> str:
    """The name inside the zip: AEMO writes `.CSV`, but `.csv` for rooftop."""
    ending = ".csv" if file_name.startswith(ROOFTOP.prefixes) else ".CSV"
    return file_name.removesuffix(".zip") + ending
