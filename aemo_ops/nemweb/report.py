"""A NEMWEB file, zip or CSV, becomes the wanted C/I/D tables, whole; or is rejected, whole, with the reason.

The format: a `C` line first and last; the last says how many lines the file has. `I,<report>,<table>,<version>,
<COLUMNS...>` starts a table, `D,` lines follow it. Columns are found by NAME in the nearest `I` line; the version is
recorded, never required.
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
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.csv as pacsv

from aemo_ops.errors import AemoOpsError, ReportRejected

log = logging.getLogger(__name__)
LARGEST_CSV = (
    64 * 1024 * 1024
)  # a Current file has well under 20 MB; beyond this it is a bomb or not ours to hold in memory
TIME_FORMAT = "%Y/%m/%d %H:%M:%S"
_HEADER = re.compile(rb"^I,.*$", re.MULTILINE)
PREFIX_FIELDS = 4  # the record's kind, report, table and version stand before the columns


@dataclass(frozen=True)
class Contents:
    """What a file holds: `tables` by "<REPORT>.<TABLE>" with AEMO's column names; `created` by AEMO, NEM time."""

    tables: Mapping[str, pa.Table]
    versions: Mapping[str, str]
    created: datetime


@dataclass
class _Section:
    """The `D` lines that follow one `I` line; `line` is the number of the `I` line in the file, from 1."""

    table: str
    version: str
    columns: list[str]
    body: bytes
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


def read(name: str, packed: bytes, wanted: Mapping[str, pa.Schema]) -> Contents:
    """The wanted tables of a zipped report file.

    `wanted`: table -> the AEMO columns to read with their types. A blank number is null. Raises ReportRejected, naming
    file, line, table and column, for anything that is not whole.
    """
    return parse(name, unzip(name, packed), wanted)


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
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise ReportRejected(f"{name}: the zip is broken ({error})") from error
    if len(text) > LARGEST_CSV:
        raise ReportRejected(
            f"{name}: its CSV is larger than {LARGEST_CSV // 2**20} MB, which no report of this kind is"
        )
    return text


def parse(name: str, text: bytes, wanted: Mapping[str, pa.Schema]) -> Contents:
    """The wanted tables of a report's CSV text; see `read`."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    created = _check_ends(name, text)
    found: dict[str, list[pa.Table]] = {}
    versions: dict[str, str] = {}
    for section in _sections(name, text, wanted):
        versions[section.table] = section.version
        found.setdefault(section.table, []).append(_table(name, section, wanted[section.table]))
    tables = {}
    for table in wanted:
        if table not in found:
            raise ReportRejected(f"{name}: has no table {table}")
        tables[table] = pa.concat_tables(found[table])
        if tables[table].num_rows == 0:
            raise ReportRejected(f"{name}: table {table} has no rows")
    return Contents(tables, versions, created)


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
            section = _Section(table, fields[3], fields, own, line)
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


def _table(name: str, section: _Section, schema: pa.Schema) -> pa.Table:
    missing = [column for column in schema.names if column not in section.columns]
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
        return pacsv.read_csv(
            pa.py_buffer(section.body),
            read_options=pacsv.ReadOptions(column_names=names, use_threads=False),
            convert_options=pacsv.ConvertOptions(
                include_columns=schema.names,
                column_types=schema,
                timestamp_parsers=[TIME_FORMAT],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        raise ReportRejected(_explain(name, section, schema, error)) from error


def _explain(name: str, section: _Section, schema: pa.Schema, error: Exception) -> str:
    """Find, slowly, the first line and column that broke the fast reader."""
    where = f"{name}: table {section.table}"
    for at, line in enumerate(section.body.splitlines(), start=section.line + 1):
        fields = fields_of(name, at, line)
        if len(fields) != len(section.columns):
            return (
                f"{name}, line {at}: table {section.table} has {len(section.columns)} columns, "
                f"this row {len(fields)} fields"
            )
        for column, value in zip(section.columns[PREFIX_FIELDS:], fields[PREFIX_FIELDS:], strict=True):
            if column in schema.names and value and not _fits(value, schema.field(column).type):
                kind = "a time" if pa.types.is_timestamp(schema.field(column).type) else "a number"
                return f"{name}, line {at}: table {section.table}, column {column}: {value[:40]!r} is not {kind}"
    return f"{where}, from line {section.line}: {error}"


def _fits(value: str, kind: pa.DataType) -> bool:
    try:
        if pa.types.is_timestamp(kind):
            datetime.strptime(value, TIME_FORMAT)
        elif pa.types.is_floating(kind):
            float(value)
    except ValueError:
        return False
    return True
