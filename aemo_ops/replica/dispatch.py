"""The tables of DispatchIS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from aemo_ops.replica import columns
from aemo_ops.replica.columns import Table
from aemo_ops.replica.fleet import UNITS
from aemo_ops.replica.issue import Cells, Issue, number, services

_INTERCONNECTIONS = (("NSW1", "QLD1", "NSW1-QLD1"), ("VIC1", "NSW1", "VIC1-NSW1"), ("VIC1", "SA1", "V-SA"))


def lines(issue: Issue) -> Iterator[str]:
    """Every line between the two C lines."""
    common = {"SETTLEMENTDATE": issue.end, "RUNNO": "1", "LASTCHANGED": issue.dispatched}
    numbered = common | {"DISPATCHINTERVAL": issue.dispatch_interval}
    runs = issue.market.runs(issue.interval)
    for table, rows in (
        (columns.CASE_SOLUTION, (common | _case(run) for run in runs)),
        (columns.LOCAL_PRICE, _local_prices(issue)),
        (columns.PRICE, (numbered | cells for run in runs for cells in _prices(issue, run))),
        (columns.REGIONSUM, (numbered | cells for run in runs for cells in _regions(issue, run))),
        (columns.INTERCONNECTORRES, (numbered | cells for run in runs for cells in _flows(issue, run))),
    ):
        yield from table.lines(rows)
    yield from _constraints(issue, numbered)
    yield from columns.INTERCONNECTION.lines(numbered | cells for cells in _interconnections(issue))


def price_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of PRICE, of every run, for MMSDM."""
    return _monthly(issue, columns.PRICE, _prices)


def flow_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of INTERCONNECTORRES, of every run, for MMSDM."""
    return _monthly(issue, columns.INTERCONNECTORRES, _flows)


def region_rows(issue: Issue, prefix: str) -> Iterator[str]:
    """The D lines of REGIONSUM, of every run, for MMSDM."""
    return _monthly(issue, columns.REGIONSUM, _regions)


def _monthly(issue: Issue, table: Table, cells: Callable[[Issue, int], Iterator[Cells]]) -> Iterator[str]:
    common = {"SETTLEMENTDATE": issue.end, "RUNNO": "1", "LASTCHANGED": issue.dispatched}
    common["DISPATCHINTERVAL"] = issue.dispatch_interval
    for run in issue.market.runs(issue.interval):
        for row in cells(issue, run):
            yield table.row(common | row)


def _case(run: int) -> Cells:
    return {
        "INTERVENTION": str(run),
        "SOLUTIONSTATUS": "1",
        "NONPHYSICALLOSSES": "0",
        "TOTALOBJECTIVE": "-32201960.5340",
        "SWITCHRUNINITIALSTATUS": "0",
        "SWITCHRUNBESTSTATUS": "0",
    }


def _local_prices(issue: Issue) -> Iterator[Cells]:
    adjustment = issue.market.noise.uniform("local_price", issue.interval.hour, 6)
    for unit, share in zip(UNITS[200:206], adjustment.tolist(), strict=True):
        yield {
            "SETTLEMENTDATE": issue.end,
            "DUID": unit.duid,
            "LOCAL_PRICE_ADJUSTMENT": f"{share * 10:.2f}",
            "LOCALLY_CONSTRAINED": "1",
        }


def _prices(issue: Issue, run: int) -> Iterator[Cells]:
    flat = services("RRP", "ROP") | _flags()
    for region, rrp in issue.market.prices(issue.interval, issue.revision, run).items():
        text = number(rrp)
        yield flat | {
            "REGIONID": region,
            "INTERVENTION": str(run),
            "RRP": text,
            "EEP": "0",
            "ROP": text,
            "MARKETSUSPENDEDFLAG": "0",
            "PRICE_STATUS": "FIRM",
            "PRE_AP_ENERGY_PRICE": text,
            "OCD_STATUS": "NOT_OCD",
            "MII_STATUS": "NOT_MII",
        }


@cache
def _flags() -> dict[str, str]:
    return {"APCFLAG": "0"} | dict.fromkeys((name for name in columns.PRICE.columns if name.endswith("APCFLAG")), "0")


def _regions(issue: Issue, run: int) -> Iterator[Cells]:
    for region, sums in issue.market.regions(issue.interval, issue.revision, run).items():
        cells = {column.upper(): number(value) for column, value in vars(sums).items()}
        uigf = sums.ss_solar_uigf + sums.ss_wind_uigf
        cleared = sums.ss_solar_clearedmw + sums.ss_wind_clearedmw
        yield cells | {
            "REGIONID": region,
            "INTERVENTION": str(run),
            "DISPATCHABLELOAD": "0",
            "EXCESSGENERATION": "0",
            "UIGF": number(round(uigf, 5)),
            "SEMISCHEDULE_CLEAREDMW": number(round(cleared, 5)),
        }


def _flows(issue: Issue, run: int) -> Iterator[Cells]:
    for name, flow in issue.market.flows(issue.interval, issue.revision, run).items():
        cells = {column.upper(): number(value) for column, value in vars(flow).items()}
        yield cells | {
            "INTERCONNECTORID": name,
            "INTERVENTION": str(run),
            "MARGINALVALUE": "0",
            "VIOLATIONDEGREE": "0",
            "MARGINALLOSS": "1.00417",
            "EXPORTGENCONID": f"{name[0]}>>NIL_EXPORT",
            "IMPORTGENCONID": f"{name[0]}^^NIL_IMPORT",
            "FCASEXPORTLIMIT": cells["EXPORTLIMIT"],
            "FCASIMPORTLIMIT": cells["IMPORTLIMIT"],
        }


def _constraints(issue: Issue, common: Cells) -> Iterator[str]:
    yield columns.CONSTRAINT.header
    cells = {**common, "INTERVENTION": "0", "MARGINALVALUE": "0", "VIOLATIONDEGREE": "0"}
    cells |= {"GENCONID_EFFECTIVEDATE": '"2024/07/11 00:00:00"', "GENCONID_VERSIONNO": "1"}
    row = columns.CONSTRAINT.template(cells, ("CONSTRAINTID", "RHS", "LHS"))
    minutes = issue.interval.hour * 12 + issue.interval.minute // 5
    right = issue.market.noise.smooth("constraint", minutes, 60, len(_CONSTRAINTS)) * 900.0 + 1000.0
    for name, rhs in zip(_CONSTRAINTS, np.rint(right * 1e5) / 1e5, strict=True):
        yield row % (name, number(rhs), number(round(rhs * 0.7, 5)))


# The names are made up in AEMO's manner; the first holds a comma, which only a reader of quotes gets through
_CONSTRAINTS = (
    '"DATASNAP_NSW,QLD"',
    *(f"{side}>>NIL_LINE_{number:02d}" for side in "NQSTV" for number in range(1, 12)),
)


def _interconnections(issue: Issue) -> Iterator[Cells]:
    flows = issue.market.flows(issue.interval, issue.revision)
    for origin, target, name in _INTERCONNECTIONS:
        flow = flows[name]
        yield {
            "INTERVENTION": "0",
            "FROM_REGIONID": origin,
            "TO_REGIONID": target,
            "IRLF": "1.00417",
            "MWFLOW": number(flow.mwflow),
            "METEREDMWFLOW": number(flow.meteredmwflow),
            "FROM_REGION_MW_LOSSES": number(flow.mwlosses),
            "TO_REGION_MW_LOSSES": "0",
        }
