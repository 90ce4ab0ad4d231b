"""A folder of real files as a site: NEMWEB's own tree, or a flat heap whose files are placed by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from aemo_ops.clock import to_nem
from aemo_ops.errors import SettingsError
from aemo_ops.market.report import REPORTS
from aemo_ops.replica.faults import Faults
from aemo_ops.replica.listing import Entry
from aemo_ops.replica.reports import zipped

_ROOTS = ("Reports", "Data_Archive")
_MONTH = re.compile(r"MMSDM_(\d{4})_\d{2}")
_MMSDM = "/Data_Archive/Wholesale_Electricity/MMSDM/{year}/{month}/MMSDM_Historical_Data_SQLLoader/DATA/"
_CSV = ".csv"


@dataclass(frozen=True)
class _Placed:
    """A file of the folder and its URL path (decoded: `#`, never `%23`)."""

    file: Path
    path: str
    published: datetime


class Folder:
    """Serves what is in `root` now, whatever the clock says; a bare CSV is zipped on the way out.

    A directory page shows a file's modification time, or `now` where that lies in the clock's future: files copied today
    are there for a clock that plays last year.

    In a folder without `Reports` or `Data_Archive` each file goes to the directory of the report whose names look like
    its own, or, when it lies in a folder `MMSDM_YYYY_MM`, to that month of MMSDM; other files are left out. On disk a
    `#` in a name may be written `%23`.
    """

    def __init__(self, root: Path, faults: Faults | None = None) -> None:
        if not root.is_dir():
            raise SettingsError(f"--serve: {root} is no folder")
        self.root = root
        self.faults = faults or Faults()
        self._zips: dict[tuple[Path, int, int], bytes] = {}

    def entries(self, directory: str, now: datetime) -> list[Entry] | None:
        """The lines of a directory page, directories first, then by name; None where there is no such directory."""
        found = [placed for placed in self._placed() if placed.path.startswith(directory)]
        if not found and directory != "/":
            return None
        newest_below: dict[str, datetime] = {}
        files = []
        for placed in found:
            name, slash, _ = placed.path.removeprefix(directory).partition("/")
            published = min(placed.published, now)
            if slash:
                newest_below[name] = max(published, newest_below.get(name, published))
            else:
                files.append(Entry(name, self._size(placed), published))
        directories = [Entry(name, None, modified) for name, modified in sorted(newest_below.items())]
        return directories + sorted(files, key=lambda entry: entry.name)

    def body(self, path: str, now: datetime) -> bytes | None:
        """The bytes of the file at a decoded URL path; None where it is not there."""
        placed = next((p for p in self._placed() if p.path == path), None)
        return None if placed is None else self._body(placed)

    def _placed(self) -> Iterator[_Placed]:
        is_tree = any((self.root / name).is_dir() for name in _ROOTS)
        for file in sorted(self.root.rglob("*")):
            if not file.is_file() or file.name.startswith("."):
                continue
            path = self._in_tree(file) if is_tree else _by_name(file)
            if path is not None:
                modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                yield _Placed(file, path, to_nem(modified).replace(microsecond=0))

    def _in_tree(self, file: Path) -> str | None:
        parts = file.relative_to(self.root).parts
        if parts[0] not in _ROOTS:
            return None
        return "/" + "/".join((*parts[:-1], _url_name(file)))

    def _size(self, placed: _Placed) -> int:
        is_csv = placed.file.suffix.lower() == _CSV
        return len(self._body(placed)) if is_csv else placed.file.stat().st_size

    def _body(self, placed: _Placed) -> bytes:
        if placed.file.suffix.lower() != _CSV:
            return placed.file.read_bytes()
        stat = placed.file.stat()
        key = (placed.file, stat.st_mtime_ns, stat.st_size)
        if key not in self._zips:
            t = placed.published
            date = (t.year, t.month, t.day, t.hour, t.minute, t.second)
            self._zips[key] = zipped(unquote(placed.file.name), placed.file.read_bytes(), date)
        return self._zips[key]


def _url_name(file: Path) -> str:
    """The name on the site: decoded, and .zip for a bare CSV."""
    name = unquote(file.name)
    return f"{name[: -len(_CSV)]}.zip" if name.lower().endswith(_CSV) else name


def _by_name(file: Path) -> str | None:
    name = _url_name(file)
    for report in REPORTS:
        if report.pattern.fullmatch(name):
            return report.directory + name
    month = _MONTH.fullmatch(file.parent.name)
    return None if month is None else _MMSDM.format(year=month[1], month=month[0]) + name
