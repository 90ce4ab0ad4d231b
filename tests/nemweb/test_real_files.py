"""Real AEMO files, read by us and by plain csv: the same rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from aemo_ops.market import catalogue
from aemo_ops.market.catalogue import PRICES5, PRICES30, ROOFTOP30, SCADA5, TRANSMISSION5, TRANSMISSION30, aemo_type
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.derive import SIX, mean_of_six, trading_half_hours
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.nemweb import report
from aemo_ops.nemweb.archive import Level
from aemo_ops.ops.parsing import Feed, Task, parse
from tests.nemweb.independent import lines_of, number, rows_of, time

pytestmark = pytest.mark.real

Rows = dict[tuple[datetime, str], tuple[float | None, ...]]


def read(path: Path, wanted: dict[str, pa.Schema]) -> dict[str, pa.Table]:
    packed = path.read_bytes()
    contents = (
        report.read(path.name, packed, wanted) if path.suffix == ".zip" else report.parse(path.name, packed, wanted)
    )
    return dict(contents.tables)


def ours(path: Path, dataset: Dataset, source: Source) -> Rows:
    rows = dataset.rows(source, read(path, catalogue.tables([source]))[source.table])
    return as_rows(rows)


def as_rows(rows: pa.Table) -> Rows:
    columns = rows.cast(
        pa.schema([pa.field(rows.schema[0].name, pa.timestamp("us")), *list(rows.schema)[1:]])
    ).to_pydict()
    times, ids, *values = columns.values()
    found = dict(zip(zip(times, ids, strict=True), zip(*values, strict=True), strict=True))
    assert len(found) == rows.num_rows
    return found


def theirs(path: Path, table: str, names: list[str], interventions: str) -> Rows:
    """`interventions`: pricing, physical or none."""
    rows = rows_of(path, table)
    clock = "INTERVAL_DATETIME" if "INTERVAL_DATETIME" in rows[0] else "SETTLEMENTDATE"
    intervened = (
        {row[clock] for row in rows if row.get("INTERVENTION") == "1"} if interventions == "physical" else set()
    )
    found: Rows = {}
    for row in rows:
        run = "1" if row[clock] in intervened else "0"
        if interventions == "none" or row["INTERVENTION"] == run:
            values = tuple(number(row[name]) for name in names[1:])
            if any(value is not None for value in values):
                found[time(row[clock]), row[names[0]]] = values
    return found


FLOWS = ["INTERCONNECTORID", "METEREDMWFLOW", "MWFLOW", "EXPORTLIMIT", "IMPORTLIMIT", "MWLOSSES"]


def test_dispatchis_gives_the_prices_and_flows_that_plain_csv_gives(real: Path) -> None:
    (path,) = (real / "current").glob("PUBLIC_DISPATCHIS_*")
    prices = ours(path, PRICES5, PRICES5.sources[0])
    assert prices == theirs(path, "DISPATCH.PRICE", ["REGIONID", "RRP"], "pricing")
    assert prices[datetime(2025, 12, 27, 0, 5), "NSW1"] == (33.51273,)  # read off the file by eye
    flows = ours(path, TRANSMISSION5, TRANSMISSION5.sources[0])
    assert flows == theirs(path, "DISPATCH.INTERCONNECTORRES", FLOWS, "physical")
    assert len(flows) == 6


def test_dispatch_scada_gives_the_rows_that_plain_csv_gives(real: Path) -> None:
    (path,) = (real / "current").glob("PUBLIC_DISPATCHSCADA_*")
    rows = ours(path, SCADA5, SCADA5.sources[0])
    assert rows == theirs(path, "DISPATCH.UNIT_SCADA", ["DUID", "SCADAVALUE"], "none")
    assert rows[datetime(2025, 12, 27, 0, 5), "BARCSF1"] == (0.2,)
    assert min(value for (value,) in rows.values() if value is not None) < 0


@pytest.mark.parametrize("kind", ["MEASUREMENT", "SATELLITE"])
def test_both_rooftop_files_give_the_rows_that_plain_csv_gives(real: Path, kind: str) -> None:
    (path,) = (real / "current").glob(f"PUBLIC_ROOFTOP_PV_ACTUAL_{kind}_*")
    (source,) = [
        s for s in ROOFTOP30.sources if s.rule.__name__ == {"MEASUREMENT": "measured", "SATELLITE": "satellite"}[kind]
    ]
    rows = ours(path, ROOFTOP30, source)
    assert rows == theirs(path, "ROOFTOP.ACTUAL", ["REGIONID", "POWER"], "none")
    assert len(rows) == 10  # five regions and the sub-regions of Queensland and Tasmania
    stamp = catalogue.report("rooftop_pv").interval(path.name)
    assert {moment for moment, _ in rows} == {stamp}


def test_tradingis_gives_the_rows_that_plain_csv_gives(real: Path) -> None:
    (path,) = (real / "current").glob("PUBLIC_TRADINGIS_*")
    assert ours(path, PRICES30, PRICES30.fallbacks[0]) == theirs(path, "TRADING.PRICE", ["REGIONID", "RRP"], "none")
    flows = ours(path, TRANSMISSION30, TRANSMISSION30.fallbacks[0])
    expected = theirs(
        path, "TRADING.INTERCONNECTORRES", ["INTERCONNECTORID", "METEREDMWFLOW", "MWFLOW", "MWLOSSES"], "none"
    )
    assert flows == {key: (metered, flow, None, None, losses) for key, (metered, flow, losses) in expected.items()}


def test_next_day_dispatch_is_read_by_header_name(real: Path) -> None:
    (path,) = (real / "current").glob("PUBLIC_NEXT_DAY_DISPATCH_*")
    names = ["SETTLEMENTDATE", "DUID", "INTERVENTION", "TOTALCLEARED", "UIGF"]
    wanted = {"DISPATCH.UNIT_SOLUTION": pa.schema([(name, aemo_type(name)) for name in names])}
    table = read(path, wanted)["DISPATCH.UNIT_SOLUTION"]
    rows = table.cast(pa.schema([("SETTLEMENTDATE", pa.timestamp("us")), *list(table.schema)[1:]])).to_pylist()
    assert rows == [
        {
            "SETTLEMENTDATE": time(row["SETTLEMENTDATE"]),
            "DUID": row["DUID"],
            **{name: number(row[name]) for name in names[2:]},
        }
        for row in rows_of(path, "DISPATCH.UNIT_SOLUTION")
    ]
    assert len(rows) > 500


MONTHLY = {
    "DISPATCHPRICE": (PRICES5, PRICES5.sources[0], ["REGIONID", "RRP"], "pricing"),
    "DISPATCHINTERCONNECTORRES": (TRANSMISSION5, TRANSMISSION5.sources[0], FLOWS, "physical"),
    "DISPATCH_UNIT_SCADA": (SCADA5, SCADA5.sources[0], ["DUID", "SCADAVALUE"], "none"),
    "TRADINGPRICE": (PRICES30, PRICES30.fallbacks[0], ["REGIONID", "RRP"], "none"),
}


@pytest.mark.parametrize("month", ["2018_05", "2021_10", "2024_07", "2024_08", "2025_01"])
@pytest.mark.parametrize("table", MONTHLY)
def test_every_monthly_table_gives_the_rows_that_plain_csv_gives(real: Path, month: str, table: str) -> None:
    dataset, source, names, runs = MONTHLY[table]
    paths = [
        path
        for path in (real / "mmsdm" / f"MMSDM_{month}").iterdir()
        if re.search(rf"(?:DVD_|%23){table}(?:_2|%23)", path.name)
    ]
    if month == "2021_10" and table.startswith("DISPATCH"):
        assert not paths  # that month's sample holds trading tables only
        return
    (path,) = paths
    assert ours(path, dataset, source) == theirs(path, source.table, names, runs)


@pytest.mark.parametrize("month", ["2024_07", "2024_08", "2025_01"])
def test_monthly_rooftop_is_read_whatever_its_order_of_columns(real: Path, month: str) -> None:
    (path,) = [path for path in (real / "mmsdm" / f"MMSDM_{month}").iterdir() if "ROOFTOP" in path.name]
    for source, kind in zip(ROOFTOP30.sources, ("MEASUREMENT", "SATELLITE"), strict=True):
        expected = {
            (time(row["INTERVAL_DATETIME"]), row["REGIONID"]): (number(row["POWER"]),)
            for row in rows_of(path, "ROOFTOP.ACTUAL")
            if row["TYPE"] == kind and row["POWER"]
        }
        assert ours(path, ROOFTOP30, source) == expected


def test_footers_of_all_real_files_count_their_lines(real: Path) -> None:
    paths = [*real.glob("current/*"), *real.glob("mmsdm/*/*")]
    assert len(paths) > 25
    for path in paths:
        lines = lines_of(path)
        assert int(lines[-1][2]) == len(lines), path.name


@pytest.mark.parametrize(
    ("five", "thirty", "trading", "value"),
    [
        (PRICES5, PRICES30, "TRADINGPRICE", "rrp"),
        (TRANSMISSION5, TRANSMISSION30, "TRADINGINTERCONNECT", "meteredmwflow"),
        (TRANSMISSION5, TRANSMISSION30, "TRADINGINTERCONNECT", "mwflow"),
    ],
)
def test_the_intervention_rule_reproduces_the_trading_tables_of_may_2018(
    real: Path, five: Dataset, thirty: Dataset, trading: str, value: str
) -> None:
    folder = real / "mmsdm" / "MMSDM_2018_05"
    source, fallback = five.sources[0], thirty.fallbacks[0]
    dispatch = "DISPATCHPRICE" if five is PRICES5 else "DISPATCHINTERCONNECTORRES"
    (path,) = folder.glob(f"*_{dispatch}_*")
    rows = five.rows(source, read(path, catalogue.tables([source]))[source.table])
    means, present = mean_of_six(thirty, rows)
    whole = as_rows(means.filter(pa.array(present == SIX)))
    (path,) = folder.glob(f"*_{trading}_*")
    told = as_rows(thirty.rows(fallback, read(path, catalogue.tables([fallback]))[fallback.table]))
    at = thirty.values.index(value)
    common = whole.keys() & told.keys()
    apart = [key for key in common if abs((whole[key][at] or 0) - (told[key][at] or 0)) > 0.0051]
    assert len(common) >= 230
    assert not apart


def test_half_hours_with_an_intervention_would_be_wrong_without_the_rule(real: Path) -> None:
    """The check above must be able to fail: the other run's flows do not reproduce TRADINGINTERCONNECT."""
    folder = real / "mmsdm" / "MMSDM_2018_05"
    (path,) = folder.glob("*_DISPATCHINTERCONNECTORRES_*")
    sums: dict[tuple[datetime, str], list[float]] = defaultdict(list)
    for row in rows_of(path, "DISPATCH.INTERCONNECTORRES"):
        if row["INTERVENTION"] == "0":
            end = time(row["SETTLEMENTDATE"])
            end += (datetime(2000, 1, 1) - end) % timedelta(minutes=30)
            sums[end, row["INTERCONNECTORID"]].append(float(row["MWFLOW"]))
    (path,) = folder.glob("*_TRADINGINTERCONNECT_*")
    told = {
        (time(r["SETTLEMENTDATE"]), r["INTERCONNECTORID"]): float(r["MWFLOW"])
        for r in rows_of(path, "TRADING.INTERCONNECTORRES")
    }
    apart = [key for key in told if len(sums[key]) == 6 and abs(sum(sums[key]) / 6 - told[key]) > 0.0051]
    assert len(apart) > 50


TABLES = {
    "DISPATCHPRICE": (PRICES5, False, "pricing"),
    "DISPATCHINTERCONNECTORRES": (TRANSMISSION5, False, "physical"),
    "DISPATCH_UNIT_SCADA": (SCADA5, False, "none"),
    "ROOFTOP_PV_ACTUAL": (ROOFTOP30, False, "none"),
    "TRADINGPRICE": (PRICES30, True, "none"),
    "TRADINGINTERCONNECT": (TRANSMISSION30, True, "none"),
}


def monthly(real: Path, table: str) -> list[Path]:
    """Every month's file of a table, whatever it was called in its year."""
    return sorted(path for path in real.glob("mmsdm/*/*") if re.search(rf"(?:DVD_|%23){table}(?:_2|%23)", path.name))


def streamed(path: Path, dataset: Dataset, fallback: bool) -> list[Rows]:
    """The rows of each source, as a backfill reads a month: a stream of the one table."""
    sources = dataset.fallbacks if fallback else dataset.sources
    feeds = tuple(Feed(dataset.name, place, fallback) for place in range(len(sources)))
    span = (nanoseconds(datetime(year, 1, 1)) for year in (2000, 2100))
    parsed = parse(Task(Level.MMSDM, ((path.name, path.read_bytes()),), feeds, *span))
    assert parsed.rejected == ()
    return [as_rows(rows) for rows in parsed.rows]


def plain(path: Path, dataset: Dataset, source: Source, interventions: str) -> Rows:
    """The same by csv, with null where the source has no such column."""
    names = dict(source.columns)
    told = [names[name] for name in dataset.values if name in names]
    found = theirs(path, source.table, [names[dataset.key[1]], *told], interventions)
    places = [told.index(names[name]) if name in names else None for name in dataset.values]
    return {key: tuple(None if at is None else row[at] for at in places) for key, row in found.items()}


def alike(value: float | None, expected: float | None) -> bool:
    """Equal but for the last bits of a sum."""
    if value is None or expected is None:
        return value is expected
    return abs(value - expected) <= 1e-12 * max(1.0, abs(expected)) * SIX


def plain_rooftop(path: Path, kind: str) -> Rows:
    return {
        (time(row["INTERVAL_DATETIME"]), row["REGIONID"]): (number(row["POWER"]),)
        for row in rows_of(path, "ROOFTOP.ACTUAL")
        if row["TYPE"] == kind and row["POWER"]
    }


@pytest.mark.parametrize("table", TABLES)
def test_the_stream_of_every_month_gives_the_rows_that_plain_csv_gives(
    real: Path, table: str, tally: Callable[..., None]
) -> None:
    dataset, fallback, runs = TABLES[table]
    paths = monthly(real, table)
    assert len(paths) >= 5
    for path in paths:
        found = streamed(path, dataset, fallback)
        if dataset is ROOFTOP30:
            expected = [plain_rooftop(path, kind) for kind in ("MEASUREMENT", "SATELLITE")]
        else:
            (source,) = dataset.fallbacks if fallback else dataset.sources
            expected = [plain(path, dataset, source, runs)]
        assert found == expected and any(expected), path.name
        tally("rows of monthly tables equal to an independent reading", sum(map(len, expected)))


@pytest.mark.parametrize(
    ("table", "thirty"),
    [
        ("DISPATCHPRICE", PRICES30),
        ("DISPATCHINTERCONNECTORRES", TRANSMISSION30),
        ("DISPATCH_UNIT_SCADA", catalogue.SCADA30),
    ],
)
def test_half_hours_of_every_month_are_the_plain_means_of_their_intervals(
    real: Path, table: str, thirty: Dataset, tally: Callable[..., None]
) -> None:
    five, _, runs = TABLES[table]
    for path in monthly(real, table):
        gathered: dict[tuple[datetime, str], list[tuple[float | None, ...]]] = defaultdict(list)
        for (end, name), row in plain(path, five, five.sources[0], runs).items():
            gathered[end + (datetime(2000, 1, 1) - end) % timedelta(minutes=30), name].append(row)
        rows = five.rows(five.sources[0], read(path, catalogue.tables(five.sources))[five.sources[0].table])
        means, present = mean_of_six(thirty, rows)
        found = as_rows(means)
        assert found.keys() == gathered.keys()
        counts = dict(zip(sorted(found), present.tolist(), strict=True))
        for key, several in gathered.items():
            for at, value in enumerate(found[key]):
                there = [row[at] for row in several if row[at] is not None]
                expected = sum(there) / len(there) if there else None  # type: ignore[arg-type]
                assert alike(value, expected), (path.name, key)
            assert counts[key] == len(several), (path.name, key)
        tally("half hours equal to plain means of real rows", len(found))


@pytest.mark.parametrize(("table", "thirty"), [("TRADINGPRICE", PRICES30), ("TRADINGINTERCONNECT", TRANSMISSION30)])
def test_half_hours_of_trading_tables_are_their_rows_and_since_october_2021_means_of_six(
    real: Path, table: str, thirty: Dataset, tally: Callable[..., None]
) -> None:
    source = thirty.fallbacks[0]
    for path in monthly(real, table):
        rows = plain(path, thirty, source, "none")
        expected: dict[tuple[datetime, str], list[tuple[float | None, ...]]] = defaultdict(list)
        for (end, name), row in rows.items():
            half = end + (datetime(2000, 1, 1) - end) % timedelta(minutes=30)
            expected[half, name].append(row)
        size = 1 if path.parent.name < "MMSDM_2021_10" else 6
        whole = {key: several for key, several in expected.items() if len(several) == size}
        found = as_rows(
            trading_half_hours(thirty, thirty.rows(source, read(path, catalogue.tables([source]))[source.table]))
        )
        assert found.keys() == whole.keys() and found
        for key, several in whole.items():
            for at, value in enumerate(found[key]):
                there = [row[at] for row in several if row[at] is not None]
                mean = sum(there) / size if there else None  # type: ignore[arg-type]
                assert alike(value, mean), (path.name, key)
        tally("half hours equal to plain means of real rows", len(found))
