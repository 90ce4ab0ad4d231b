"""Rows of a file that somebody else writes, brought to a dataset's columns: read in part, one row a key, on the grid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from aemo_ops.errors import UnreadableNow
from aemo_ops.market.dataset import Dataset

Window = tuple[datetime, datetime]
_TIME = "settlementdate"


@dataclass(frozen=True)
class Rows:
    """`table` fits the dataset, sorted by key; `off_grid` rows and `doubled` ones (of a key's several the first stays) do not."""

    table: pa.Table
    off_grid: int
    doubled: int


def fitted(dataset: Dataset, rows: pa.Table) -> Rows:
    """Rows as the dataset has them. Column names may be upper-case, times of any unit; an absent column is null throughout."""
    known = {name.lower(): name for name in rows.column_names}
    arrays = [
        rows[known[field.name]].cast(field.type, safe=False)
        if field.name in known
        else pa.nulls(rows.num_rows, field.type)
        for field in dataset.schema
    ]
    table = pa.table(arrays, schema=dataset.schema)
    table = table.filter(pc.and_(*(pc.is_valid(table[name]) for name in dataset.key)))
    on_grid = table[dataset.key[0]].cast(pa.int64()).to_numpy() % dataset.step == 0
    table = table.filter(pa.array(on_grid))
    numbered = table.append_column("_at", pa.array(np.arange(table.num_rows)))
    firsts = numbered.group_by(list(dataset.key), use_threads=False).aggregate([("_at", "min")])["_at_min"]
    once = table.take(firsts).sort_by([(name, "ascending") for name in dataset.key])
    return Rows(once, int((~on_grid).sum()), table.num_rows - once.num_rows)


class Foreign:
    """A parquet file of any writer. Raises UnreadableNow where it is not whole: it may be being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.rows = pq.read_metadata(path).num_rows
            self._file = pads.dataset(path, format="parquet")
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        names = [name for name in self._file.schema.names if name.lower() == _TIME]
        if not names:
            raise UnreadableNow(f"{path} has no column {_TIME}; `aemo-ops check` says more")
        self._time: str = names[0]

    @property
    def schema(self) -> pa.Schema:
        return self._file.schema

    def span(self) -> Window | None:
        """The first and the last settlementdate, None without rows."""
        try:
            times = self._file.to_table(columns=[self._time])[0].cast(pa.timestamp("us"))
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error
        bounds = pc.min_max(times).as_py()
        return None if bounds["min"] is None else (bounds["min"], bounds["max"])

    def read(self, window: Window) -> pa.Table:
        """The rows that end in (since, until], with the file's own columns."""
        kind = self._file.schema.field(self._time).type
        since, until = (pa.scalar(at, kind) for at in window)
        time = pads.field(self._time)
        try:
            return self._file.to_table(filter=(time > since) & (time <= until))
        except (OSError, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> UnreadableNow:
        return UnreadableNow(
            f"{self.path} cannot be read now ({error}). If a program is writing it, try again when it has finished; "
            "if it stays so, `aemo-ops check` says more."
        )


def windows(begin: datetime, end: datetime, length: timedelta = timedelta(days=31)) -> list[Window]:
    """(begin, end] in parts, so that memory is bounded by a part and not by the history."""
    found = []
    while begin < end:
        found.append((begin, min(begin + length, end)))
        begin += length
    return found
