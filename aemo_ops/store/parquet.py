"""Store: one flat parquet file per dataset, read by others at any moment, merged by key, published whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import filelock
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops.clock import Clock
from aemo_ops.errors import RowsRefused, SchemaMismatch, StoreCorrupt, StoreLocked
from aemo_ops.files import PARTIAL, explained, failpoint, publish
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.market.values import first_unfit
from aemo_ops.store.merge import Merge, merge_rows
from aemo_ops.store.splice.compaction import Compacted, burden, compact
from aemo_ops.store.splice.fitness import check_columns, footer_of_file
from aemo_ops.store.splice.footer import add_checksum
from aemo_ops.store.splice.update import splice

LOCK_SECONDS = 30.0
ROW_GROUP = 131_072
_PART, _PART_ROWS = 1 << 18, 32_768  # bytes of a column and rows that `parts` holds at once


@dataclass(frozen=True)
class Extent:
    """What a file's footer tells: rows, first and latest interval end (None without rows), size in bytes."""

    rows: int
    first: datetime | None
    latest: datetime | None
    size: int


class Store:
    """The parquet files of one folder. `permit` is called before each merge and raises when we may not write (any more).

    `clock` tells which interval ends are still to come: no row is dated after tomorrow.
    """

    def __init__(
        self,
        folder: Path,
        permit: Callable[[], None] = lambda: None,
        lock_seconds: float = LOCK_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self.permit = permit
        self.clock = clock or Clock()
        self._lock_seconds = lock_seconds

    def path(self, dataset: Dataset) -> Path:
        return self.folder / dataset.file_name

    def extent(self, dataset: Dataset) -> Extent:
        """Rows and span from the footer, without reading data. An absent file has no rows. Raises StoreCorrupt, SchemaMismatch."""
        path = self.path(dataset)
        if not path.exists():
            return Extent(0, None, None, 0)
        footer = footer_of_file(path)
        check_columns(path, footer, dataset)
        try:
            bounds = footer.bounds(dataset.time_column)
        except SchemaMismatch:  # a file of somebody else's, without statistics: then the times themselves must tell
            times = self.read(dataset, columns=(dataset.time_column,))[0].cast(pa.timestamp("us"))
            bounds = tuple(pc.min_max(times).as_py().values())
        first, latest = bounds or (None, None)
        return Extent(footer.rows, first, latest, path.stat().st_size)

    def latest(self, dataset: Dataset) -> datetime | None:
        """The end of the newest interval in the file; None where there is no row."""
        return self.extent(dataset).latest

    def read(
        self,
        dataset: Dataset,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The rows with since < settlementdate <= until, sorted by key; only row groups that can hold some are read."""
        path = self.path(dataset)
        if not path.exists():
            return dataset.schema.empty_table().select(list(columns) if columns else dataset.schema.names)
        filters = []
        if since is not None:
            filters.append((dataset.time_column, ">", pa.scalar(since, pa.timestamp("ns"))))
        if until is not None:
            filters.append((dataset.time_column, "<=", pa.scalar(until, pa.timestamp("ns"))))
        check_columns(path, footer_of_file(path), dataset)
        try:
            rows = pq.read_table(
                path,
                columns=list(columns) if columns else None,
                filters=filters or None,
                page_checksum_verification=True,
            )
        except (pa.ArrowException, OSError) as error:
            raise StoreCorrupt(f"{path}: a part of it cannot be read ({error})") from error
        return rows.cast(pa.schema([dataset.schema.field(name) for name in rows.schema.names]))

    def parts(self, dataset: Dataset, since: datetime) -> Iterator[pa.RecordBatch]:
        """The rows after `since`, a part of the file at a time, so that any number of them passes through little memory.

        Raises StoreCorrupt, SchemaMismatch.
        """
        path = self.path(dataset)
        check_columns(path, footer_of_file(path), dataset)
        later = pc.field(dataset.time_column) > pa.scalar(since, pa.timestamp("ns"))
        try:
            with pq.ParquetFile(path, buffer_size=_PART, page_checksum_verification=True) as file:
                groups = [
                    n for n in range(file.num_row_groups) if _may_hold(file.metadata.row_group(n), dataset, since)
                ]
                for part in file.iter_batches(_PART_ROWS, row_groups=groups):
                    yield part.filter(later)
        except (pa.ArrowException, OSError) as error:
            raise StoreCorrupt(f"{path}: a part of it cannot be read ({error})") from error

    def merge(self, dataset: Dataset, rows: pa.Table, mode: Mode = Mode.UPSERT, columns: Sequence[str] = ()) -> Merge:
        """Merge rows that fit the dataset into its file; return when they are durable.

        This is the one door to the files, for rows from wherever they come: RowsRefused is raised for one that no file may
        hold (`market.values`). Readers see the file before or the file after. Raises SchemaMismatch for columns or a file that
        do not fit (nothing is written), StoreLocked after `lock_seconds`, NoSpace, FolderRefused, StoreCorrupt; the old
        file stays then.
        """
        started = Clock.monotonic()
        self._admit(dataset, rows)
        if rows.num_rows == 0:
            return Merge()
        with self._locked(dataset):
            if self.path(dataset).exists():
                return splice(self.path(dataset), rows, dataset, mode, columns, self.permit)
            merged, counts = merge_rows(dataset.schema.empty_table(), rows, dataset.key, mode, columns)
            failpoint("merge.before_publish")
            written = publish(self.path(dataset), lambda sink: _write(sink, merged))
        return replace(counts, seconds=Clock.monotonic() - started, written=written)

    def _admit(self, dataset: Dataset, rows: pa.Table) -> None:
        if rows.schema.remove_metadata() != dataset.schema:
            raise SchemaMismatch(
                f"rows for {dataset.name} have columns {rows.schema.names}, not {dataset.schema.names}"
            )
        unfit = first_unfit(dataset, rows, self.clock.now())
        if unfit:
            raise RowsRefused(
                f"{self.path(dataset)} takes no such row: {unfit}. None of the {rows.num_rows:,} rows that came together was "
                "written; the file is as it was."
            )

    def sweep(self) -> list[Path]:
        """Remove what a killed process of ours left half written; the caller holds the folder's lease."""
        leftovers = sorted(self.folder.glob(f".*{PARTIAL}"))
        for path in leftovers:
            with explained(path):
                path.unlink(missing_ok=True)
        return leftovers

    def burden(self, dataset: Dataset) -> float:
        """How much of the file is dead: 1 and more is worth a rewrite in a quiet cycle. Raises StoreCorrupt."""
        path = self.path(dataset)
        return burden(footer_of_file(path), path.stat().st_size) if path.exists() else 0.0

    def compact(self, dataset: Dataset) -> Compacted:
        """Write the file anew without its dead bytes: the one moment at which bytes move under readers, so in a quiet one."""
        with self._locked(dataset):
            return compact(self.path(dataset), dataset, permit=self.permit)

    @contextmanager
    def _locked(self, dataset: Dataset) -> Iterator[None]:
        path = self.path(dataset)
        self.permit()  # before, because taking a lock makes its folder; and after, because it may have taken long
        lock = filelock.FileLock(f"{path}.lock", timeout=self._lock_seconds)
        try:
            with explained(path):
                lock.acquire()
        except filelock.Timeout as error:
            raise StoreLocked(
                f"{path}: another program has held its lock for {self._lock_seconds:.0f} s; nothing was written. "
                "The next cycle tries again; if it stays so, find the program that holds the .lock file beside it."
            ) from error
        try:
            self.permit()
            yield
        finally:
            lock.release()


def _may_hold(group: pq.RowGroupMetaData, dataset: Dataset, since: datetime) -> bool:
    """Whether a row group can hold rows after `since`: one without statistics can."""
    columns = (group.column(n) for n in range(group.num_columns))
    known = next((one.statistics for one in columns if one.path_in_schema == dataset.time_column), None)
    return known is None or not known.has_min_max or known.max > since


def _write(sink: BinaryIO, table: pa.Table) -> None:
    pq.write_table(table, sink, compression="snappy", row_group_size=ROW_GROUP, write_page_checksum=True)
    add_checksum(sink)
