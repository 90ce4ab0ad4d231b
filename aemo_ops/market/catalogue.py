"""Every dataset, declared. A new dataset is one more declaration here and one fixture in the tests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow as pa

from aemo_ops.errors import SettingsError
from aemo_ops.market.dataset import AEMO_IDS, AEMO_TIMES, NUMBER, TEXT, TIME, Column, Dataset, Mode, Source
from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR, ceil
from aemo_ops.market.regions import INTERCONNECTORS, REGIONS, SUB_REGIONS
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS, REPORTS, ROOFTOP, TRADINGIS, Report
from aemo_ops.market.rules import measured, physical_run, pricing_run, satellite

_AHEAD = timedelta(minutes=10)
# After an interval is due, further files of it may come: the other kind of rooftop estimate, a half hour's sixth value.
_PROVISIONAL = timedelta(minutes=35)
_END = Column("settlementdate", TIME, "NEM time, end of the interval")
_FLOWS = (
    ("settlementdate", "SETTLEMENTDATE"),
    ("interconnectorid", "INTERCONNECTORID"),
    ("meteredmwflow", "METEREDMWFLOW"),
    ("mwflow", "MWFLOW"),
    ("mwlosses", "MWLOSSES"),
)
_PRICES = (("settlementdate", "SETTLEMENTDATE"), ("regionid", "REGIONID"), ("rrp", "RRP"))
_ROOFTOP = (("settlementdate", "INTERVAL_DATETIME"), ("regionid", "REGIONID"), ("power", "POWER"))
_PRICE_COLUMNS = (_END, Column("regionid", TEXT), Column("rrp", NUMBER, "$/MWh"))
_SCADA_COLUMNS = (_END, Column("duid", TEXT), Column("scadavalue", NUMBER, "MW"))
_FLOW_COLUMNS = (
    _END,
    Column("interconnectorid", TEXT),
    *(Column(name, NUMBER, "MW") for name in ("meteredmwflow", "mwflow", "exportlimit", "importlimit", "mwlosses")),
)

PRICES5 = Dataset(
    name="prices5",
    title="Dispatch price by region",
    columns=_PRICE_COLUMNS,
    key=("settlementdate", "regionid"),
    cadence=FIVE_MINUTES,
    due_minutes=0,
    tolerance=1e-9,
    sources=(Source(DISPATCHIS, "DISPATCH.PRICE", _PRICES, pricing_run, ("INTERVENTION",), mmsdm="DISPATCHPRICE"),),
    ids=REGIONS,
)
SCADA5 = Dataset(
    name="scada5",
    title="Metered output by unit",
    columns=_SCADA_COLUMNS,
    key=("settlementdate", "duid"),
    cadence=FIVE_MINUTES,
    due_minutes=1,
    tolerance=1e-9,
    sources=(
        Source(
            DISPATCH_SCADA,
            "DISPATCH.UNIT_SCADA",
            (("settlementdate", "SETTLEMENTDATE"), ("duid", "DUID"), ("scadavalue", "SCADAVALUE")),
            mmsdm="DISPATCH_UNIT_SCADA",
        ),
    ),
)
TRANSMISSION5 = Dataset(
    name="transmission5",
    title="Flow by interconnector",
    columns=_FLOW_COLUMNS,
    key=("settlementdate", "interconnectorid"),
    cadence=FIVE_MINUTES,
    due_minutes=0,
    tolerance=1e-9,
    sources=(
        Source(
            DISPATCHIS,
            "DISPATCH.INTERCONNECTORRES",
            (*_FLOWS, ("exportlimit", "EXPORTLIMIT"), ("importlimit", "IMPORTLIMIT")),
            physical_run,
            ("INTERVENTION",),
            mmsdm="DISPATCHINTERCONNECTORRES",
        ),
    ),
    ids=INTERCONNECTORS,
)
PRICES30 = Dataset(
    name="prices30",
    title="Half-hour mean price by region",
    columns=_PRICE_COLUMNS,
    key=PRICES5.key,
    cadence=HALF_HOUR,
    due_minutes=0,
    tolerance=1e-6,
    fallbacks=(Source(TRADINGIS, "TRADING.PRICE", _PRICES, mode=Mode.INSERT, mmsdm="TRADINGPRICE"),),
    derived_from="prices5",
    ids=REGIONS,
)
SCADA30 = Dataset(
    name="scada30",
    title="Half-hour mean output by unit",
    columns=_SCADA_COLUMNS,
    key=SCADA5.key,
    cadence=HALF_HOUR,
    due_minutes=1,
    tolerance=1e-6,
    derived_from="scada5",
)
TRANSMISSION30 = Dataset(
    name="transmission30",
    title="Half-hour mean flow by interconnector",
    columns=_FLOW_COLUMNS,
    key=TRANSMISSION5.key,
    cadence=HALF_HOUR,
    due_minutes=0,
    tolerance=1e-6,
    fallbacks=(Source(TRADINGIS, "TRADING.INTERCONNECTORRES", _FLOWS, mode=Mode.INSERT, mmsdm="TRADINGINTERCONNECT"),),
    derived_from="transmission5",
    ids=INTERCONNECTORS,
)
ROOFTOP30 = Dataset(
    name="rooftop30",
    title="Rooftop solar by region",
    columns=(_END, Column("regionid", TEXT), Column("power", NUMBER, "MW")),
    key=("settlementdate", "regionid"),
    cadence=HALF_HOUR,
    due_minutes=47,
    tolerance=1e-9,
    sources=(
        Source(ROOFTOP, "ROOFTOP.ACTUAL", _ROOFTOP, measured, ("TYPE",), mmsdm="ROOFTOP_PV_ACTUAL"),
        Source(ROOFTOP, "ROOFTOP.ACTUAL", _ROOFTOP, satellite, ("TYPE",), Mode.INSERT, "ROOFTOP_PV_ACTUAL"),
    ),
    ids=REGIONS,
    parts=SUB_REGIONS,
)

DATASETS = (PRICES5, SCADA5, TRANSMISSION5, PRICES30, SCADA30, TRANSMISSION30, ROOFTOP30)
_BY_NAME = {dataset.name: dataset for dataset in DATASETS}


def dataset(name: str) -> Dataset:
    """The dataset called `name`. Raises SettingsError with the known names."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise SettingsError(f"no dataset called {name!r}; known: {', '.join(_BY_NAME)}") from None


def chosen(names: Iterable[str]) -> tuple[Dataset, ...]:
    """The datasets of these names. Raises SettingsError for an unknown one, or one whose parent is not chosen."""
    datasets = tuple(dict.fromkeys(dataset(name) for name in names))
    for one in datasets:
        if one.derived_from and dataset(one.derived_from) not in datasets:
            raise SettingsError(f"{one.name} derives from {one.derived_from}; choose both in AEMO_DATASETS")
    return datasets


def dataset_of_file(file_name: str) -> Dataset | None:
    """The dataset whose file has this name, None for a foreign one."""
    return _BY_NAME.get(file_name.removesuffix(".parquet")) if file_name.endswith(".parquet") else None


def report(name: str) -> Report:
    """The report called `name`. Raises SettingsError with the known names."""
    for known in REPORTS:
        if known.name == name:
            return known
    raise SettingsError(f"no report called {name!r}; known: {', '.join(known.name for known in REPORTS)}")


def fed_by(report: Report, datasets: Iterable[Dataset] = DATASETS) -> tuple[Dataset, ...]:
    """The datasets that a report feeds directly."""
    return tuple(d for d in datasets if any(source.report == report for source in d.sources))


def collected(datasets: Iterable[Dataset] = DATASETS) -> tuple[Report, ...]:
    """The reports that must be read to collect the datasets, each once."""
    return tuple(dict.fromkeys(source.report for d in datasets for source in d.sources))


def derived_from(parent: Dataset, datasets: Iterable[Dataset] = DATASETS) -> tuple[Dataset, ...]:
    return tuple(d for d in datasets if d.derived_from == parent.name)


def origin(child: Dataset) -> Dataset:
    """The dataset whose rows AEMO's files hold: what it derives from, or itself."""
    return dataset(child.derived_from) if child.derived_from else child


def tables(sources: Iterable[Source]) -> dict[str, pa.Schema]:
    """What to read from a file for these sources: table name -> its wanted AEMO columns with their types."""
    wanted: dict[str, dict[str, pa.DataType]] = {}
    for source in sources:
        for name in source.wanted:
            wanted.setdefault(source.table, {})[name] = aemo_type(name)
    return {table: pa.schema(list(columns.items())) for table, columns in wanted.items()}


def aemo_type(column: str) -> pa.DataType:
    """The Arrow type of one of AEMO's columns, by its name."""
    if column in AEMO_TIMES:
        return TIME
    return TEXT if column in AEMO_IDS else NUMBER


def due(dataset: Dataset) -> timedelta:
    """How long after its end an interval of the dataset is due."""
    return timedelta(minutes=dataset.due_minutes)


def settled(dataset: Dataset, now: datetime) -> datetime:
    """The newest interval end of which AEMO will, as a rule, publish nothing more at `now`."""
    return now - due(dataset) - _PROVISIONAL


def latest_possible(dataset: Dataset, now: datetime) -> datetime:
    """The newest interval end that a row may have at `now`: a later one is no publication of AEMO's.

    A healthy 5-minute file runs up to five minutes ahead of the clock; a half hour derived from it is written, as a partial
    mean, from its first five minutes on.
    """
    latest = now + _AHEAD
    return ceil(latest, dataset.cadence) if dataset.derived_from else latest
