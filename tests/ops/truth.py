"""What the files should hold, worked out from the replica's own word and plain Python."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Shelf

Rows = dict[tuple[datetime, str], tuple[float | None, ...]]


def in_file(engine: Engine, dataset: Dataset, since: datetime | None = None, until: datetime | None = None) -> Rows:
    """The file's rows by key; fails on a key that stands twice."""
    rows = engine.store.read(dataset, since, until)
    times = rows[0].cast(pa.timestamp("us")).to_pylist()
    values = [rows[name].to_pylist() for name in dataset.values]
    found = dict(zip(zip(times, rows[1].to_pylist(), strict=True), zip(*values, strict=True), strict=True))
    assert len(found) == rows.num_rows
    assert list(found) == sorted(found)
    return found


def published(shelf: Shelf, dataset: str, since: datetime, until: datetime, at: datetime) -> Rows:
    """What every correct reader has after reading all that was published by `at`."""
    rows: list[Any] = shelf.expected(dataset, since, until, at=at)
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def means(rows: Rows) -> dict[tuple[datetime, str], tuple[tuple[float | None, ...], int]]:
    """Half hour -> mean of what is there of the six, and how many, in plain Python."""
    groups: dict[tuple[datetime, str], list[tuple[float | None, ...]]] = defaultdict(list)
    for (time, name), values in rows.items():
        groups[time + (datetime(2000, 1, 1) - time) % timedelta(minutes=30), name].append(values)
    return {
        key: (tuple(_mean(column) for column in zip(*several, strict=True)), len(several))
        for key, several in groups.items()
    }


def _mean(values: tuple[float | None, ...]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def close(a: Rows, b: Rows, tolerance: float) -> bool:
    """Whether both have the same keys and values within the tolerance."""
    return a.keys() == b.keys() and all(
        _close(x, y, tolerance) for key in a for x, y in zip(a[key], b[key], strict=True)
    )


def _close(a: float | None, b: float | None, tolerance: float) -> bool:
    return a is b if a is None or b is None else abs(a - b) <= tolerance
