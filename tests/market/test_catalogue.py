import pyarrow as pa
import pytest

from aemo_ops.errors import SettingsError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import HALF_HOUR
from aemo_ops.market.report import REPORTS, Report
from aemo_ops.settings import DEFAULT_DATASETS

# The contract with the users' dashboard, written down by hand: names, order and types may never change.
CONTRACT = {
    "prices5": ["settlementdate", "regionid", "rrp"],
    "scada5": ["settlementdate", "duid", "scadavalue"],
    "transmission5": [
        "settlementdate",
        "interconnectorid",
        "meteredmwflow",
        "mwflow",
        "exportlimit",
        "importlimit",
        "mwlosses",
    ],
    "prices30": ["settlementdate", "regionid", "rrp"],
    "scada30": ["settlementdate", "duid", "scadavalue"],
    "transmission30": [
        "settlementdate",
        "interconnectorid",
        "meteredmwflow",
        "mwflow",
        "exportlimit",
        "importlimit",
        "mwlosses",
    ],
    "rooftop30": ["settlementdate", "regionid", "power"],
}


@pytest.mark.parametrize("dataset", catalogue.DATASETS, ids=lambda d: d.name)
def test_a_dataset_keeps_its_contract(dataset: Dataset) -> None:
    assert dataset.schema.names == CONTRACT[dataset.name]
    assert [str(kind) for kind in dataset.schema.types] == ["timestamp[ns]", "string"] + ["double"] * (
        len(dataset.schema) - 2
    )
    assert dataset.key == tuple(dataset.schema.names[:2])


@pytest.mark.parametrize("dataset", catalogue.DATASETS, ids=lambda d: d.name)
def test_a_dataset_is_either_read_or_derived(dataset: Dataset) -> None:
    assert bool(dataset.sources) != bool(dataset.derived_from)
    if dataset.derived_from:
        parent = catalogue.dataset(dataset.derived_from)
        assert (dataset.cadence, parent.schema) == (HALF_HOUR, dataset.schema)


def test_the_default_datasets_are_the_ones_declared() -> None:
    assert set(DEFAULT_DATASETS) == {dataset.name for dataset in catalogue.DATASETS}


@pytest.mark.parametrize("report", REPORTS, ids=lambda r: r.name)
def test_a_report_recognises_the_names_it_makes(report: Report) -> None:
    from datetime import datetime

    interval = datetime(2026, 4, 20)
    name = report.file_name(interval, 513537596)
    assert report.pattern.fullmatch(name)
    assert report.interval(name) == interval


def test_a_rooftop_file_stamped_2000_holds_the_half_hour_that_ended_1930() -> None:
    from datetime import datetime

    report = catalogue.report("rooftop_pv")
    assert report.interval("PUBLIC_ROOFTOP_PV_ACTUAL_MEASUREMENT_20260406200000_0000000511605825.zip") == datetime(
        2026, 4, 6, 19, 30
    )


def test_rows_without_any_value_are_dropped_and_negative_ones_kept() -> None:
    (source,) = catalogue.SCADA5.sources
    table = pa.table(
        {
            "SETTLEMENTDATE": pa.array([0, 0, 0], pa.timestamp("ns")),
            "DUID": ["BAT1", "BAT2", "BAT3"],
            "SCADAVALUE": [-5.0, None, 0.0],
        }
    )
    assert catalogue.SCADA5.rows(source, table).to_pydict()["scadavalue"] == [-5.0, 0.0]


def test_an_unknown_name_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SettingsError, match="scada5"):
        catalogue.dataset("scada")
    with pytest.raises(SettingsError, match="dispatchis"):
        catalogue.report("dispatch")
    with pytest.raises(SettingsError, match="prices30 derives from prices5"):
        catalogue.chosen(["prices30", "scada5"])
