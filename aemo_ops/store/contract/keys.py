"""Keys of rows as numbers: which rows have a whole key on the grid, and in which order they belong."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import TIME, Dataset
from aemo_ops.market.intervals import DAY, FIVE_MINUTES, length
from aemo_ops.store.contract.conversion import nanoseconds

FIVE_MINUTES_NS = length(FIVE_MINUTES)
DAY_NS = length(DAY)


def with_key(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """The rows whose key has no null."""
    if not any(rows[name].null_count for name in dataset.key):
        return rows
    return rows.filter(reduce(pc.and_, (pc.is_valid(rows[name]) for name in dataset.key)))


def stays(rows: pa.Table, dataset: Dataset, possible: tuple[int, int]) -> np.ndarray:
    """Which rows, none with a null key, a normal form takes: those that end an interval within `possible`, in ns."""
    times = nanoseconds(rows[dataset.time_column])
    fits: np.ndarray = (times % dataset.step == 0) & (times >= possible[0]) & (times <= possible[1])
    return fits


def days(rows: pa.Table, dataset: Dataset) -> np.ndarray:
    """The day, counted from 1970, of each row's first key column."""
    return nanoseconds(rows[dataset.key[0]]) // DAY_NS


def codes(rows: pa.Table, key: Sequence[str]) -> np.ndarray:
    """A number for each row that orders rows of this table as their keys do; equal numbers are equal keys. No nulls."""
    combined = np.zeros(rows.num_rows, dtype=np.int64)
    for name in key:
        ranks, distinct = _ranks(rows[name])
        combined = combined * distinct + ranks
    return combined


def _ranks(column: pa.ChunkedArray) -> tuple[np.ndarray, int]:
    if pa.types.is_dictionary(column.type):
        encoded = column.unify_dictionaries().combine_chunks()
    else:
        encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # without rows it stays chunked
        return np.zeros(0, dtype=np.int64), 1
    rank_of = pc.rank(encoded.dictionary, tiebreaker="dense").to_numpy().astype(np.int64)
    return rank_of[encoded.indices.to_numpy()], int(rank_of.max(initial=0)) + 1


def key_at(rows: pa.Table, key: Sequence[str], position: int) -> tuple[int | str, ...]:
    """One row's key; such keys compare as the rows are ordered. Times are nanoseconds."""
    return tuple(
        rows[name][position].value if rows[name].type == TIME else rows[name][position].as_py() for name in key
    )
