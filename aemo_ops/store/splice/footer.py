"""The footer of a parquet file (FileMetaData): a thin view of what the store needs, and the edits it makes.

Everything else in the footer is kept as it was found. Field numbers are those of
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from aemo_ops.errors import Encrypted, SchemaMismatch, StoreCorrupt
from aemo_ops.store.splice.rowgroup import Group, viewed
from aemo_ops.store.splice.thrift import I32, I64, STRUCT, Items, Struct, decode, encode

MAGIC = b"PAR1"
_ENCRYPTED_MAGIC = b"PARE"
_TAIL = 65_536  # one read gets most footers
_LARGEST = 64 << 20  # a thousand times the footer of ten years
_KNOWN_HEAD = 96
_KNOWN_AT_MOST = 8_192
_PHYSICAL = ("boolean", "int32", "int64", "int96", "float", "double", "binary", "fixed binary")
_UNITS = {1: "ms", 2: "us", 3: "ns"}
_CHECKSUM = b"\0footer-crc32"  # a zero byte first: read as a footer's start it would be an empty one


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file. `kind` in Arrow's words (`timestamp[ns]`, `string`, `double`); `required`: never null."""

    name: str
    kind: str
    required: bool


@dataclass(frozen=True)
class Footer:
    """`fields`: the whole footer but its row groups; `groups` in logical order; `encoded`: the bytes that end the file.

    Ours begin with a checksum of the footer, which readers ignore and `read_footer` compares.
    """

    fields: Struct
    groups: tuple[Group, ...]
    encoded: bytes

    @cached_property
    def rows(self) -> int:
        return sum(group.rows for group in self.groups)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return tuple(_column(element) for element in self.fields[2][1].values[1:])

    @property
    def has_indexes(self) -> bool:
        """Whether page indexes or bloom filters stand beside the data."""
        return any(chunk.indexes for group in self.groups for chunk in group.chunks)

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """The file's key-value metadata."""
        pairs = self.fields[5][1].values if 5 in self.fields else []
        told = [(pair[1][1], pair.get(2)) for pair in pairs]
        return {key: value[1] for key, value in told if value}

    def spans(self, column: str) -> list[tuple[int, int]]:
        """Each group's least and greatest value of an int64 column (nanoseconds since 1970 for our times).

        Raises SchemaMismatch where statistics are missing, rows have no value, or the groups do not follow one another.
        """
        spans: list[tuple[int, int]] = []
        for position, group in enumerate(self.groups):
            try:
                low, high = group.span(column)
            except SchemaMismatch as error:
                raise SchemaMismatch(f"row group {position}: {error}") from None
            if high < low or (spans and low < spans[-1][1]):
                raise SchemaMismatch(f"row group {position}: its {column} starts before the group before it ends")
            spans.append((low, high))
        return spans

    def bounds(self, column: str) -> tuple[datetime, datetime] | None:
        """Earliest and latest of a `timestamp[ns]` column, whatever the order of the groups; None in a file without rows.

        Raises SchemaMismatch where statistics are missing.
        """
        spans = [group.span(column) for group in self.groups if group.rows]
        if not spans:
            return None
        return _moment(min(low for low, _ in spans)), _moment(max(high for _, high in spans))

    def with_groups(self, groups: Iterable[Group]) -> Footer:
        """The footer of the same columns and metadata with these groups, in this order."""
        listed = tuple(groups)
        if any(group.ordinal is not None for group in listed):  # not every writer numbers them
            listed = tuple(group.numbered(ordinal) for ordinal, group in enumerate(listed))
        rows = sum(group.rows for group in listed)
        fields = {**self.fields, 3: (I64, rows)}
        if 5 in fields:
            kind, pairs = fields[5]
            fields[5] = (kind, Items(pairs.kind, [_recounted(pair, rows) for pair in pairs.values]))
        return Footer(fields, listed, _encoded(fields, listed))


def _moment(nanoseconds: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(microseconds=nanoseconds // 1000)


def read_footer(source: int | Path) -> Footer:
    """The footer of a file, open (descriptor) or by path. Raises StoreCorrupt, Encrypted."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return read_footer(file.fileno())
    size = os.fstat(source).st_size
    tail = os.pread(source, min(size, _TAIL), max(0, size - _TAIL))
    magic = tail[-4:]
    if magic == _ENCRYPTED_MAGIC:
        raise Encrypted("the file is encrypted")
    if size < 12 or magic != MAGIC or os.pread(source, 4, 0) != MAGIC:
        raise StoreCorrupt("the file does not begin and end as parquet does")
    length = int.from_bytes(tail[-8:-4], "little")
    if length > min(size - 12, _LARGEST):
        raise StoreCorrupt(f"a footer of {length} bytes in a file of {size}")
    wanted = min(size, length + 8 + len(_CHECKSUM) + 4)
    if wanted > len(tail):
        tail = os.pread(source, wanted, size - wanted)
    return _parse(tail[-wanted:], length, size)


def add_checksum(sink: BinaryIO) -> None:
    """Put our checksum before the footer of a parquet file that another writer has just ended in `sink`."""
    sink.flush()
    footer = read_footer(sink.fileno())
    sink.seek(-len(footer.encoded), os.SEEK_END)
    sink.truncate()
    sink.write(footer.with_groups(footer.groups).encoded)


def read_footer_of(data: memoryview) -> Footer:
    """The footer of a whole parquet file in memory, written by ourselves."""
    length = int.from_bytes(data[-8:-4], "little")
    return _parse(bytes(data[-8 - length :]), length, len(data))


def _parse(tail: bytes, length: int, size: int) -> Footer:
    blob = tail[-8 - length : -8]
    before = tail[: -8 - length]
    own = before.startswith(_CHECKSUM)
    if own and int.from_bytes(before[-4:], "little") != crc32(blob):
        raise StoreCorrupt("the footer does not fit its checksum")
    fields, end = decode(blob, 0, {4: _group})
    if end != length:
        raise StoreCorrupt(f"the footer ends after {end} bytes of {length}")
    try:
        if {8, 9} & fields.keys():
            raise Encrypted("some of its columns are encrypted")
        groups = tuple(fields[4][1].values)
        footer = Footer({**fields, 4: (fields[4][0], Items(STRUCT, []))}, groups, tail if own else tail[-8 - length :])
        _check(footer, fields[3][1], size - length - 8)
        _ = footer.columns, footer.metadata  # what is malformed there is found here
    except (KeyError, AttributeError, TypeError, ValueError, IndexError) as error:
        raise StoreCorrupt(f"the footer lacks what every parquet file has ({error!r})") from error
    return footer


def _check(footer: Footer, rows: int, end: int) -> None:
    if footer.rows != rows:
        raise StoreCorrupt(f"the footer counts {rows} rows, its row groups {footer.rows}")
    leaves = sum(1 in element for element in footer.fields[2][1].values)
    for position, group in enumerate(footer.groups):
        if len(group.chunks) != leaves:
            raise StoreCorrupt(f"row group {position} has {len(group.chunks)} columns, not {leaves}")
        if group.rows < 0:
            raise StoreCorrupt(f"row group {position} has {group.rows} rows")
        if group.rows == 0:  # pyarrow writes an empty group with offsets of 0
            continue
        if not all(chunk.plain for chunk in group.chunks):
            raise StoreCorrupt(f"row group {position}: its rows lie in another file")
        for chunk in group.chunks:
            ranges = ((chunk.start, chunk.length), *chunk.indexes)
            if any(start < 4 or length < 0 or start + length > end for start, length in ranges):
                raise StoreCorrupt(f"row group {position}: column {chunk.column} lies outside the file")


# Row groups seen before, by their first bytes: a footer differs from the one before it in a group or two.
_known: dict[bytes, Group] = {}


def _group(data: bytes, at: int) -> tuple[Group, int]:
    head = data[at : at + _KNOWN_HEAD]
    known = _known.get(head)
    if known is not None and data.startswith(known.encoded, at):
        return known, at + len(known.encoded)
    fields, end = decode(data, at)
    try:
        group = viewed(fields, data[at:end])
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise StoreCorrupt(f"a row group lacks what every row group has ({error!r})") from error
    if len(_known) >= _KNOWN_AT_MOST:
        _known.clear()
    _known[head] = group
    return group, end


def _column(fields: Struct) -> Column:
    name = fields[4][1].decode()
    if fields.get(5, (I32, 0))[1] or 1 not in fields:
        return Column(name, "nested", False)
    repetition = fields.get(3, (I32, 1))[1]
    return Column(name, "repeated" if repetition == 2 else _kind(fields), repetition == 0)


def _kind(fields: Struct) -> str:
    physical = _PHYSICAL[fields[1][1]]
    converted = fields[6][1] if 6 in fields else None
    logical: Struct = fields[10][1] if 10 in fields else {}
    if physical == "binary" and (1 in logical or (not logical and converted == 0)):
        return "string"
    if physical == "int64" and 8 in logical:
        kind = logical[8][1]
        unit = next((_UNITS[number] for number in kind[2][1] if number in _UNITS), "?")
        return f"timestamp[{unit}, tz=UTC]" if kind[1][1] else f"timestamp[{unit}]"
    if physical == "int64" and converted in (9, 10):  # before logical types, a time stamp was one of UTC
        return f"timestamp[{_UNITS[converted - 8]}, tz=UTC]"
    if logical or converted is not None:
        return f"{physical} with a meaning of its own"
    return physical


def _recounted(pair: Struct, rows: int) -> Struct:
    """pandas' metadata says where its RangeIndex stops."""
    if pair[1][1] != b"pandas" or 2 not in pair:
        return pair
    try:
        told = json.loads(pair[2][1])
        ranges = [index for index in told["index_columns"] if isinstance(index, dict) and index["kind"] == "range"]
        for index in ranges:
            index["stop"] = index["start"] + rows * index["step"]
    except (ValueError, KeyError, TypeError):
        return pair
    return {**pair, 2: (pair[2][0], json.dumps(told).encode())} if ranges else pair


def _encoded(fields: Struct, groups: Sequence[Group]) -> bytes:
    blob = encode({**fields, 4: (fields[4][0], Items(STRUCT, [group.encoded for group in groups]))})
    return _CHECKSUM + crc32(blob).to_bytes(4, "little") + blob + len(blob).to_bytes(4, "little") + MAGIC
