"""What AEMO does not have: gaps that every source was asked for in vain, with the reason; and when to ask again.

Kept in the ledger's database, per data folder. An absence of the id "" is one of whole intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aemo_ops.clock import stamp
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS absences (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, id TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
    reason TEXT NOT NULL, asked TEXT NOT NULL, again TEXT,
    PRIMARY KEY (folder, dataset, id, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vain (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, level TEXT NOT NULL, file TEXT NOT NULL,
    first TEXT NOT NULL, last TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, level, file, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fallbacks (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, interval)
) WITHOUT ROWID;
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


class Absences:
    """The absences of one data folder; and which half hours came from a fallback source."""

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

    def add_vain(self, dataset: str, level: str, file: str, spans: Iterable[tuple[datetime, datetime]]) -> None:
        """Remember, until the undertaking ends, that a file was merged and still left these intervals wanting.

        So one that was killed does not fetch the file again for them.
        """
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vain VALUES (?, ?, ?, ?, ?, ?)",
                [(self._folder, dataset, level, file, stamp(first), stamp(last)) for first, last in spans],
            )

    def vain(self, dataset: str, level: str) -> list[tuple[datetime, datetime, str]]:
        """(first, last, file) of what a level was asked for in vain by an undertaking that has not ended."""
        rows = self._database.read(
            "SELECT first, last, file FROM vain WHERE folder = ? AND dataset = ? AND level = ? ORDER BY first",
            (self._folder, dataset, level),
        )
        return [(_time(first), _time(last), str(file)) for first, last, file in rows]

    def forget_vain(self) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM vain WHERE folder = ?", (self._folder,))

    def fell_back(self, dataset: str, intervals: Iterable[datetime], source: str) -> None:
        """Remember that these half hours hold rows of a fallback source (rounded to two decimals)."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO fallbacks VALUES (?, ?, ?, ?)",
                [(self._folder, dataset, stamp(interval), source) for interval in intervals],
            )

    def fallbacks(self, dataset: str) -> dict[datetime, str]:
        """Half hour -> the fallback source that its rows, or some of them, came from."""
        rows = self._database.read(
            "SELECT interval, source FROM fallbacks WHERE folder = ? AND dataset = ? ORDER BY interval",
            (self._folder, dataset),
        )
        return {datetime.fromisoformat(str(interval)): str(source) for interval, source in rows}


def _loaded(row: Sequence[object]) -> Absence:
    dataset, name, first, last, reason, asked, again = row
    return Absence(
        str(dataset), str(name), _time(first), _time(last), str(reason), _time(asked), _time(again) if again else None
    )


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))
