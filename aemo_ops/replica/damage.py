"""How a whole file is spoilt: cut, emptied, with a wrong count in its last line, or without a wanted column."""

from __future__ import annotations

import csv
import io
import re
import zipfile

from aemo_ops.replica.faults import Kind
from aemo_ops.replica.reports import LINE_END, zipped

# A column of each table that some dataset wants
_WANTED = ("RRP", "SCADAVALUE", "METEREDMWFLOW", "POWER", "UIGF")
_COUNT = re.compile(rb'(C,"END OF REPORT",)(\d+)')


def damaged(kind: Kind, body: bytes) -> bytes:
    """The zip `body` as a reader gets it under this fault."""
    if kind is Kind.TRUNCATED:
        return body[: len(body) * 3 // 5]
    if kind is Kind.EMPTY:
        return _empty()
    change = _miscounted if kind is Kind.FOOTER else _without_column
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        info = archive.infolist()[0]
        content = archive.read(info)
    year, month, day, hour, minute, second = info.date_time
    return zipped(info.filename, change(content), (year, month, day, hour, minute, second))


def _empty() -> bytes:
    sink = io.BytesIO()
    zipfile.ZipFile(sink, "w").close()
    return sink.getvalue()


def _miscounted(content: bytes) -> bytes:
    return _COUNT.sub(lambda match: match[1] + str(int(match[2]) + 7).encode(), content)


def _without_column(content: bytes) -> bytes:
    """The same report, valid in itself, lacking the first wanted column of each table."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator=LINE_END)
    gone: int | None = None
    for cells in csv.reader(io.StringIO(content.decode())):
        if cells[0] == "I":
            gone = next((cells.index(name) for name in _WANTED if name in cells), None)
        if cells[0] != "C" and gone is not None:
            del cells[gone]
        writer.writerow(cells)
    return sink.getvalue().encode()
