"""Reading a parquet file as a sequence of stretches: pieces of about the same size, whatever its row groups look like."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.errors import StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.contract.conversion import is_text, padded
from aemo_ops.store.contract.layout import Layout, layout
from aemo_ops.store.splice.footer import read_footer

STRETCH = 131_072
_GROUPS_AT_ONCE = 32


@dataclass(frozen=True)
class Stretch:
    """Some consecutive rows of a file, as its dataset's. `number` counts from 0 and is the same at every reading.

    `first_row` is their position in the file; `unread` says how many values of each column were there, but could not be
    read as its type, and became null; `padded` how many ids had spaces around them.
    """

    number: int
    first_row: int
    rows: pa.Table
    unread: dict[str, int]
    padded: int = 0


class Stretches:
    """A file opened once, to be read as often as needed; what replaces it under its name meanwhile is not seen.

    Raises Encrypted; pyarrow's errors, OSError and StoreCorrupt where the file is broken. At most one stretch and one decoded
    page of each column are in memory.
    """

    def __init__(self, source: BinaryIO, path: Path, dataset: Dataset, size: int = STRETCH) -> None:
        self.path = path
        self._size = size
        # Our own reader of footers first: on some damaged ones pyarrow does not raise, but aborts the whole process.
        self.footer = read_footer(source.fileno())
        self.layout: Layout = layout(dataset, pq.ParquetFile(source).schema_arrow)
        source.seek(0)
        self.parquet = pq.ParquetFile(
            source,
            read_dictionary=self.layout.texts,
            pre_buffer=False,
            buffer_size=1 << 16,
            page_checksum_verification=True,
        )
        sizes = [group.rows for group in self.footer.groups]
        # The row that each row group starts with, and the end.
        self.bounds: np.ndarray = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._runs = list(_runs(self.bounds, size))
        numbers = np.cumsum([0, *(self._stretches_of(run) for run in self._runs)])
        self._numbers = [int(number) for number in numbers]

    @property
    def count(self) -> int:
        return self._numbers[-1]

    def read(self, wanted: Collection[int] | None = None) -> Iterator[Stretch]:
        """The stretches with these numbers (None: all), in the file's order."""
        for run, (number, end) in zip(self._runs, pairwise(self._numbers), strict=True):
            if wanted is None or any(one in wanted for one in range(number, end)):
                yield from self._read_run(run, number, int(self.bounds[run.start]), wanted)

    def _stretches_of(self, run: range) -> int:
        return -(-int(self.bounds[run.stop] - self.bounds[run.start]) // self._size)

    def _read_run(self, run: range, number: int, first_row: int, wanted: Collection[int] | None) -> Iterator[Stretch]:
        for table in self._tables(run):
            if wanted is None or number in wanted:
                rows = self.layout.rows(table)
                yield Stretch(number, first_row, rows, self._unread(table, rows), self._padded(table))
            number, first_row = number + 1, first_row + table.num_rows

    def _tables(self, run: range) -> Iterator[pa.Table]:
        """The rows of some row groups, a stretch at a time: pyarrow's own batches end wherever a row group ends."""
        held: list[pa.RecordBatch] = []
        missing, left = self._size, int(self.bounds[run.stop] - self.bounds[run.start])
        for batch in self._batches(run):
            left -= batch.num_rows
            if left < 0:
                break
            while batch.num_rows >= missing:
                yield pa.Table.from_batches([*held, batch.slice(0, missing)])
                batch, held, missing = batch.slice(missing), [], self._size
            if batch.num_rows:
                held.append(batch)
                missing -= batch.num_rows
        if left:
            raise StoreCorrupt(f"row groups {run.start} to {run.stop - 1} do not hold the rows that the footer tells")
        if held:
            yield pa.Table.from_batches(held)

    def _batches(self, run: range) -> Iterator[pa.RecordBatch]:
        """pyarrow's batches; it takes a buffer for each column of each row group it is asked for, hence a few at a time."""
        columns = list(self.layout.sources.values())
        for start in range(run.start, run.stop, _GROUPS_AT_ONCE):
            groups = list(range(start, min(start + _GROUPS_AT_ONCE, run.stop)))
            yield from self.parquet.iter_batches(self._size, groups, columns)

    def _unread(self, table: pa.Table, rows: pa.Table) -> dict[str, int]:
        lost = {name: rows[name].null_count - table[source].null_count for name, source in self.layout.sources.items()}
        return {name: count for name, count in lost.items() if count}

    def _padded(self, table: pa.Table) -> int:
        schema, sources = self.layout.dataset.schema, self.layout.sources
        return sum(padded(table[source]) for name, source in sources.items() if is_text(schema.field(name).type))


def _runs(bounds: np.ndarray, size: int) -> Iterator[range]:
    """Consecutive row groups that together hold a stretch or more, so that tiny groups are read many at a time."""
    start = 0
    for group in range(1, len(bounds)):
        if bounds[group] - bounds[start] >= size or group == len(bounds) - 1:
            yield range(start, group)
            start = group
