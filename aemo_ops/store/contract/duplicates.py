"""Duplicates: of the rows that share a key the last in the file stays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aemo_ops.market.dataset import Dataset
from aemo_ops.store.contract import keys

EXAMPLES = 5

Key = tuple[tuple[str, object], ...]  # (column, value) of each key column


@dataclass
class Settled:
    """Rows left out for a later one of their key: with the same values, with others (null equals null).

    `conflicts`: the first keys, in the order of time, whose rows differ.
    """

    identical: int = 0
    differing: int = 0
    conflicts: list[Key] = field(default_factory=list)


def settle(rows: pa.Table, dataset: Dataset, settled: Settled) -> pa.Table:
    """`rows`, none with a null key, sorted by key and each key once; what is left out is added to `settled`."""
    codes = keys.codes(rows, dataset.key)
    if (np.diff(codes) > 0).all():
        return rows
    order = np.argsort(codes, kind="stable")
    is_last = np.diff(codes[order], append=-1) != 0
    kept, lost = order[is_last], order[~is_last]
    if len(lost):
        winner = kept[np.searchsorted(codes[kept], codes[lost])]
        differs = _differ(rows.take(lost), rows.take(winner), dataset)
        settled.differing += int(differs.sum())
        settled.identical += int((~differs).sum())
        for position in dict.fromkeys(winner[differs].tolist()):
            if len(settled.conflicts) == EXAMPLES:
                break
            settled.conflicts.append(tuple((name, rows[name][position].as_py()) for name in dataset.key))
    return rows.take(kept)


def _differ(some: pa.Table, others: pa.Table, dataset: Dataset) -> np.ndarray:
    """Which rows of two tables of equal length differ in a value."""
    differs = np.zeros(some.num_rows, dtype=bool)
    for name in dataset.values:
        a, b = some[name], others[name]
        same = pc.or_(pc.fill_null(pc.equal(a, b), False), pc.and_(pc.is_null(a), pc.is_null(b)))
        differs |= ~same.to_numpy()
    return differs
