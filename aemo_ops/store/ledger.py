"""The ledger: the fate of every NEMWEB file, per folder and dataset; and, as `Marks`, what is known of the rows.

A file is marked merged LAST, after its rows and all that derives from them are durable: a crash anywhere before costs a
repeat, never a loss. What is written here is on the medium before whatever follows, so the same holds for a power cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from aemo_ops.clock import stamp
from aemo_ops.store.marks import MARKS, Marks
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    folder TEXT NOT NULL, file TEXT NOT NULL, dataset TEXT NOT NULL, report TEXT NOT NULL, source TEXT NOT NULL,
    fate TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    interval TEXT NOT NULL, published TEXT NOT NULL, size INTEGER, at TEXT NOT NULL,
    rows INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (folder, file, dataset)
);
CREATE INDEX IF NOT EXISTS files_by_interval ON files (folder, report, interval);
CREATE INDEX IF NOT EXISTS files_by_time ON files (folder, at);
CREATE INDEX IF NOT EXISTS files_by_fate ON files (folder, report, fate);
"""


Publication = tuple[str, datetime, int | None]  # a file's name, when AEMO published it as listed, its listed size


class Fate(StrEnum):
    MERGED = "merged"
    REJECTED = "rejected"  # did not parse or did not merge; tried again
    QUARANTINED = "quarantined"  # rejected too often; not tried again by itself
    GONE = "gone"  # left Current before it could be read; Archive may have it


@dataclass(frozen=True)
class LedgerRow:
    """One file's fate for one dataset.

    `at`: NEM time of the entry; `published`: as listed; `size` in bytes; `rows` that the file holds for the dataset.
    """

    file: str
    dataset: str
    report: str
    fate: Fate
    interval: datetime
    published: datetime
    at: datetime
    source: str = "current"
    size: int | None = None
    reason: str = ""
    tries: int = 0
    rows: int = 0


_FIELDS = "file, dataset, report, fate, interval, published, at, source, size, reason, tries, rows"


class Ledger(Marks):
    """The ledger of one data folder, named by the folder's id (so that it survives a moved folder)."""

    def __init__(self, path: Path, folder: str) -> None:
        super().__init__(Database(path, _SCHEMA + MARKS, durable=True), folder)

    def close(self) -> None:
        self._database.close()

    def record(self, rows: Iterable[LedgerRow]) -> None:
        """Write the fates, replacing what was known of the same files, as one transaction."""
        with self._database.write() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO files (folder, {_FIELDS}) VALUES (?{', ?' * len(_FIELDS.split(','))})",
                [(self.folder, *_stored(row)) for row in rows],
            )

    def settled(self, report: str, since: datetime) -> dict[Publication, set[str]]:
        """What is settled (merged, quarantined, gone), and for which datasets; files from interval `since` on.

        A file that AEMO publishes again under its name, at another time or with another size, is another publication.
        """
        found: dict[Publication, set[str]] = {}
        for file, published, size, dataset in self._database.read(
            "SELECT file, published, size, dataset FROM files"
            " WHERE folder = ? AND report = ? AND interval >= ? AND fate <> ?",
            (self.folder, report, stamp(since), Fate.REJECTED),
        ):
            known = str(file), _time(published), None if size is None else _int(size)
            found.setdefault(known, set()).add(str(dataset))
        return found

    def tries(self, publication: Publication) -> int:
        """How often this publication of a file was rejected so far."""
        file, published, size = publication
        (row,) = self._database.read(
            "SELECT max(tries) FROM files WHERE folder = ? AND file = ? AND published = ? AND size IS ?",
            (self.folder, file, stamp(published), size),
        )
        return _int(row[0])

    def merged_files(self, report: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime, str]]:
        """(interval, published, file) of the report's merged files whose interval lies in [since, until]."""
        rows = self._database.read(
            "SELECT DISTINCT interval, published, file FROM files"
            " WHERE folder = ? AND report = ? AND interval BETWEEN ? AND ? AND fate = ?",
            (self.folder, report, stamp(since), stamp(until), Fate.MERGED),
        )
        return [(_time(interval), _time(published), str(file)) for interval, published, file in rows]

    def rows_since(self, dataset: str, mark: int) -> tuple[list[tuple[datetime, int]], int]:
        """(interval, rows) of the dataset's files of Current merged since a mark (0: ever); and the mark for the next time."""
        rows = self._database.read(
            # Entries are numbered as they are written; with an index SQLite would go through all of the folder's.
            "SELECT interval, rows, rowid FROM files NOT INDEXED"
            " WHERE rowid > ? AND folder = ? AND dataset = ? AND fate = ? AND source = 'current'",
            (mark, self.folder, dataset, Fate.MERGED),
        )
        told = [(_time(interval), _int(count)) for interval, count, _ in rows]
        return told, max((_int(row[2]) for row in rows), default=mark)

    def search(self, text: str = "", report: str = "", fate: str = "", limit: int = 200) -> list[LedgerRow]:
        """The newest entries whose file, dataset or reason contains `text`, of this report and fate where given."""
        clauses, values = ["folder = ?"], [self.folder]
        if text:
            clauses.append("instr(lower(file || ' ' || dataset || ' ' || reason), ?)")
            values.append(text.lower())
        for column, value in (("report", report), ("fate", fate)):
            if value:
                clauses.append(f"{column} = ?")
                values.append(value)
        rows = self._database.read(
            f"SELECT {_FIELDS} FROM files WHERE {' AND '.join(clauses)} ORDER BY at DESC, interval DESC LIMIT ?",
            (*values, limit),
        )
        return [_loaded(row) for row in rows]

    def count(self, report: str, fate: Fate) -> int:
        """How many files of the report have this fate."""
        (row,) = self._database.read(
            "SELECT count(DISTINCT file) FROM files WHERE folder = ? AND report = ? AND fate = ?",
            (self.folder, report, fate),
        )
        return _int(row[0])

    def release(self, report: str = "") -> int:
        """Forget quarantines (of one report, or all), so that the files are tried again; how many entries."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM files WHERE folder = ? AND fate = ? AND (? = '' OR report = ?)",
                (self.folder, Fate.QUARANTINED, report, report),
            ).rowcount

    def oldest_merged(self, dataset: str) -> datetime | None:
        """The oldest interval of a file that was merged with rows for the dataset."""
        (row,) = self._database.read(
            "SELECT min(interval) FROM files WHERE folder = ? AND dataset = ? AND fate = ? AND rows > 0",
            (self.folder, dataset, Fate.MERGED),
        )
        return _time(row[0]) if row[0] is not None else None


def _stored(row: LedgerRow) -> tuple[object, ...]:
    return (
        row.file, row.dataset, row.report, row.fate, stamp(row.interval), stamp(row.published), stamp(row.at),
        row.source, row.size, row.reason, row.tries, row.rows,
    )  # fmt: skip


def _loaded(row: Sequence[Any]) -> LedgerRow:
    file, dataset, report, fate, interval, published, at, *rest = row
    return LedgerRow(file, dataset, report, Fate(fate), _time(interval), _time(published), _time(at), *rest)


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def _int(value: object) -> int:
    return int(str(value)) if value is not None else 0
