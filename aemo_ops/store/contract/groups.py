"""Groups: rows in key order written as row groups that a splice can work with.

Sealed groups of up to about a million rows, then a small hot one that the next updates rewrite. No two groups share an
interval end, so a new row overlaps one group at most.
"""

from __future__ import annotations

from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.market.dataset import Dataset
from aemo_ops.store.contract.conversion import nanoseconds

SEALED = 1_048_576
HOT = 131_072


class Groups:
    """Writes to `sink`, which stays open: `add` rows in key order, whole intervals at a time, then `finish`, then `note`.

    `sealed` and `hot` are sizes in rows.
    """

    def __init__(self, sink: BinaryIO, dataset: Dataset, sealed: int = SEALED, hot: int = HOT) -> None:
        self._dataset = dataset
        self._sealed, self._hot = sealed, hot
        self._writer = pq.ParquetWriter(sink, dataset.schema, compression="snappy", write_page_checksum=True)
        self._pending: list[pa.Table] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, rows: pa.Table) -> None:
        self._pending.append(rows)
        self._rows += rows.num_rows
        while self._rows >= self._sealed + self._hot:
            self._write_first(self._sealed)

    def finish(self) -> None:
        """Write what is left: all but the newest rows as a sealed group, those as the hot one."""
        if self._rows > self._hot:
            self._write_first(self._rows - self._hot, later=True)
        if self._rows:
            self._write_first(self._rows)

    def note(self, entries: dict[bytes, str]) -> None:
        """Key-value metadata of the file's footer."""
        self._writer.add_key_value_metadata(entries)

    def _write_first(self, rows: int, later: bool = False) -> None:
        """Write about so many of the pending rows, cut where an interval ends: before that place, or `later`."""
        pending = pa.concat_tables(self._pending)  # copies nothing, and the rest keeps only its own piece alive
        at = _cut(nanoseconds(pending[self._dataset.key[0]]), rows, later)
        self._pending, self._rows = [pending.slice(at)], pending.num_rows - at
        self._writer.write_table(pending.slice(0, at).cast(self._dataset.schema), row_group_size=at)
        pa.default_memory_pool().release_unused()  # else the allocator keeps a second group's worth


def _cut(times: np.ndarray, at: int, later: bool) -> int:
    """The position nearest to `at` on the wished side at which another time begins, or that on the other side; never 0."""
    if at >= len(times):
        return len(times)
    before = int(np.searchsorted(times, times[at], side="left"))
    after = int(np.searchsorted(times, times[at], side="right"))
    if before == 0 or (later and before < at and after < len(times)):
        return after
    return before
