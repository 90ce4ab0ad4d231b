"""Rooftop's older wide layout: what stands on the half hours is AEMO's, what stands between them follows from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.market.catalogue import PRICES5, ROOFTOP30, SCADA5
from aemo_ops.store.contract.wide import is_wide, unfold, unfolded

TEN = datetime(2026, 4, 20, 10)
HALF = timedelta(minutes=30)
# Half hours by hand: NSW1 rises, QLD1 falls, TAS1 has one value only.
NSW, QLD = (60.0, 120.0, 90.0), (30.0, 24.0, 0.0)


def wide(kind: str = "line", **more: Any) -> pa.Table:
    """Five-minute rows as an older collector made them: on the line between half hours, or a half hour's value repeated."""
    rows = []
    for at in range(3):
        for five in range(6):
            end = TEN + at * HALF + five * timedelta(minutes=5)
            after = min(at + 1, 2)
            if kind == "line":
                values = [((6 - five) * one[at] + five * one[after]) / 6 for one in (NSW, QLD)]
            elif kind == "repeated after":
                values = [one[at] for one in (NSW, QLD)]
            else:  # repeated before the half hour's end
                values = [one[at if five == 0 else after] for one in (NSW, QLD)]
            rows.append((end, *values, 7.0 if (at, five) == (1, 0) else None))
    frame = pd.DataFrame(rows, columns=["settlementdate", "NSW1", "QLD1", "TAS1"]).assign(**more)
    return pa.Table.from_pandas(frame, preserve_index=False)


def by_key(rows: pa.Table) -> dict[tuple[datetime, str], float]:
    return {(row["settlementdate"].to_pydatetime(), row["regionid"]): row["power"] for row in rows.to_pylist()}


@pytest.mark.parametrize("kind", ["line", "repeated after", "repeated before"])
def test_each_half_hour_and_region_gets_a_row_whichever_way_the_minutes_between_were_made(kind: str) -> None:
    found = unfolded(ROOFTOP30, wide(kind))
    wanted = {(TEN + at * HALF, name): values[at] for at in range(3) for name, values in (("NSW1", NSW), ("QLD1", QLD))}
    assert by_key(found.rows) == wanted | {(TEN + HALF, "TAS1"): 7.0}
    assert found.between == 2 * 15 and found.unlike == 0


def test_a_value_between_half_hours_that_nothing_explains_is_counted() -> None:
    rows = wide().to_pandas()
    rows.loc[rows["settlementdate"] == TEN + timedelta(minutes=10), "NSW1"] = (
        61.0  # the line has 80, a repetition 60 or 120
    )
    found = unfolded(ROOFTOP30, pa.Table.from_pandas(rows, preserve_index=False))
    assert found.unlike == 1 and by_key(found.rows)[TEN, "NSW1"] == 60.0


def test_an_index_of_times_and_names_in_any_case_are_read(tmp_path: Path) -> None:
    frame = (
        wide()
        .to_pandas()
        .rename(columns={"NSW1": "nsw1", "settlementdate": "SETTLEMENTDATE"})
        .set_index("SETTLEMENTDATE")
    )
    frame.index.name = None
    frame.to_parquet(tmp_path / "rooftop_solar.parquet")
    assert is_wide(ROOFTOP30, pq.read_schema(tmp_path / "rooftop_solar.parquet"))
    found = unfold(tmp_path / "rooftop_solar.parquet", tmp_path / "long.parquet", ROOFTOP30)
    assert (
        by_key(pq.read_table(tmp_path / "long.parquet")) == by_key(unfolded(ROOFTOP30, wide()).rows) and found.between
    )


def test_a_file_of_the_usual_layout_is_not_wide() -> None:
    assert not is_wide(ROOFTOP30, ROOFTOP30.schema) and not is_wide(SCADA5, wide().schema)
    assert not is_wide(PRICES5, PRICES5.schema) and is_wide(PRICES5, wide().schema)
