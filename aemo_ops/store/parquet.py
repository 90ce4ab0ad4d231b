"""Store: one flat parquet file per dataset, read by others at any moment, merged by key, published whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import filelock
import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops.clock import Clock
from aemo_ops.errors import SchemaMismatch, StoreCorrupt, StoreLocked
from aemo_ops.files import explained, failpoint, publish
from aemo_ops.market.dataset import Dataset, Mode
from aemo_ops.store.merge import Merge, merge_rows

LOCK_SECONDS = 30.0
ROW_GROUP = 131_072


@dataclass(frozen=True)
class Extent:
    """What a file's footer tells: rows, first and latest interval end (None without rows), size in bytes."""

    rows: int
    first: datetime | None
    latest: datetime | None
    size: int


class Store:
    """The parquet files of one folder. `guard` is called before each merge and raises when we may not write (any more)."""

    def __init__(
        self, folder: Path, guard: Callable[[], None] = lambda: None, lock_seconds: float = LOCK_SECONDS
    ) -> None:
        self.folder = folder
        self._guard = guard
        self._lock_seconds = lock_seconds

    def path(self, dataset: Dataset) -> Path:
        return self.folder / dataset.file_name

    def extent(self, dataset: Dataset) -> Extent:
        """Rows and span from the footer, without reading data. An absent file has no rows. Raises StoreCorrupt, SchemaMismatch."""
        path = self.path(dataset)
        if not path.exists():
            return Extent(0, None, None, 0)
        with _opened(path) as parquet:
            _check_schema(path, dataset, parquet.schema_arrow)
            firsts, lasts = [], []
            column = parquet.schema_arrow.names.index(dataset.time_column)
            for group in range(parquet.metadata.num_row_groups):
                statistics = parquet.metadata.row_group(group).column(column).statistics
                if statistics is None or not statistics.has_min_max:
                    times = parquet.read_row_group(group, columns=[dataset.time_column])[0]
                    firsts.append(pa.compute.min(times).as_py())
                    lasts.append(pa.compute.max(times).as_py())
                elif parquet.metadata.row_group(group).num_rows:
                    firsts.append(_naive(statistics.min))
                    lasts.append(_naive(statistics.max))
            return Extent(
                parquet.metadata.num_rows, min(firsts, default=None), max(lasts, default=None), path.stat().st_size
            )

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
        with _opened(path) as parquet:
            _check_schema(path, dataset, parquet.schema_arrow)
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

    def merge(self, dataset: Dataset, rows: pa.Table, mode: Mode = Mode.UPSERT, columns: Sequence[str] = ()) -> Merge:
        """Merge rows that fit the dataset into its file; return when they are durable.

        Readers see the file before or the file after. Raises SchemaMismatch for rows or a file that do not fit (nothing
        is written), StoreLocked after `lock_seconds`, NoSpace, FolderRefused, StoreCorrupt; the old file stays then.
        """
        started = Clock.monotonic()
        if rows.schema.remove_metadata() != dataset.schema:
            raise SchemaMismatch(
                f"rows for {dataset.name} have columns {rows.schema.names}, not {dataset.schema.names}"
            )
        if rows.num_rows == 0:
            return Merge()
        with self._locked(dataset):
            self._guard()
            merged, counts = merge_rows(self.read(dataset), rows, dataset.key, mode, columns)
            written = 0
            if counts.changed:
                failpoint("merge.before_publish")
                written = publish(self.path(dataset), lambda sink: _write(sink, merged))
        return replace(counts, seconds=Clock.monotonic() - started, written=written)

    @contextmanager
    def _locked(self, dataset: Dataset) -> Iterator[None]:
        path = self.path(dataset)
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
            yield
        finally:
            lock.release()


def _write(sink: object, table: pa.Table) -> None:
    pq.write_table(table, sink, compression="snappy", row_group_size=ROW_GROUP, write_page_checksum=True)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        raise StoreCorrupt(
            f"{path} cannot be read as parquet ({error}). It was not changed; restore it from a backup or move it away, "
            "then its rows are collected anew."
        ) from error


def _check_schema(path: Path, dataset: Dataset, schema: pa.Schema) -> None:
    found = {field.name: _plain(field.type) for field in schema}
    wanted = {field.name: field.type for field in dataset.schema}
    wrong = [f"no column {name}" for name in wanted if name not in found]
    wrong += [f"an extra column {name}" for name in found if name not in wanted]
    wrong += [
        f"{name} is {found[name]}, not {kind}" for name, kind in wanted.items() if name in found and found[name] != kind
    ]
    if not wrong and list(found) != list(wanted):
        wrong = [f"its columns stand in another order ({', '.join(found)})"]
    if wrong:
        raise SchemaMismatch(
            f"{path} is not a {dataset.name} file: {'; '.join(wrong)}. It was not changed; "
            f"`aemo-ops check {path.name}` lists everything that is wrong with it."
        )


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type as parquet stores it: Arrow's large and view strings, as pandas 3 and polars name theirs, are strings."""
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _naive(value: datetime) -> datetime:
    """A statistic as a plain datetime: pandas' Timestamp comes back for nanoseconds."""
    return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
