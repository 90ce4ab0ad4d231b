"""Large files of the site: Archive's bundles (a zip of report files) and MMSDM's monthly tables (one large CSV in a zip).

A bundle is read member by member. A monthly table is streamed, and only wanted columns and rows are handed out, so that
memory is bounded by what is kept of them and not by the quarter of a gigabyte that the CSV has.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from aemo_ops.errors import ReportRejected
from aemo_ops.market import mmsdm
from aemo_ops.market.dataset import TIME
from aemo_ops.market.intervals import DAY
from aemo_ops.market.values import Unfit
from aemo_ops.nemweb.columns import WORD, reading, typed
from aemo_ops.nemweb.report import BROKEN, PREFIX_FIELDS, Contents, fields_of, parse, read

LARGEST_PACKED = 2 * 2**30  # bytes of a bundle or monthly table as it comes; the largest seen has a tenth of it
_LARGEST_MEMBER = 64 * 2**20
_BLOCK = 2**20  # larger ones are no faster, and several of them are under way
_LONGEST_LINE = 2**16


def members(name: str, packed: bytes) -> Iterator[tuple[str, bytes | ReportRejected]]:
    """(name, bytes) of each report file in a bundle, by name, each name once; the reason where one cannot be unpacked.

    Raises ReportRejected for a bundle in which no member can be found.
    """
    with _opened(name, packed) as archive:
        found: dict[str, list[zipfile.ZipInfo]] = {}
        for entry in archive.infolist():
            if not entry.is_dir():
                found.setdefault(entry.filename.rsplit("/", 1)[-1], []).append(entry)
        if not found:
            raise ReportRejected(f"{name}: the bundle is empty")
        for inner in sorted(found):
            yield inner, _unpacked(name, archive, found[inner])


def _unpacked(name: str, archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]) -> bytes | ReportRejected:
    """The bytes of a member, of the last that is whole where it stands in the bundle more than once."""
    why = ReportRejected(f"{name}: nothing is in it")
    for entry in reversed(entries):
        if entry.file_size > _LARGEST_MEMBER:
            why = ReportRejected(f"{name}: its member {entry.filename!r} is larger than any report file")
            continue
        try:
            return archive.read(entry)
        except BROKEN as error:
            why = ReportRejected(f"{name}: its member {entry.filename!r} cannot be unpacked ({error})")
    return why


def read_member(
    inner: str, body: bytes | ReportRejected, wanted: Mapping[str, pa.Schema], interval: datetime | None = None
) -> Contents:
    """The wanted tables of a bundle's member: a zipped report file, or a bare CSV. Raises ReportRejected."""
    if isinstance(body, ReportRejected):
        raise body
    whole = parse if inner.lower().endswith(".csv") else read
    return whole(inner, body, wanted, interval)


def stream(
    name: str,
    packed: bytes,
    table: str,
    schema: pa.Schema,
    time: str,
    since: pa.Scalar,
    until: pa.Scalar,
    strays: list[str] | None = None,
) -> Iterator[pa.Table]:
    """The rows with since <= `time` <= until of a monthly table, AEMO's columns of `schema`, part by part; ids as dictionaries.

    `table` is "<REPORT>.<TABLE>". Rows of another month than the file's name tells (a month may run one day over) are left
    out; the first of them and their number go to `strays`. Raises ReportRejected, naming file and line, for a file that is
    not whole: that may be known only at its end, so the parts count when the last of them has been read.
    """
    with _opened(name, packed) as archive:
        csvs = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
        if len(csvs) != 1:
            raise ReportRejected(f"{name}: the zip should hold one CSV file, it holds {len(csvs)}")
        try:
            with archive.open(csvs[0]) as text:
                parts = _parts(name, text, table, schema)
                for part in _of_month(name, table, time, parts, strays if strays is not None else []):
                    yield part.filter(pc.and_(pc.greater_equal(part[time], since), pc.less_equal(part[time], until)))
        except BROKEN as error:
            raise ReportRejected(f"{name}: the zip is broken ({error})") from error


def _of_month(name: str, table: str, time: str, parts: Iterable[pa.Table], strays: list[str]) -> Iterator[pa.Table]:
    """The rows of the file's month, and of the day after it; all where its name tells no month."""
    told = mmsdm.table_of(name.replace("%23", "#"))
    if told is None:
        yield from parts
        return
    begin, end = (pa.scalar(at, TIME) for at in (told[1], mmsdm.following(told[1]) + DAY))
    line, count, first = 2, 0, ""
    for part in parts:
        inside = pc.and_(pc.greater(part[time], begin), pc.less_equal(part[time], end))
        if outside := part.num_rows - (pc.sum(inside).as_py() or 0):
            row = inside.index(False).as_py()
            first = (
                first
                or f"{name}, line {line + row + 1}: table {table}, column {time}: {part[time][row]} is of another month"
            )
            count += outside
        line += part.num_rows
        yield part.filter(inside)
    if count:
        strays.append(f"{first} than the file; {count:,} rows left out")


def _parts(name: str, text: IO[bytes], table: str, schema: pa.Schema) -> Iterator[pa.Table]:
    first, second = text.readline(), text.readline()
    if not first.startswith(b"C,"):
        raise ReportRejected(f"{name}, line 1: a report begins with a C line; this begins {first[:40]!r}")
    columns = fields_of(name, 2, second)
    if columns[:1] != ["I"] or ".".join(columns[1:3]) != table:
        raise ReportRejected(f"{name}, line 2: the header of {table} should stand here, not {second[:60]!r}")
    named = columns[PREFIX_FIELDS:]
    missing = [column for column in schema.names if column not in named]
    if missing:
        raise ReportRejected(f"{name}, line 2: table {table} has no column {', '.join(missing)}")
    repeated = [column for column in schema.names if named.count(column) > 1]
    if repeated:
        raise ReportRejected(f"{name}, line 2: table {table} names column {repeated[0]} more than once")
    # First a part without rows, so that a table without any has parts too.
    yield pa.schema([(field.name, _kept_type(field.type)) for field in schema]).empty_table()
    body = _Body(name, text)
    lines = 2
    for rows in _typed(name, table, _batches(name, table, body, columns, schema), schema):
        lines += rows.num_rows
        yield rows
    _check_footer(name, body.last, lines)


def _typed(name: str, table: str, batches: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The wanted columns, each value such as a row may have."""
    lines = 2
    for batch in batches:
        if not pc.all(pc.equal(batch["_0"].cast(pa.string()), "D")).as_py():
            raise ReportRejected(f"{name}: a second table begins within the rows of {table}")
        found = typed(batch, schema)
        if isinstance(found, Unfit):
            raise ReportRejected(f"{name}, line {lines + found.row + 1}: table {table}, {found}")
        lines += batch.num_rows
        yield found


def _batches(name: str, table: str, body: _Body, columns: list[str], schema: pa.Schema) -> Iterator[pa.Table]:
    """The D rows in blocks, as the CSV reader reads them."""
    if body.is_empty():
        return
    odd: list[pacsv.InvalidRow] = []

    def note(row: pacsv.InvalidRow) -> str:
        odd.append(row)
        return "error"

    names = [f"_{at}" if at < PREFIX_FIELDS else column for at, column in enumerate(columns)]
    lines = 2
    try:
        for batch in pacsv.open_csv(
            pa.PythonFile(body, "r"),
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(invalid_row_handler=note),
            convert_options=reading(schema, "_0"),
        ):
            lines += batch.num_rows
            yield pa.Table.from_batches([batch])
    except pa.ArrowInvalid as error:
        why = f"a row has {odd[0].actual_columns} fields: {odd[0].text[:60]!r}" if odd else error
        raise ReportRejected(f"{name}: table {table}, after line {lines}: {why}") from error


def _kept_type(kind: pa.DataType) -> pa.DataType:
    """Ids repeat by the thousand: kept as dictionaries they take a quarter of the memory."""
    return WORD if pa.types.is_string(kind) else kind


class _Body(io.RawIOBase):
    """The lines of a text but the last one, which is the footer: a block of the reader then never depends on it.

    `last` is that line, known when all others have been read.
    """

    def __init__(self, name: str, text: IO[bytes]) -> None:
        self._name = name
        self._text = text
        self._ready = b""
        self.last = b""

    def readable(self) -> bool:
        return True

    def is_empty(self) -> bool:
        """Whether there is no line but the last."""
        self._fill(_BLOCK)
        return not self._ready

    def read(self, size: int = _BLOCK) -> bytes:
        self._fill(size)
        part, self._ready = self._ready[:size], self._ready[size:]
        return part

    def _fill(self, size: int) -> None:
        while not self._ready and (more := self._text.read(max(size - len(self.last), 1))):
            held = self.last + more
            begins = held.rstrip(b"\r\n").rfind(b"\n") + 1
            self._ready, self.last = held[:begins], held[begins:]
            if len(self.last) > _LONGEST_LINE:
                raise ReportRejected(
                    f"{self._name}: a line is longer than {_LONGEST_LINE:,} bytes, which none of a table is"
                )


def _check_footer(name: str, last: bytes, lines: int) -> None:
    footer = re.fullmatch(rb'C,"?END OF REPORT"?,(\d+)\s*', last)
    if footer is None:
        raise ReportRejected(f'{name}: the last line is not C,"END OF REPORT",n; the file was cut short')
    if int(footer[1]) != lines + 1:
        raise ReportRejected(f"{name}: the footer counts {int(footer[1])} lines, the file has {lines + 1}")


def _opened(name: str, packed: bytes) -> zipfile.ZipFile:
    if packed[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        kind = "an HTML page" if packed[:200].lstrip()[:1] == b"<" else "no zip file"
        raise ReportRejected(f"{name}: NEMWEB sent {kind}, not the file (it begins {packed[:40]!r})")
    try:
        return zipfile.ZipFile(io.BytesIO(packed))
    except BROKEN as error:
        raise ReportRejected(f"{name}: the zip is broken ({error})") from error
