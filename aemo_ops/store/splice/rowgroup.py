"""One row group as a footer tells of it: what the store needs to know, and its move to another place.

Field numbers are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aemo_ops.errors import SchemaMismatch
from aemo_ops.store.splice.thrift import BINARY, I16, I32, I64, Struct, decode, encode


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group: bytes [start, start + length); statistics as plain bytes, None where there are none.

    `indexes`: (offset, length) of its page index and bloom filter blobs.
    """

    column: str
    start: int
    length: int
    low: bytes | None
    high: bytes | None
    nulls: int | None
    indexes: tuple[tuple[int, int], ...]
    plain: bool  # in this file, and not encrypted

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Group:
    """One row group: its bytes in the footer, and what they say."""

    encoded: bytes
    rows: int
    ordinal: int | None
    chunks: tuple[Chunk, ...]

    @property
    def live(self) -> int:
        """Bytes of the file that belong to it."""
        return sum(chunk.length + sum(length for _, length in chunk.indexes) for chunk in self.chunks)

    def span(self, column: str) -> tuple[int, int]:
        """Least and greatest value of an int64 column, from the statistics. Raises SchemaMismatch where there are none."""
        chunk = next((chunk for chunk in self.chunks if chunk.column == column), None)
        if chunk is None:
            raise SchemaMismatch(f"a row group of {self.rows} rows has no column {column}")
        if chunk.nulls:
            raise SchemaMismatch(f"{chunk.nulls} rows have no {column}")
        if chunk.low is None or chunk.high is None or len(chunk.low) != 8 or len(chunk.high) != 8:
            raise SchemaMismatch(f"a row group of {self.rows} rows has no statistics of {column}")
        low, high = (int.from_bytes(value, "little", signed=True) for value in (chunk.low, chunk.high))
        return low, high

    def numbered(self, ordinal: int) -> Group:
        """The same with its place among the groups written down."""
        if self.ordinal == ordinal:
            return self
        fields, _ = decode(self.encoded)
        fields[7] = (I16, ordinal)
        return replace(self, encoded=encode(fields), ordinal=ordinal)


def viewed(fields: Struct, encoded: bytes | None = None) -> Group:
    """The view of a row group's fields."""
    chunks = tuple(_chunk(chunk) for chunk in fields[1][1].values)
    ordinal = fields[7][1] if 7 in fields else None
    return Group(encoded or encode(fields), fields[3][1], ordinal, chunks)


def _chunk(fields: Struct) -> Chunk:
    if 3 not in fields:
        return Chunk("", 0, 0, None, None, None, (), plain=False)
    meta = fields[3][1]
    statistics: Struct = meta[12][1] if 12 in meta else {}
    low, high = (_text(statistics.get(n) or statistics.get(old)) for n, old in ((6, 2), (5, 1)))
    start = meta[9][1]
    if 11 in meta and 0 < meta[11][1] < start:
        start = meta[11][1]
    indexes = [(fields[n][1], fields[n + 1][1]) for n in (4, 6) if n in fields and n + 1 in fields]
    if 14 in meta and 15 in meta:
        indexes.append((meta[14][1], meta[15][1]))
    return Chunk(
        column=b".".join(meta[3][1].values).decode(),
        start=start,
        length=meta[7][1],
        low=low,
        high=high,
        nulls=statistics[3][1] if 3 in statistics else None,
        indexes=tuple(indexes),
        plain=not ({1, 8, 9} & fields.keys()),
    )


def _text(field: tuple[int, Any] | None) -> bytes | None:
    return field[1] if field and field[0] == BINARY else None


def moved(group: Group, shifts: Sequence[int], read: Callable[[int, int], bytes], at: int) -> tuple[Group, bytes]:
    """The group with its column chunks moved by `shifts` bytes, and the blobs of its page index and bloom filters.

    The blobs, taken from the old place by `read(offset, length)`, are to be written at byte `at`; the locations of pages in
    them are moved too. A bloom filter of unknown length stays behind.
    """
    fields, _ = decode(group.encoded)
    blobs = bytearray()

    def put(fields: Struct, offset: int, blob: bytes) -> None:
        fields[offset] = (I64, at + len(blobs))
        fields[offset + 1] = (I32, len(blob))
        blobs.extend(blob)

    for chunk, shift in zip(fields[1][1].values, shifts, strict=True):
        meta = chunk[3][1]
        _shift(chunk, (2,), shift)
        _shift(meta, (9, 10, 11), shift)
        if 4 in chunk and 5 in chunk:
            put(chunk, 4, _shifted_index(read(chunk[4][1], chunk[5][1]), shift))
        if 6 in chunk and 7 in chunk:
            put(chunk, 6, read(chunk[6][1], chunk[7][1]))
        if 14 in meta and 15 in meta:
            put(meta, 14, read(meta[14][1], meta[15][1]))
        elif 14 in meta:
            del meta[14]
    _shift(fields, (5,), shifts[0])
    return viewed(fields), bytes(blobs)


def _shift(fields: Struct, numbers: Iterable[int], by: int) -> None:
    for number in numbers:
        if number in fields and fields[number][1] > 0:  # some writers say 0 for "not here"
            fields[number] = (fields[number][0], fields[number][1] + by)


def _shifted_index(blob: bytes, by: int) -> bytes:
    fields, _ = decode(blob)
    for page in fields[1][1].values:
        _shift(page, (1,), by)
    return encode(fields)
