"""An independent reading of a C/I/D file with plain zipfile and csv, to compare ours with."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from pathlib import Path


def lines_of(path: Path) -> list[list[str]]:
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode()
    else:
        text = path.read_text()
    return list(csv.reader(io.StringIO(text)))


def rows_of(path: Path, table: str) -> list[dict[str, str]]:
    """The rows of "<REPORT>.<TABLE>", each column by its header's name."""
    report, name = table.split(".")
    heads: list[str] = []
    rows = []
    for line in lines_of(path):
        if line[0] == "I":
            heads = line
        elif line[0] == "D" and line[1:3] == [report, name]:
            rows.append(dict(zip(heads[4:], line[4:], strict=True)))
    return rows


def time(text: str) -> datetime:
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S")


def number(text: str) -> float | None:
    return float(text) if text else None
