"""A NEMWEB file, zip or CSV, becomes the wanted C/I/D tables, whole; or is rejected, whole, with the reason.

The format: a `C` line first and last; the last says how many lines the file has. `I,<report>,<table>,<version>,
<COLUMNS...>` starts a table, `D,` lines follow it. Columns are found by NAME in the nearest `I` line; the version is
recorded, never required. A file of Current, or a member of a bundle, holds the interval of its name: the rows of another one
are that one's file's to tell, so they are left out here, and told. What stands in our files is then the same in whichever
order the two arrive.
"""

from __future__ import annotations

import csv
import io
import logging
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from aemo_ops.errors import AemoOpsError, ReportRejected
from aemo_ops.market.dataset import NUMBER, TIME, as_type
from aemo_ops.market.values import Unfit
from aemo_ops.nemweb.columns import TIME_FORMAT, reading, typed

log = logging.getLogger(__name__)
LARGEST_CSV = (
    64 * 1024 * 1024
)  # a Current file has well under 20 MB; beyond this it is a bomb or not ours to hold in memory
_HEADER = re.compile(rb"^I,.*$", re.MULTILINE)
# What unzipping raises of a damaged file.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
PREFIX_FIELDS = 4  # the record's kind, report, table and version stand before the columns


@dataclass(frozen=True)
class Contents:
    """What a file holds: `tables` by "<REPORT>.<TABLE>" with AEMO's column names; `created` by AEMO, NEM time.

    `lacking`: why a wanted table is not among them, though another one is. `strays`: of rows that were left out as they are
    of another interval, the first of each table and how many.
    """

    tables: Mapping[str, pa.Table]
    versions: Mapping[str, str]
    created: datetime
    lacking: Mapping[str, str] = field(default_factory=dict)
    strays: tuple[str, ...] = ()


@dataclass
class _Section:
    """The `D` lines that follow one `I` line, which begins at `start` of the text; `line` is its number in the file, from 1."""

    table: str
    version: str
    columns: list[str]
    body: bytes
    start: int
    line: int


@contextmanager
def rejecting(name: str) -> Iterator[None]:
    """An error that nobody thought of, met while a file is read, is the file's trouble: raises ReportRejected for it.

    What is the computer's own trouble (memory, disk) stays what it is.
    """
    try:
        yield
    except (AemoOpsError, MemoryError, OSError):
        raise
    except Exception as error:
        log.exception("%s could not be read", name)
        raise ReportRejected(f"{name}: an unexpected error met it ({error!r}); the log has the details") from error


def read(name: str, packed: bytes, wanted: Mapping[str, pa.Schema], interval: datetime | None = None) -> Contents:
    """The wanted tables of a zipped report file that holds one interval, or (None) any.

    `wanted`: table -> the AEMO columns to read with their types. A blank number is null. Raises ReportRejected, naming
    file, line, table, column and value, for anything that is not whole, and for a value that no row may have.
    """
    return parse(name, unzip(name, packed), wanted, interval)


def unzip(name: str, packed: bytes) -> bytes:
    """The bytes of the one CSV in a zip, held in memory and never written to a path that the zip names."""
    if not packed:
        raise ReportRejected(f"{name}: the file is empty (0 bytes)")
    if packed[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        begins = packed[:40].decode("latin-1").strip()
        kind = "an HTML page" if begins[:1] == "<" else "no zip file"
        raise ReportRejected(f"{name}: NEMWEB sent {kind}, not the report (it begins {begins!r})")
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or not members[0].filename.lower().endswith(".csv"):
                names = ", ".join(repr(member.filename) for member in members[:3]) or "nothing"
                raise ReportRejected(f"{name}: the zip should hold one CSV file; it holds {names}")
            with archive.open(members[0]) as member:
                text = member.read(LARGEST_CSV + 1)
    except BROKEN as error:
        raise ReportRejected(f"{name}: the zip is broken ({error})") from error
    if len(text) > LARGEST_CSV:
        raise ReportRejected(
            f"{name}: its CSV is larger than {LARGEST_CSV // 2**20} MB, which no report of this kind is"
        )
    return text


def parse(name: str, text: bytes, wanted: Mapping[str, pa.Schema], interval: datetime | None = None) -> Contents:
    """The wanted tables of a report's CSV text; see `read`."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    created = _check_ends(name, text)
    sections = _sections(name, text, wanted)
    tables: dict[str, pa.Table] = {}
    lacking: dict[str, str] = {}
    strays: list[str] = []
    for table, schema in wanted.items():
        own = [section for section in sections if section.table == table]
        rows = pa.concat_tables([schema.empty_table(), *(_table(name, text, section, schema) for section in own)])
        if rows.num_rows:
            tables[table] = _of_interval(name, text, own, rows, interval, strays)
        else:
            lacking[table] = f"{name}: table {table} has no rows" if own else f"{name}: has no table {table}"
    if not tables:
        raise ReportRejected("; ".join(lacking.values()))
    versions = {section.table: section.version for section in sections}
    return Contents(tables, versions, created, lacking, tuple(strays))


def _of_interval(
    name: str, text: bytes, sections: list[_Section], rows: pa.Table, interval: datetime | None, strays: list[str]
) -> pa.Table:
    """The rows of a table that are of the file's own interval; of the others, the first and their number go to `strays`."""
    time = next((field.name for field in rows.schema if field.type == TIME), None)
    if interval is None or time is None:
        return rows
    is_own = pc.equal(rows[time], pa.scalar(interval, TIME))
    first = is_own.index(False).as_py()
    if first < 0:
        return rows
    unfit = Unfit(first, time, str(rows[time][first]), f"is of another interval than the file, which holds {interval}")
    count = pc.sum(pc.invert(is_own)).as_py()
    told = _told(name, text, sections, unfit)
    if count == rows.num_rows:
        raise ReportRejected(f"{told}; no row of the table is of that one")
    strays.append(f"{told}; {count} of {rows.num_rows} rows left out")
    return rows.filter(is_own)


def _check_ends(name: str, text: bytes) -> datetime:
    """Check the first and the last line; the file's creation time."""
    first = text[: text.find(b"\n")] if b"\n" in text else text
    if not first.startswith(b"C,"):
        begins = first[:40].decode("latin-1").strip()
        raise ReportRejected(f"{name}, line 1: a report begins with a C line; this begins {begins!r}")
    body = text.rstrip(b"\r\n")
    last = body[body.rfind(b"\n") + 1 :]
    lines = body.count(b"\n") + 1
    footer = re.fullmatch(rb'C,"?END OF REPORT"?,(\d+)\s*', last)
    if footer is None:
        raise ReportRejected(f'{name}, line {lines}: the last line is not C,"END OF REPORT",n; the file was cut short')
    if int(footer[1]) != lines:
        raise ReportRejected(f"{name}, line {lines}: the footer counts {int(footer[1])} lines, the file has {lines}")
    fields = first.decode("latin-1").split(",")
    try:
        return datetime.strptime(f"{fields[5]} {fields[6]}".strip(), TIME_FORMAT)
    except (ValueError, IndexError) as error:
        raise ReportRejected(f"{name}, line 1: no creation date and time in {first[:80]!r}") from error


def _sections(name: str, text: bytes, wanted: Mapping[str, pa.Schema]) -> list[_Section]:
    """The wanted tables' sections; every line between the two C lines must belong to some table's header."""
    headers = list(_HEADER.finditer(text))
    if not headers:
        raise ReportRejected(f"{name}: no I line, so no table, in the file")
    ends = [header.start() for header in headers[1:]] + [text.rstrip(b"\r\n").rfind(b"\n") + 1]
    prefixes = [b"D" + _first_fields(header[0])[1:] for header in headers]
    sections: dict[bytes, _Section] = {}
    strays: list[bytes] = []
    result = []
    for header, end, prefix in zip(headers, ends, prefixes, strict=True):
        own, others = _own_lines(prefix, text[header.end() + 1 : end])
        strays += others
        line = text.count(b"\n", 0, header.start()) + 1
        fields = fields_of(name, line, header[0])
        table = ".".join(field for field in fields[1:3] if field)
        if table in wanted:
            if len(fields) <= PREFIX_FIELDS:
                raise ReportRejected(f"{name}, line {line}: the header of table {table} names no columns")
            repeated = sorted({name for name in wanted[table].names if fields[PREFIX_FIELDS:].count(name) > 1})
            if repeated:
                raise ReportRejected(f"{name}, line {line}: table {table} names column {repeated[0]} more than once")
            section = _Section(table, fields[3], fields, own, header.start(), line)
            result.append(section)
            sections[prefix] = section
    for stray in strays:
        prefix = _first_fields(stray)
        if prefix not in prefixes:
            raise ReportRejected(f"{name}: the line {stray[:60].decode('latin-1')!r} belongs to no table's header")
        if prefix in sections:
            sections[prefix].body += stray
    return result


def fields_of(name: str, number: int, line: bytes) -> list[str]:
    """The fields of a line of a file; none of a blank one. Raises ReportRejected."""
    try:
        return next(csv.reader([line.decode("latin-1").strip()]), [])
    except csv.Error as error:
        raise ReportRejected(f"{name}, line {number}: {error}") from error


def _first_fields(line: bytes) -> bytes:
    """`D,<report>,<table>,<version>,` of a data line: what ties it to its header."""
    return b",".join([*line.split(b",", PREFIX_FIELDS)[:PREFIX_FIELDS], b""])


def _own_lines(prefix: bytes, body: bytes) -> tuple[bytes, list[bytes]]:
    """The lines with this prefix as one block, and the others."""
    if not body:
        return b"", []
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    if body.startswith(prefix) and body.count(b"\n" + prefix) == lines - 1:
        return body, []
    split = body.splitlines(keepends=True)
    own = b"".join(line for line in split if line.startswith(prefix))
    return own, [line for line in split if not line.startswith(prefix)]


def _table(name: str, text: bytes, section: _Section, schema: pa.Schema) -> pa.Table:
    missing = [column for column in schema.names if column not in section.columns[PREFIX_FIELDS:]]
    if missing:
        raise ReportRejected(
            f"{name}, line {section.line}: table {section.table} (version {section.version}) "
            f"has no column {', '.join(missing)}"
        )
    if not section.body.strip():
        return schema.empty_table()
    # The first four fields may repeat a column's name (a table called RRP?): number them out of the way.
    names = [f"_{at}" if at < PREFIX_FIELDS else column for at, column in enumerate(section.columns)]
    try:
        raw = pacsv.read_csv(
            pa.py_buffer(section.body),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=False),
            convert_options=reading(schema),
        )
    except pa.ArrowInvalid as error:
        raise ReportRejected(_explain(name, text, section, schema, error)) from error
    found = typed(raw, schema)
    if isinstance(found, Unfit):
        raise ReportRejected(_told(name, text, [section], found))
    return pa.table([as_type(field.type, found[field.name]) for field in schema], schema=schema)


def _told(name: str, text: bytes, sections: list[_Section], unfit: Unfit) -> str:
    """Where a value stands in a table's sections, what it is as AEMO wrote it, and why no row may have it."""
    row = unfit.row
    for section in sections:
        lines = [line for line in section.body.split(b"\n") if line]
        if row < len(lines):
            break
        row -= len(lines)
    fields = fields_of(name, section.line, lines[row])
    value = fields[section.columns.index(unfit.column, PREFIX_FIELDS)]
    return (
        f"{name}, line {_line(text, section, lines[row])}: table {section.table}, column {unfit.column}: "
        f"{repr(value[:40]) if value else 'a blank'} {unfit.reason}"
    )


def _line(text: bytes, section: _Section, line: bytes) -> int:
    """The number in the file of a section's line; of lines that are the same, of the first."""
    return text.count(b"\n", 0, text.find(b"\n" + line, section.start)) + 2


def _explain(name: str, text: bytes, section: _Section, schema: pa.Schema, error: Exception) -> str:
    """Find, slowly, the first line and column that broke the fast reader."""
    for line in section.body.splitlines():
        fields = fields_of(name, section.line, line)
        where = f"{name}, line {_line(text, section, line)}: table {section.table}"
        if len(fields) != len(section.columns):
            return f"{where} has {len(section.columns)} columns, this row {len(fields)} fields"
        for column, value in zip(section.columns[PREFIX_FIELDS:], fields[PREFIX_FIELDS:], strict=True):
            if column in schema.names and schema.field(column).type == NUMBER and not _is_number(value):
                return f"{where}, column {column}: {value[:40]!r} is not a number"
    return f"{name}: table {section.table}, from line {section.line}: {error}"


def _is_number(value: str) -> bool:
    try:
        return not value or bool(pa.scalar(value).cast(NUMBER).is_valid)
    except pa.ArrowInvalid:
        return False
