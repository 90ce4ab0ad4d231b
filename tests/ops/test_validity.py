"""Values that are there and look wrong are found, and only those; compared with hand-made series."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from aemo_ops.market.catalogue import PRICES5, PRICES30, SCADA5
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.validity import BOUNDS_KIND, FROZEN_KIND, MEAN_KIND, check
from aemo_ops.store.findings import Finding, Findings
from aemo_ops.store.parquet import Store

START = datetime(2026, 4, 1)
UNTIL = START + timedelta(days=20)
QUIET = Progress(lambda *_: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    return Findings(tmp_path / "ledger.sqlite", "a folder")


def put(store: Store, dataset: Dataset, name: str, values: list[float | None], start: datetime = START) -> None:
    """A series of one id, from the first interval after `start`; None leaves an interval out."""
    rows = [(start + dataset.cadence * at, name, value) for at, value in enumerate(values, 1) if value is not None]
    frame = pd.DataFrame(rows, columns=dataset.schema.names)
    frame["settlementdate"] = frame["settlementdate"].astype("datetime64[ns]")
    store.merge(
        dataset, pa.Table.from_pandas(frame, dataset.schema, preserve_index=False).replace_schema_metadata(None)
    )


def look(
    store: Store, findings: Findings, *datasets: Dataset, since: datetime | None = None, **known: str
) -> list[Finding]:
    fallbacks = {datetime.fromisoformat(end): source for end, source in known.items()}
    check(store, findings, datasets, since, UNTIL, lambda _: fallbacks, QUIET)
    return findings.all()


def ramp(count: int) -> list[float | None]:
    return [float(at) for at in range(count)]


def test_a_unit_that_moved_and_then_keeps_a_value_for_six_hours_is_frozen(store: Store, findings: Findings) -> None:
    put(store, SCADA5, "STUCK", [*ramp(20), *[42.5] * 72, *ramp(20)])
    put(store, SCADA5, "ALMOST", [*ramp(20), *[42.5] * 71, *ramp(20)])
    put(store, SCADA5, "OFF", [*ramp(20), *[0.0] * 400])
    put(store, SCADA5, "STEADY", [7.0] * 500)
    (finding,) = look(store, findings, SCADA5)
    assert (finding.kind, finding.id) == (FROZEN_KIND, "STUCK")
    assert (finding.first, finding.last) == (START + timedelta(minutes=105), START + timedelta(minutes=460))
    assert "42.5 MW for 6.0 hours" in finding.detail


def test_a_frozen_spell_goes_on_over_the_weeks_that_are_read_and_ends_at_a_hole(
    store: Store, findings: Findings
) -> None:
    week = 7 * 288
    put(store, SCADA5, "LONG", [*ramp(week - 50), *[9.0] * 100, *ramp(30)])
    put(store, SCADA5, "HOLED", [*ramp(10), *[9.0] * 50, None, *[9.0] * 50])
    (finding,) = look(store, findings, SCADA5)
    assert finding.id == "LONG"
    assert finding.last - finding.first == timedelta(minutes=5 * 99)


def test_a_price_outside_floor_and_cap_of_its_year_is_found_and_an_unknown_year_is_not_judged(
    store: Store, findings: Findings
) -> None:
    last_july = datetime(2024, 7, 1)  # 2024-25: 17,500; the half hour that ends at midnight is of the year before
    put(store, PRICES5, "NSW1", [17_500.0, 17_500.01, -1000.0, -1000.01], last_july)
    put(store, PRICES5, "VIC1", [99_999.0], last_july - 2 * PRICES5.cadence)
    put(store, PRICES5, "SA1", [16_000.0, -2_000.0], datetime(2022, 8, 1))
    found = {(f.id, f.first) for f in look(store, findings, PRICES5)}
    assert found == {
        ("NSW1", last_july + timedelta(minutes=10)),
        ("NSW1", last_july + timedelta(minutes=20)),
        ("SA1", datetime(2022, 8, 1, 0, 10)),
    }
    assert {f.kind for f in findings.all()} == {BOUNDS_KIND}


def test_a_half_hour_that_is_not_the_mean_of_its_six_is_found_unless_rounding_explains_it(
    store: Store, findings: Findings
) -> None:
    put(store, PRICES5, "TAS1", [10.0 + at * 1.0007 for at in range(24)])
    means = [float(np.mean([10.0 + at * 1.0007 for at in range(6 * half, 6 * half + 6)])) for half in range(4)]
    put(store, PRICES30, "TAS1", [means[0], means[1] + 0.004, round(means[2], 2), means[3] + 1.0])
    third = (START + timedelta(minutes=90)).isoformat()
    found = look(store, findings, PRICES30, **{third: "TradingIS"})
    assert [(f.kind, f.first) for f in found] == [
        (MEAN_KIND, START + timedelta(hours=2)),
        (MEAN_KIND, START + timedelta(hours=1)),
    ]


def test_half_hours_without_all_their_six_are_not_judged(store: Store, findings: Findings) -> None:
    put(store, PRICES5, "TAS1", [1.0, 2.0, None, 4.0, 5.0, 6.0])
    put(store, PRICES30, "TAS1", [99.0])
    assert look(store, findings, PRICES30) == []


def test_a_second_look_replaces_what_was_known_of_its_span_and_alters_no_value(
    store: Store, findings: Findings
) -> None:
    put(store, PRICES5, "NSW1", [20_000.0], datetime(2024, 7, 1))
    put(store, PRICES5, "NSW1", [20_000.0], datetime(2024, 8, 1))
    before = store.read(PRICES5)
    assert len(look(store, findings, PRICES5)) == 2
    put(store, PRICES5, "NSW1", [100.0], datetime(2024, 8, 1))  # AEMO revised it
    assert len(look(store, findings, PRICES5, since=datetime(2024, 7, 20))) == 1
    assert store.read(PRICES5).num_rows == before.num_rows
