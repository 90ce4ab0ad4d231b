"""A plain reader that does everything right ends up with the ground truth, whatever goes wrong on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import requests

from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, ROOFTOP, Report
from aemo_ops.replica import Faults, Replica, Shelf, Style

from .conftest import NOW, rows_of

SINCE = NOW.replace(hour=11, minute=0)
UNTIL = NOW.replace(hour=13, minute=0)
FAULTS = (
    "late=25:0.1,missing:0.1,duplicate:0.1,revised=15:0.2,403:0.1,429:0.1,500:0.1,html:0.1,truncated:0.1,footer:0.1,"
    "reset:0.1,drip=0.001:0.1,empty:0.05,column:0.05"
)


@pytest.fixture(params=[("", Style.OLD), (FAULTS, Style.NEW)], ids=["calm", "faults"])
def site(request: pytest.FixtureRequest, warm: Shelf, served: Callable[..., Replica]) -> Replica:
    spec, style = request.param
    return served(warm.with_faults(Faults.from_spec(spec, seed=9)), style=style)


def tables(site: Replica, visitor: requests.Session, report: Report, table: str) -> Iterator[list[dict[str, str]]]:
    """The table of every file of the window, in the order of AEMO's running numbers; unreadable files are left out."""
    hrefs = re.findall(r'HREF="([^"]+\.zip)"', visitor.get(site.url + report.directory).text)
    wanted = [h for h in hrefs if SINCE < report.interval(h.rpartition("/")[2]) <= UNTIL]
    for href in sorted(wanted, key=lambda href: href.rpartition("_")[2]):
        for _ in range(12):
            try:
                rows = rows_of(visitor.get(site.url + href).content, table)
            except Exception:  # noqa: BLE001 - whatever is wrong with it, ask again
                continue
            yield rows
            break


def time(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S")


def test_prices_of_the_pricing_run(site: Replica, visitor: requests.Session) -> None:
    read = {}
    for rows in tables(site, visitor, DISPATCHIS, "DISPATCH.PRICE"):
        for row in rows:
            if row["INTERVENTION"] == "0" and "RRP" in row:
                read[time(row["SETTLEMENTDATE"]), row["REGIONID"]] = float(row["RRP"])
    assert expected(site, "prices5") == read


def test_flows_of_the_physical_run(site: Replica, visitor: requests.Session) -> None:
    read = {}
    for rows in tables(site, visitor, DISPATCHIS, "DISPATCH.INTERCONNECTORRES"):
        run = max(row["INTERVENTION"] for row in rows)
        for row in rows:
            if row["INTERVENTION"] == run and "METEREDMWFLOW" in row:
                names = ("METEREDMWFLOW", "MWFLOW", "EXPORTLIMIT", "IMPORTLIMIT", "MWLOSSES")
                read[time(row["SETTLEMENTDATE"]), row["INTERCONNECTORID"]] = tuple(float(row[name]) for name in names)
    assert expected(site, "transmission5") == read


def test_output_of_units(site: Replica, visitor: requests.Session) -> None:
    read = {}
    for rows in tables(site, visitor, DISPATCH_SCADA, "DISPATCH.UNIT_SCADA"):
        for row in rows:
            if row.get("SCADAVALUE"):
                read[time(row["SETTLEMENTDATE"]), row["DUID"]] = float(row["SCADAVALUE"])
    assert expected(site, "scada5") == read


def test_rooftop_with_the_satellite_where_there_is_no_measurement(site: Replica, visitor: requests.Session) -> None:
    read: dict[str, dict[tuple[datetime, str], float]] = {"MEASUREMENT": {}, "SATELLITE": {}}
    for rows in tables(site, visitor, ROOFTOP, "ROOFTOP.ACTUAL"):
        for row in rows:
            if row.get("POWER"):
                read[row["TYPE"]][time(row["INTERVAL_DATETIME"]), row["REGIONID"]] = float(row["POWER"])
    assert expected(site, "rooftop30") == read["SATELLITE"] | read["MEASUREMENT"]


def expected(site: Replica, dataset: str) -> dict[tuple[object, object], object]:
    assert isinstance(site.site, Shelf)
    rows = site.site.expected(dataset, SINCE, UNTIL, at=NOW)
    assert rows
    return {(row[0], row[1]): row[2] if len(row) == 3 else row[2:] for row in rows}
