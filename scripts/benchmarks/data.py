"""The data that is measured on: made from a seed, the same on every machine.

A file is shaped as a long-lived one of ours: sorted by key, snappy, page checksums, sealed row groups of about a million
rows and a small hot one at the end. scada has 250 units, so 38 million half hours are 8.7 years and 500 rows are two
intervals. An update brings two intervals and revises the two before; its values tell which update wrote them, so that
a reader can judge every row of the tail by the number of rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops.market.dataset import Dataset

SEED = 20260420
END = datetime(2026, 4, 20)  # the newest interval of a fresh file
UNITS = 250
SEALED = 1_000_000
HOT = 20_000
STEP = 2  # intervals an update brings, and intervals it revises
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@cache
def units() -> tuple[str, ...]:
    """DUIDs as AEMO forms them: a stem of the station's name and a number."""
    rng = np.random.default_rng(SEED)
    found: set[str] = set()
    while len(found) < UNITS:
        stem = "".join(rng.choice(LETTERS, size=rng.integers(3, 7)))
        found.add(f"{stem}{rng.integers(1, 9)}")
    return tuple(sorted(found))


def ids(dataset: Dataset) -> tuple[str, ...]:
    return tuple(sorted(dataset.ids)) if dataset.ids else units()


def make(dataset: Dataset, path: Path, rows: int, hole: int = 0) -> int:
    """Write a file of about `rows` rows that lacks `hole` intervals in its middle; return its rows."""
    intervals = rows // len(ids(dataset))
    ages = np.arange(intervals + hole)[::-1]  # intervals before END, oldest first
    ages = np.delete(ages, np.s_[_middle(intervals) : _middle(intervals) + hole])
    with pq.ParquetWriter(path, dataset.schema, compression="snappy", write_page_checksum=True) as writer:
        for number, part in enumerate(_groups(ages, len(ids(dataset)))):
            writer.write_table(_plausible(dataset, part, number), row_group_size=2 * SEALED)
    return intervals * len(ids(dataset))


def fillings(dataset: Dataset, rows: int, hole: int) -> list[pa.Table]:
    """The rows that `make` left out, two intervals at a time."""
    intervals = rows // len(ids(dataset))
    ages = np.arange(intervals + hole)[::-1][_middle(intervals) : _middle(intervals) + hole]
    return [
        _plausible(dataset, ages[first : first + STEP], SEED + first) for first in range(0, len(ages) - STEP + 1, STEP)
    ]


def update(dataset: Dataset, number: int) -> pa.Table:
    """The `number`-th update (from 1): a revision of the two newest intervals, and two new ones."""
    ages = np.arange(2 * STEP)[::-1] - STEP * number
    size = STEP * len(ids(dataset))
    return _rows(dataset, ages, np.repeat([number + 0.5, number + 0.25], size))


def check(rows: pa.Table, base_rows: int, dataset: Dataset) -> str:
    """What is wrong with rows read at any moment of the updates, empty when nothing is: torn or unsorted.

    `rows` may begin anywhere before the first revised interval; `base_rows` are those before the first update.
    """
    step = STEP * len(ids(dataset))
    updates, left = divmod(rows.num_rows - base_rows, step)
    if left:
        return f"torn: {rows.num_rows} rows, half an update"
    time, key = rows[dataset.key[0]].cast(pa.timestamp("ns")), rows[dataset.key[1]].cast(pa.string())
    later = pc.greater(time[1:], time[:-1])
    follows = pc.and_(pc.equal(time[1:], time[:-1]), pc.greater(key[1:], key[:-1]))
    if not pc.all(pc.or_(later, follows)).as_py():
        return "unsorted: a row does not follow the one before it"
    if updates:
        wanted = np.repeat([*(n + 0.5 for n in range(1, updates + 1)), updates + 0.25], step)
        if not np.array_equal(rows[dataset.values[0]][-len(wanted) :].to_numpy(), wanted):
            return "torn: values of different updates"
    return ""


def fingerprint(rows: pa.Table, count: int, dataset: Dataset) -> int:
    """One number for the first `count` rows' values, whatever updates came after them."""
    values = rows[dataset.values[0]][: count - STEP * len(ids(dataset))].to_numpy()
    return int(np.ascontiguousarray(values).view(np.uint64).sum())


def _middle(intervals: int) -> int:
    """Where the hole is: inside a sealed row group, not between two."""
    return intervals * 5 // 8


def _groups(ages: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Row groups in time: sealed ones, then the hot one."""
    hot = max(1, min(HOT, len(ages) * width // 10) // width)
    sealed = max(1, SEALED // width)
    for first in range(0, len(ages) - hot, sealed):
        yield ages[first : min(first + sealed, len(ages) - hot)]
    yield ages[-hot:]


def _plausible(dataset: Dataset, ages: np.ndarray, number: int) -> pa.Table:
    """Output of units or regions: some off, some following the day, some steady; five decimals as AEMO writes them."""
    names = ids(dataset)
    rng = np.random.default_rng([SEED, number, len(names)])
    fixed = np.random.default_rng([SEED, len(names)])
    capacity = fixed.integers(20, 700, len(names)).astype(float)
    kind = fixed.choice(3, len(names), p=(0.35, 0.3, 0.35))  # off, sun, steady
    hours = -ages[:, None] * (dataset.cadence.total_seconds() / 3600) % 24
    sun = np.clip(np.sin((hours - 6) * np.pi / 12), 0, None)
    noise = rng.random((len(ages), len(names)), dtype=np.float32)
    shape = np.select([kind == 0, kind == 1], [0.0, sun * (0.7 + 0.3 * noise)], 0.6 + 0.2 * noise)
    return _rows(dataset, ages, np.round(shape * capacity, 5).ravel())


def _rows(dataset: Dataset, ages: np.ndarray, values: np.ndarray) -> pa.Table:
    names = ids(dataset)
    cadence = np.timedelta64(dataset.cadence)
    times = np.datetime64(END, "ns") - ages * cadence.astype("timedelta64[ns]")
    which = pa.array(np.tile(np.arange(len(names), dtype=np.int32), len(ages)))
    columns = [
        pa.array(np.repeat(times, len(names))),
        pa.DictionaryArray.from_arrays(which, pa.array(names)).cast(pa.string()),
        *(pa.array(values) for _ in dataset.values),
    ]
    return pa.table(columns, schema=dataset.schema)
