"""Large files of the site: Archive's bundles (a zip of report files) and MMSDM's monthly tables (one large CSV in a zip).

A bundle is read member by member. A monthly table is streamed, and only wanted columns and rows are handed out, so that
memory is bounded by what is kept of them and not by the quarter of a gigabyte that the CSV has.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from aemo_ops.errors import ReportRejected
from aemo_ops.nemweb.report import PREFIX_FIELDS, TIME_FORMAT, Contents, fields_of, parse, read

LARGEST_PACKED = 2 * 2**30  # bytes of a bundle or monthly table as it comes; the largest seen has a tenth of it
_LARGEST_MEMBER = 64 * 2**20
_BLOCK = 2**20  # larger ones are no faster, and several of them are under way
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


def members(name: str, packed: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each report file in a bundle, by name, each name once. Raises ReportRejected for a broken bundle."""
    with _opened(name, packed) as archive:
        found = {entry.filename.rsplit("/", 1)[-1]: entry for entry in archive.infolist() if not entry.is_dir()}
        if not found:
            raise ReportRejected(f"{name}: the bundle is empty")
        for inner in sorted(found):
            if found[inner].file_size > _LARGEST_MEMBER:
                raise ReportRejected(f"{name}: its member {inner!r} is larger than any report file")
            try:
                yield inner, archive.read(found[inner])
            except _BROKEN as error:
                raise ReportRejected(f"{name}: its member {inner!r} cannot be unpacked ({error})") from error


def read_member(inner: str, body: bytes, wanted: Mapping[str, pa.Schema]) -> Contents:
    """The wanted tables of a bundle's member: a zipped report file, or a bare CSV. Raises ReportRejected."""
    return parse(inner, body, wanted) if inner.lower().endswith(".csv") else read(inner, body, wanted)


def stream(
    name: str, packed: bytes, table: str, schema: pa.Schema, time: str, since: pa.Scalar, until: pa.Scalar
) -> Iterator[pa.Table]:
    """The rows with since <= `time` <= until of a monthly table, AEMO's columns of `schema`, part by part; ids as dictionaries.

    `table` is "<REPORT>.<TABLE>". Raises ReportRejected, naming file and line, for a file that is not whole: that may be
    known only at its end, so the parts count when the last of them has been read.
    """
    with _opened(name, packed) as archive:
        csvs = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
        if len(csvs) != 1:
            raise ReportRejected(f"{name}: the zip should hold one CSV file, it holds {len(csvs)}")
        try:
            with archive.open(csvs[0]) as text:
                yield from _parts(name, text, table, schema, time, since, until)
        except _BROKEN as error:
            raise ReportRejected(f"{name}: the zip is broken ({error})") from error


def _parts(
    name: str, text: IO[bytes], table: str, schema: pa.Schema, time: str, since: pa.Scalar, until: pa.Scalar
) -> Iterator[pa.Table]:
    first, second = text.readline(), text.readline()
    if not first.startswith(b"C,"):
        raise ReportRejected(f"{name}, line 1: a report begins with a C line; this begins {first[:40]!r}")
    columns = fields_of(name, 2, second)
    if columns[:1] != ["I"] or ".".join(columns[1:3]) != table:
        raise ReportRejected(f"{name}, line 2: the header of {table} should stand here, not {second[:60]!r}")
    missing = [column for column in schema.names if column not in columns]
    if missing:
        raise ReportRejected(f"{name}, line 2: table {table} has no column {', '.join(missing)}")
    # First a part without rows, so that a table without any has parts too.
    yield pa.schema([(field.name, _kept_type(field.type)) for field in schema]).empty_table()
    odd: list[pacsv.InvalidRow] = []
    lines = 2
    try:
        for batch in _batches(text, columns, schema, odd):
            lines += batch.num_rows
            if not pc.all(pc.equal(batch["_0"], "D")).as_py():
                raise ReportRejected(f"{name}: a second table begins within the rows of {table}")
            inside = pc.and_(pc.greater_equal(batch[time], since), pc.less_equal(batch[time], until))
            yield pa.Table.from_batches([batch.select(schema.names).filter(inside)])
    except pa.ArrowInvalid as error:
        raise ReportRejected(f"{name}: table {table}, after line {lines}: {error}") from error
    _check_footer(name, odd, lines)


def _batches(
    text: IO[bytes], columns: list[str], schema: pa.Schema, odd: list[pacsv.InvalidRow]
) -> Iterator[pa.RecordBatch]:
    """The D rows in blocks; rows with another number of fields go to `odd` (the footer is one)."""

    def note(row: pacsv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    names = [f"_{at}" if at < PREFIX_FIELDS else column for at, column in enumerate(columns)]
    types = {field.name: _kept_type(field.type) for field in schema}
    return iter(
        pacsv.open_csv(
            text,
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(invalid_row_handler=note),
            convert_options=pacsv.ConvertOptions(
                include_columns=["_0", *schema.names],
                column_types={"_0": pa.string(), **types},
                timestamp_parsers=[TIME_FORMAT],
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    )


def _kept_type(kind: pa.DataType) -> pa.DataType:
    """Ids repeat by the thousand: kept as dictionaries they take a quarter of the memory."""
    return pa.dictionary(pa.int32(), pa.string()) if pa.types.is_string(kind) else kind


def _check_footer(name: str, odd: list[pacsv.InvalidRow], lines: int) -> None:
    last = odd[-1].text if odd else ""
    footer = re.fullmatch(r'C,"?END OF REPORT"?,(\d+)\s*', last)
    if footer is None:
        raise ReportRejected(f'{name}: the last line is not C,"END OF REPORT",n; the file was cut short')
    if len(odd) > 1:
        raise ReportRejected(f"{name}: a row has {odd[0].actual_columns} fields: {odd[0].text[:60]!r}")
    if int(footer[1]) != lines + 1:
        raise ReportRejected(f"{name}: the footer counts {footer[1]} lines, the file has {lines + 1}")


def _opened(name: str, packed: bytes) -> zipfile.ZipFile:
    if packed[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
        kind = "an HTML page" if packed[:200].lstrip()[:1] == b"<" else "no zip file"
        raise ReportRejected(f"{name}: NEMWEB sent {kind}, not the file (it begins {packed[:40]!r})")
    try:
        return zipfile.ZipFile(io.BytesIO(packed))
    except _BROKEN as error:
        raise ReportRejected(f"{name}: the zip is broken ({error})") from error
