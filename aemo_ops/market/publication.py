"""Which row counts where AEMO published a key more than once: one rule for collecting, filling, replacing and judging.

Publications stand in the order of (time published, file name); the members of a bundle, which tells no times, in that of
their names, which AEMO numbers as it publishes; rows of one file as they stand in it. Of the rows of a key the last counts.
A dataset's first source goes before the next one whenever either was published: a measurement before an estimate.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from aemo_ops.market.dataset import Dataset


def last_of_each(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """One row of each key, the last; the rows stay in their order."""
    last = _last(rows, dataset)
    return rows if last.all() else rows.filter(pa.array(last))


def superseded(rows: pa.Table, dataset: Dataset) -> pa.Table:
    """The rows that a later one of their key takes the place of, in their order."""
    return rows.filter(pa.array(~_last(rows, dataset)))


def _last(rows: pa.Table, dataset: Dataset) -> np.ndarray:
    codes = np.zeros(rows.num_rows, np.int64)
    for name in dataset.key:
        encoded = rows[name].combine_chunks().dictionary_encode()
        codes = codes * (len(encoded.dictionary) + 1) + encoded.indices.fill_null(len(encoded.dictionary)).to_numpy()
    if (np.diff(codes) > 0).all():  # as AEMO writes its tables: much faster than sorting millions of rows
        return np.ones(rows.num_rows, dtype=bool)
    order = np.argsort(codes, kind="stable")
    is_last = np.empty(rows.num_rows, dtype=bool)
    is_last[order] = np.append(np.diff(codes[order]) > 0, True)
    return is_last
