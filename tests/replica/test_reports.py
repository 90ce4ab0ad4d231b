"""What is written reads back, by csv and zipfile alone, as what the market says."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.market.catalogue import DATASETS, tables
from aemo_ops.market.intervals import DAY, FIVE_MINUTES, intervals
from aemo_ops.market.report import DISPATCHIS
from aemo_ops.replica import Market, columns, reports
from aemo_ops.replica.issue import Issue
from aemo_ops.replica.shelf import WRITTEN

from .conftest import rows_of

CALM = datetime(2026, 4, 20, 0, 5)
HALF_HOUR_END = datetime(2026, 4, 20, 12, 30)


def written(prefix: str, market: Market, interval: datetime, revision: int = 0) -> bytes:
    text = reports.text(prefix, Issue(market, interval, 513_537_596, revision))
    return reports.zipped("x.CSV", text.encode(), (2026, 4, 20, 0, 0, 0))


def value(text: str) -> float | None:
    return float(text) if text else None


def intervened(market: Market) -> datetime:
    return next(t for t in intervals(CALM, CALM + 8 * DAY, FIVE_MINUTES) if market.intervened(t))


def test_prices_read_back_exactly_in_both_runs_of_an_intervention(market: Market) -> None:
    t = intervened(market)
    rows = rows_of(written("PUBLIC_DISPATCHIS", market, t), "DISPATCH.PRICE")
    for run in (0, 1):
        read = {row["REGIONID"]: float(row["RRP"]) for row in rows if row["INTERVENTION"] == str(run)}
        assert read == market.prices(t, run=run)
    assert {row["SETTLEMENTDATE"] for row in rows} == {f"{t:%Y/%m/%d %H:%M:%S}"}


def test_flows_and_regions_read_back_exactly_from_the_physical_run(market: Market) -> None:
    t = intervened(market)
    body = written("PUBLIC_DISPATCHIS", market, t)
    rows = rows_of(body, "DISPATCH.INTERCONNECTORRES")
    flows = {row["INTERCONNECTORID"]: row for row in rows if row["INTERVENTION"] == "1"}
    for name, flow in market.flows(t).items():
        for column in ("meteredmwflow", "mwflow", "mwlosses", "exportlimit", "importlimit"):
            assert float(flows[name][column.upper()]) == getattr(flow, column)
    sums = {row["REGIONID"]: row for row in rows_of(body, "DISPATCH.REGIONSUM") if row["INTERVENTION"] == "1"}
    for name, region in market.regions(t).items():
        for column in vars(region):
            assert float(sums[name][column.upper()]) == getattr(region, column)


def test_a_calm_interval_has_no_second_run(market: Market) -> None:
    t = next(t for t in intervals(CALM, CALM + DAY, FIVE_MINUTES) if not market.intervened(t))
    body = written("PUBLIC_DISPATCHIS", market, t)
    for table in ("DISPATCH.PRICE", "DISPATCH.REGIONSUM", "DISPATCH.INTERCONNECTORRES"):
        assert {row["INTERVENTION"] for row in rows_of(body, table)} == {"0"}


def test_scada_reads_back_exactly_with_its_blanks(market: Market) -> None:
    for hours in range(24):
        t = CALM + timedelta(hours=hours)
        rows = rows_of(written("PUBLIC_DISPATCHSCADA", market, t), "DISPATCH.UNIT_SCADA")
        assert [(row["DUID"], value(row["SCADAVALUE"])) for row in rows] == list(market.telemetry(t))


def test_trading_reads_back_rounded_to_two_decimals(market: Market) -> None:
    body = written("PUBLIC_TRADINGIS", market, HALF_HOUR_END)
    prices = {row["REGIONID"]: float(row["RRP"]) for row in rows_of(body, "TRADING.PRICE")}
    assert prices == {region: round(rrp, 2) for region, rrp in market.prices(HALF_HOUR_END).items()}
    rows = rows_of(body, "TRADING.INTERCONNECTORRES")
    flows = {row["INTERCONNECTORID"]: float(row["METEREDMWFLOW"]) for row in rows}
    assert flows == {name: round(flow.meteredmwflow, 2) for name, flow in market.flows(HALF_HOUR_END).items()}
    assert {row["PERIODID"] for row in rows} == {"150"}


def test_rooftop_reads_back_exactly_and_a_blank_has_quality_zero(market: Market) -> None:
    blanks = 0
    for t in intervals(HALF_HOUR_END, HALF_HOUR_END + 7 * DAY, timedelta(minutes=30)):
        body = written("PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT", market, t)
        rows = rows_of(body, "ROOFTOP.ACTUAL")
        assert {row["REGIONID"]: value(row["POWER"]) for row in rows} == market.measurement(t)
        assert all((row["QI"] == "0") == (row["POWER"] == "") for row in rows)
        blanks += sum(row["QI"] == "0" for row in rows)
    assert blanks > 0
    rows = rows_of(written("PUBLIC_ROOFTOP_PV_ACTUAL_SATELLITE", market, HALF_HOUR_END), "ROOFTOP.ACTUAL")
    assert {row["REGIONID"]: float(row["POWER"]) for row in rows} == market.satellite(HALF_HOUR_END)
    assert {row["TYPE"] for row in rows} == {"SATELLITE"}


def test_dispatch_holds_a_quoted_comma_and_the_number_of_the_interval(market: Market) -> None:
    body = written("PUBLIC_DISPATCHIS", market, CALM)
    constraints = rows_of(body, "DISPATCH.CONSTRAINT")
    assert any("," in row["CONSTRAINTID"] for row in constraints)
    assert len(constraints) > 40
    # 00:05 is interval 241 of the trading day that began at 04:00 the day before (as in the real file of 2025-12-27)
    assert {row["DISPATCHINTERVAL"] for row in constraints} == {"20260419241"}


def test_the_tiniest_numbers_come_in_aemos_own_form(market: Market) -> None:
    month = intervals(CALM, CALM + 28 * DAY, timedelta(hours=1))
    t = next(t for t in month if any(-0.0001 < f.importlimit < 0 for f in market.flows(t).values()))
    rows = rows_of(written("PUBLIC_DISPATCHIS", market, t), "DISPATCH.INTERCONNECTORRES")
    assert "-1E-05" in {row["IMPORTLIMIT"] for row in rows}


def test_a_file_is_the_same_bytes_every_time() -> None:
    for report in WRITTEN:
        for prefix in report.prefixes:
            assert written(prefix, Market(3), HALF_HOUR_END) == written(prefix, Market(3), HALF_HOUR_END)


def test_lines_end_as_aemos_do(market: Market) -> None:
    text = reports.text(DISPATCHIS.prefixes[0], Issue(market, CALM, 1))
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")


def test_every_column_that_a_dataset_wants_is_written(market: Market) -> None:
    bodies = {report: [written(p, market, HALF_HOUR_END) for p in report.prefixes] for report in WRITTEN}
    for dataset in DATASETS:
        for source in (*dataset.sources, *dataset.fallbacks):
            for table, schema in tables([source]).items():
                for body in bodies.get(source.report, []):
                    assert set(schema.names).issubset(rows_of(body, table)[0])


@pytest.mark.real
@pytest.mark.parametrize("pattern", ["*DISPATCHIS*", "*DISPATCHSCADA*", "*TRADINGIS*", "*MEASUREMENT*", "*SATELLITE*"])
def test_headers_are_those_of_the_real_files(real: Path, pattern: str) -> None:
    (file,) = (real / "current").glob(pattern)
    ours = {table.header for table in vars(columns).values() if isinstance(table, columns.Table)}
    for header in real_headers(file):
        assert header in ours


def real_headers(file: Path) -> list[str]:
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            text = archive.read(archive.namelist()[0]).decode()
    else:
        text = file.read_text()
    return [",".join(cells) for cells in csv.reader(io.StringIO(text)) if cells[0] == "I"]
