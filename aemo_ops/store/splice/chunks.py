"""Row groups to rows and back: the few groups of a file that an update decodes and encodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aemo_ops.errors import SchemaMismatch, StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.splice.footer import MAGIC, Footer, read_footer, read_footer_of
from aemo_ops.store.splice.rowgroup import Group, moved

_DAMAGE = (pa.ArrowException, OSError)


@dataclass(frozen=True)
class Reader:
    """The row groups of an open file, or of one in memory (`path` then says of which file's sake), as rows of a dataset.

    Groups are counted as in a footer that lists no empty ones; `filled` says where each stands among all.
    """

    path: Path
    parquet: pq.ParquetFile
    dataset: Dataset
    filled: Sequence[int]

    def rows(self, first: int, last: int) -> pa.Table:
        """The rows of groups first..last-1. Raises StoreCorrupt for what cannot be read or does not fit its checksums."""
        if first == last:
            return self.dataset.schema.empty_table()
        try:
            rows = self.parquet.read_row_groups(list(self.filled[first:last]), use_threads=False)
            return rows.cast(self.dataset.schema).replace_schema_metadata(None).combine_chunks()
        except _DAMAGE as error:
            raise StoreCorrupt(f"{self.path}: a part of it cannot be read ({error})") from error

    def sound_rows(self, footer: Footer, first: int, last: int) -> pa.Table:
        """As `rows`; raises SchemaMismatch too, unless they are sorted by key and as the footer's statistics say."""
        rows = self.rows(first, last)
        if first == last:
            return rows
        key = self.dataset.key
        try:
            check_order(rows, key)
            found = times(rows, self.dataset)
            told = [group.span(key[0]) for group in footer.groups[first:last]]
            if (told[0][0], told[-1][1]) != (found[0], found[-1]):
                raise SchemaMismatch(f"its statistics of {key[0]} are not those of its rows")
        except SchemaMismatch as error:
            raise SchemaMismatch(f"row groups {first} to {last - 1}: {error}") from None
        return rows


@contextmanager
def opened(path: Path, dataset: Dataset, content: memoryview | None = None) -> Iterator[Reader]:
    """The file for reading, or `content` instead, page checksums compared. Raises StoreCorrupt for what is no parquet file."""
    try:
        parquet = pq.ParquetFile(path if content is None else pa.BufferReader(content), page_checksum_verification=True)
    except _DAMAGE as error:
        raise StoreCorrupt(f"{path} cannot be opened as parquet ({error})") from error
    with parquet:
        groups = parquet.metadata
        filled = [place for place in range(groups.num_row_groups) if groups.row_group(place).num_rows]
        yield Reader(path, parquet, dataset, filled)


@dataclass(frozen=True)
class Encoded:
    """Row groups as a parquet file of their own, in memory."""

    content: memoryview
    footer: Footer

    def placed(self, at: int) -> tuple[tuple[Group, ...], list[memoryview | bytes]]:
        """The groups as they are when they stand at byte `at` of another file, and the parts to write there."""
        end = max(chunk.end for group in self.footer.groups for chunk in group.chunks)
        shift = at - len(MAGIC)
        parts: list[memoryview | bytes] = [self.content[len(MAGIC) : end]]
        position = shift + end
        groups = []
        for group in self.footer.groups:
            group, blobs = moved(group, [shift] * len(group.chunks), self._read, position)
            groups.append(group)
            parts.append(blobs)
            position += len(blobs)
        return tuple(groups), parts

    def _read(self, offset: int, length: int) -> bytes:
        return bytes(self.content[offset : offset + length])


def encoded(path: Path, tables: Sequence[pa.Table], like: Footer, dataset: Dataset) -> Encoded:
    """Each table as one row group of a file that has the footer `like`: snappy, statistics, page checksums; read back.

    Raises SchemaMismatch where a column of that file takes no nulls and there are some, or where pyarrow would not write
    the columns as the file has them; StoreCorrupt when the tables do not read back as they are.
    """
    required = {column.name for column in like.columns if column.required}
    schema = pa.schema([field.with_nullable(field.name not in required) for field in dataset.schema])
    sink = pa.BufferOutputStream()
    writer = pq.ParquetWriter(
        sink,
        schema,
        compression="snappy",
        write_page_checksum=True,
        store_schema=False,
        write_page_index=like.has_indexes,
    )
    with writer:
        for table in tables:
            empty = [name for name in required if table[name].null_count]
            if empty:
                raise SchemaMismatch(f"its column {empty[0]} takes no empty values, and the new rows have some")
            writer.write_table(table.cast(schema), row_group_size=table.num_rows)
    content = memoryview(sink.getvalue())
    result = Encoded(content, read_footer_of(content))
    if result.footer.columns != like.columns:
        raise SchemaMismatch(f"its columns are {like.columns}, which we would write as {result.footer.columns}")
    with opened(path, dataset, content) as reader:
        check_rows(reader, enumerate(tables))
    return result


def check_rows(reader: Reader, tables: Iterable[tuple[int, pa.Table]]) -> None:
    """Raises StoreCorrupt unless the row groups of these positions read as these tables."""
    for place, table in tables:
        if not identical(reader.rows(place, place + 1), table):
            raise StoreCorrupt(f"row group {place} does not read back as it was written")


def check_file(partial: Path, footer: Footer, tables: Iterable[tuple[int, pa.Table]], dataset: Dataset) -> None:
    """Raises StoreCorrupt unless a new file has this footer, and these rows in the row groups of these positions."""
    try:
        if read_footer(partial).encoded != footer.encoded:
            raise StoreCorrupt("the footer does not read back as it was written")
        with opened(partial, dataset) as reader:
            check_rows(reader, tables)
    except StoreCorrupt as error:
        raise StoreCorrupt(
            f"{partial}: {error}. That is the new file; the one under its final name is untouched. Check the disk."
        ) from error


def times(rows: pa.Table, dataset: Dataset) -> np.ndarray:
    """The first key column, in nanoseconds since 1970. Raises SchemaMismatch where it is empty."""
    column = rows[dataset.key[0]]
    if column.null_count:
        raise SchemaMismatch(f"{column.null_count} rows have no {dataset.key[0]}")
    return np.asarray(column.cast(pa.int64()))


def check_order(rows: pa.Table, key: Sequence[str]) -> None:
    """Raises SchemaMismatch unless the rows are sorted by key, each key once."""
    if rows.num_rows < 2:
        return
    before, after = rows.slice(0, rows.num_rows - 1), rows.slice(1)
    less = pc.less(before[key[-1]], after[key[-1]])
    equal = pc.equal(before[key[-1]], after[key[-1]])
    for name in reversed(key[:-1]):
        same = pc.equal(before[name], after[name])
        less = pc.or_(pc.less(before[name], after[name]), pc.and_(same, less))
        equal = pc.and_(same, equal)
    if pc.all(less).as_py():
        return
    twice = pc.sum(equal).as_py()
    if twice:
        where = {name: before.filter(equal)[name][0].as_py() for name in key}
        raise SchemaMismatch(f"{twice} keys stand twice, the first {where}")
    raise SchemaMismatch("its rows are not sorted by key")


def identical(a: pa.Table, b: pa.Table) -> bool:
    """Whether two tables hold the same values, bit by bit: a NaN is itself."""
    return a.schema.equals(b.schema) and all(_bits(a[name]).equals(_bits(b[name])) for name in a.schema.names)


def _bits(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.view(pa.int64()) if pa.types.is_float64(whole.type) else whole
