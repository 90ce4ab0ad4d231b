"""What AEMO does not have: gaps that every source was asked for in vain, with the reason; and which files were asked.

Kept in the ledger's database, per data folder. An absence of the id "" is one of whole intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aemo_ops.clock import stamp
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS absences (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, id TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    reason TEXT NOT NULL, asked TEXT NOT NULL, again TEXT,
    PRIMARY KEY (folder, dataset, id, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, level TEXT NOT NULL, family TEXT NOT NULL, file TEXT NOT NULL,
    published TEXT NOT NULL, size INTEGER, first TEXT NOT NULL, last TEXT NOT NULL, rows INTEGER NOT NULL,
    beyond INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, level, family, file, first)
) WITHOUT ROWID;
DROP TABLE IF EXISTS vain;  -- knew neither a file's size nor its time, so it cannot tell what was asked
"""


@dataclass(frozen=True)
class Absence:
    """The id has no row at AEMO in the intervals that end at first .. last. `again`: when a later source may have it."""

    dataset: str
    id: str
    first: datetime
    last: datetime
    reason: str
    asked: datetime
    again: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """One file was read for a dataset and left the intervals that end at first .. last wanting.

    `family`: the report, or MMSDM's table. `published` and `size` as listed: a file listed with others is another file.
    `rows` that each of the intervals had afterwards. `beyond`: the file ends before them, although its name includes them.
    `at`: NEM time.
    """

    dataset: str
    level: str
    family: str
    file: str
    published: datetime
    size: int | None
    first: datetime
    last: datetime
    rows: int
    beyond: bool
    at: datetime


class Absences:
    """The absences of one data folder, and the files that were asked for them."""

    def __init__(self, path: Path, folder: str) -> None:
        self._database = Database(path, _SCHEMA, durable=True)
        self._folder = folder

    def close(self) -> None:
        self._database.close()

    def known(self, dataset: str) -> list[Absence]:
        """Every absence of a dataset, by id and time."""
        rows = self._database.read(
            "SELECT dataset, id, first, last, reason, asked, again FROM absences"
            " WHERE folder = ? AND dataset = ? ORDER BY id, first",
            (self._folder, dataset),
        )
        return [_loaded(row) for row in rows]

    def replace(self, dataset: str, absences: Iterable[Absence]) -> None:
        """What is absent of a dataset, instead of what was known before."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM absences WHERE folder = ? AND dataset = ?", (self._folder, dataset))
            connection.executemany(
                "INSERT OR REPLACE INTO absences VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._folder, a.dataset, a.id, stamp(a.first), stamp(a.last), a.reason, stamp(a.asked),
                        stamp(a.again) if a.again else None,
                    )
                    for a in absences
                ],
            )  # fmt: skip

    def add_asked(self, asked: Sequence[Asked]) -> None:
        """Remember what files left wanting; what is known of them as they were published before is forgotten."""
        versions = {(a.dataset, a.level, a.family, a.file, stamp(a.published), a.size) for a in asked}
        with self._database.write() as connection:
            connection.executemany(
                "DELETE FROM asked WHERE folder = ? AND dataset = ? AND level = ? AND family = ? AND file = ?"
                " AND (published <> ? OR size IS NOT ?)",
                [(self._folder, *version) for version in versions],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._folder, a.dataset, a.level, a.family, a.file, stamp(a.published), a.size, stamp(a.first),
                        stamp(a.last), a.rows, a.beyond, stamp(a.at),
                    )
                    for a in asked
                ],
            )  # fmt: skip

    def asked(self, dataset: str, level: str, family: str) -> list[Asked]:
        """What files of a source left wanting of a dataset, by file and time."""
        rows = self._database.read(
            "SELECT dataset, level, family, file, published, size, first, last, rows, beyond, at FROM asked"
            " WHERE folder = ? AND dataset = ? AND level = ? AND family = ? ORDER BY file, first",
            (self._folder, dataset, level, family),
        )
        return [_loaded_asked(row) for row in rows]

    def forget_asked(self, level: str, before: datetime) -> None:
        """Forget the files of a source that hold intervals before a time: it lists them no longer."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM asked WHERE folder = ? AND level = ? AND last < ?", (self._folder, level, stamp(before))
            )


def _loaded_asked(row: Sequence[Any]) -> Asked:
    dataset, level, family, file, published, size, first, last, rows, beyond, at = row
    return Asked(
        dataset, level, family, file, _time(published), size, _time(first), _time(last), rows, bool(beyond), _time(at)
    )


def _loaded(row: Sequence[object]) -> Absence:
    dataset, name, first, last, reason, asked, again = row
    return Absence(
        str(dataset), str(name), _time(first), _time(last), str(reason), _time(asked), _time(again) if again else None
    )


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))
