"""Files as others write them, made by hand; and what plain pandas would make of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.market.dataset import Dataset

START = datetime(2026, 4, 20)
NOW = datetime(2026, 4, 21, 12)


def good(dataset: Dataset, intervals: int = 24, start: datetime = START) -> pa.Table:
    """Rows that keep the contract: three ids at each interval, values that differ."""
    ids = (dataset.ids or ("AAA1", "BAT1", "WIND1"))[:3]
    times = [start + dataset.cadence * n for n in range(1, intervals + 1) for _ in ids]
    arrays = [pa.array(times, pa.timestamp("ns")), pa.array(list(ids) * intervals)]
    arrays += [pa.array(np.arange(len(times)) + 0.25 * n) for n, _ in enumerate(dataset.values)]
    return pa.table(arrays, schema=dataset.schema)


def write(path: Path, table: pa.Table, rows: int = 20, **options: object) -> Path:
    pq.write_table(table, path, row_group_size=rows, **options)
    return path


def row(dataset: Dataset, time: datetime | None, name: str | None, value: float | None) -> pa.Table:
    """One row with this value in every value column."""
    values = [value] * len(dataset.values)
    return pa.table([[time], [name], *([v] for v in values)], schema=dataset.schema)


def minutes(n: float) -> datetime:
    return START + timedelta(minutes=n)


def by_pandas(path: Path, dataset: Dataset) -> pd.DataFrame:
    """The normal form, worked out with pandas in memory: nothing of the program under test is used."""
    frame = pd.read_parquet(path)
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    frame.columns = [name.lower() for name in frame.columns]
    frame = frame.reindex(columns=dataset.schema.names)
    time, name = dataset.key
    frame[time] = pd.to_datetime(frame[time]).astype("datetime64[ns]")
    frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    for value in dataset.values:
        frame[value] = pd.to_numeric(frame[value]).astype("float64")
    frame[name] = frame[name].map(lambda one: one.strip() if isinstance(one, str) else one)
    frame = frame[frame[time].notna() & frame[name].notna() & (frame[name] != "")]
    frame = frame[frame[time].between(pd.Timestamp(1998, 1, 1), NOW + timedelta(days=1))]
    frame = frame[frame[time] == frame[time].dt.floor(dataset.cadence)]
    frame = frame.drop_duplicates([time, name], keep="last")
    return frame.sort_values([time, name]).reset_index(drop=True)


def assert_is(path: Path, expected: pd.DataFrame, dataset: Dataset) -> None:
    """The file has exactly these rows, in this order, in the dataset's own schema."""
    assert pq.read_schema(path).remove_metadata() == dataset.schema
    found = pd.read_parquet(path)
    for value in dataset.values:
        assert found[value].tolist() == expected[value].tolist() or np.array_equal(
            found[value].to_numpy(), expected[value].to_numpy(), equal_nan=True
        )
    for name in dataset.key:
        assert found[name].tolist() == expected[name].tolist()
