"""Merging rows by key: who stays, who is replaced, and how many of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.errors import SchemaMismatch
from aemo_ops.market.dataset import Mode


@dataclass(frozen=True)
class Merge:
    """What a merge did, in rows. `seconds` real time, `written` bytes (0: nothing changed, nothing written)."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    seconds: float = 0.0
    written: int = 0

    def __add__(self, other: Merge) -> Merge:
        return Merge(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def changed(self) -> bool:
        return bool(self.inserted or self.updated)


def merge_rows(
    old: pa.Table, new: pa.Table, key: Sequence[str], mode: Mode = Mode.UPSERT, columns: Sequence[str] = ()
) -> tuple[pa.Table, Merge]:
    """`old` and `new` (same schema) as one table, sorted by `key`, each key once, as if row after row of `new` came.

    Modes: `upsert` the later row wins; `insert` the earlier one stays; `columns` the later row wins, but only in the
    named columns. A null equals a null and NaN equals NaN. Raises SchemaMismatch when `old` has a key twice.
    """
    both = pa.concat_tables([old, new]).combine_chunks()
    order = pc.sort_indices(both, sort_keys=[(name, "ascending") for name in key])  # stable: old before new, in order
    both = both.take(order)
    is_old = order.to_numpy() < old.num_rows
    starts = _starts(both, key)
    if len(starts) == 0:
        return old, Merge()
    groups = np.add.reduceat(is_old.astype(np.int64), starts)
    if (groups > 1).any():
        where = {name: both[name][int(starts[groups > 1][0])].as_py() for name in key}
        raise SchemaMismatch(f"{int((groups > 1).sum())} keys stand twice in the file, the first {where}")
    ends = np.append(starts[1:], both.num_rows) - 1
    winner = starts if mode is Mode.INSERT else ends
    merged = both.take(pa.array(winner))
    had_old = groups == 1
    if mode is Mode.COLUMNS:
        merged = _only_columns(both, merged, starts, had_old, key, columns)
    touched = had_old & (ends > starts)
    before = both.take(pa.array(starts[touched]))
    updated = _differing(before, merged.filter(pa.array(touched)))
    return merged, Merge(int((~had_old).sum()), updated, int(touched.sum()) - updated)


def _starts(table: pa.Table, key: Sequence[str]) -> np.ndarray:
    """Positions at which a new key begins, in a table sorted by key."""
    if table.num_rows == 0:
        return np.array([], dtype=np.int64)
    same = reduce(pc.and_, (pc.equal(table[name][1:], table[name][:-1]) for name in key))
    return np.flatnonzero(np.append([True], ~same.to_numpy()))


def _only_columns(
    both: pa.Table,
    merged: pa.Table,
    starts: np.ndarray,
    had_old: np.ndarray,
    key: Sequence[str],
    columns: Sequence[str],
) -> pa.Table:
    """`merged` with every column that is neither key nor named taken from the old row, null where there is none."""
    oldest = both.take(pa.array(starts))
    arrays = []
    for name in merged.schema.names:
        if name in key or name in columns:
            arrays.append(merged[name])
        else:
            nothing = pa.scalar(None, merged.schema.field(name).type)
            arrays.append(pc.if_else(pa.array(had_old), oldest[name], nothing))
    return pa.table(arrays, schema=merged.schema)


def _differing(before: pa.Table, after: pa.Table) -> int:
    """Rows that differ in any column."""
    differs = np.zeros(before.num_rows, dtype=bool)
    for name in before.schema.names:
        a, b = before[name], after[name]
        same = pc.fill_null(pc.equal(a, b), False)
        same = pc.or_(same, pc.and_(pc.is_null(a, nan_is_null=True), pc.is_null(b, nan_is_null=True)))
        if pa.types.is_floating(a.type):  # a null and a NaN are not the same thing
            same = pc.and_(same, pc.equal(pc.is_null(a), pc.is_null(b)))
        differs |= ~same.to_numpy()
    return int(differs.sum())
