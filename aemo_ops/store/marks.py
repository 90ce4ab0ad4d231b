"""Marks: what is known of the rows of a folder that the rows themselves do not tell.

Which values are provisional (the mean of fewer than six, an estimate in the place of a measurement), which measurements AEMO
published without a value, which half hours hold AEMO's rounded trading values, and from which interval on a file has ever
held rows. Part of the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from aemo_ops.clock import stamp
from aemo_ops.store.sqlite import Database

MARKS = """
CREATE TABLE IF NOT EXISTS partial (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, id TEXT NOT NULL, present INTEGER NOT NULL,
    PRIMARY KEY (folder, dataset, interval, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS provisional (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, interval, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blank (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, interval, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fallbacks (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, interval TEXT NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, interval)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, first TEXT NOT NULL,
    PRIMARY KEY (folder, dataset)
) WITHOUT ROWID;
"""
Key = tuple[datetime, str]


class Marks:
    """The marks of one data folder, named by the folder's id."""

    def __init__(self, database: Database, folder: str) -> None:
        self._database = database
        self.folder = folder

    def partial(self, dataset: str, since: datetime, until: datetime) -> set[Key]:
        """(interval, id) of the half hours in (since, until] known to be means of fewer than six."""
        return self._keys("partial", dataset, since, until)

    def mark_partial(self, dataset: str, keys: Iterable[tuple[datetime, str, int]]) -> None:
        """Remember (interval, id, intervals present) as partial."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO partial VALUES (?, ?, ?, ?, ?)",
                [(self.folder, dataset, stamp(interval), name, present) for interval, name, present in keys],
            )

    def mark_complete(self, dataset: str, keys: Collection[Key]) -> None:
        self._unmark("partial", dataset, keys)

    def provisional(self, dataset: str, since: datetime, until: datetime) -> set[Key]:
        """(interval, id) in (since, until] whose value is an estimate (SATELLITE): no measurement was merged for it."""
        return self._keys("provisional", dataset, since, until)

    def mark_provisional(self, dataset: str, keys: Collection[Key]) -> None:
        self._mark("provisional", dataset, keys)

    def unmark_provisional(self, dataset: str, keys: Collection[Key]) -> None:
        self._unmark("provisional", dataset, keys)

    def blank(self, dataset: str, since: datetime, until: datetime) -> set[Key]:
        """(interval, id) in (since, until] whose measurement was read, and has no value: an estimate stands for it."""
        return self._keys("blank", dataset, since, until)

    def mark_blank(self, dataset: str, keys: Collection[Key]) -> None:
        self._mark("blank", dataset, keys)

    def _keys(self, table: str, dataset: str, since: datetime, until: datetime) -> set[Key]:
        rows = self._database.read(
            f"SELECT interval, id FROM {table} WHERE folder = ? AND dataset = ? AND interval > ? AND interval <= ?",
            (self.folder, dataset, stamp(since), stamp(until)),
        )
        return {(datetime.fromisoformat(str(interval)), str(name)) for interval, name in rows}

    def _mark(self, table: str, dataset: str, keys: Collection[Key]) -> None:
        if not keys:
            return
        with self._database.write() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)",
                [(self.folder, dataset, stamp(interval), name) for interval, name in keys],
            )

    def _unmark(self, table: str, dataset: str, keys: Collection[Key]) -> None:
        if not keys:
            return
        with self._database.write() as connection:
            connection.executemany(
                f"DELETE FROM {table} WHERE folder = ? AND dataset = ? AND interval = ? AND id = ?",
                [(self.folder, dataset, stamp(interval), name) for interval, name in keys],
            )

    def fell_back(self, dataset: str, intervals: Iterable[datetime], source: str) -> None:
        """Remember that these half hours hold rows of a fallback source (rounded to two decimals)."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO fallbacks VALUES (?, ?, ?, ?)",
                [(self.folder, dataset, stamp(interval), source) for interval in intervals],
            )

    def forget_fallbacks(self, dataset: str, intervals: Iterable[datetime]) -> None:
        """All rows of these half hours are means of six by now."""
        with self._database.write() as connection:
            connection.executemany(
                "DELETE FROM fallbacks WHERE folder = ? AND dataset = ? AND interval = ?",
                [(self.folder, dataset, stamp(interval)) for interval in intervals],
            )

    def fallbacks(
        self, dataset: str, since: datetime = datetime.min, until: datetime = datetime.max
    ) -> dict[datetime, str]:
        """Half hour in (since, until] -> the fallback source that its rows, or some of them, came from."""
        rows = self._database.read(
            "SELECT interval, source FROM fallbacks WHERE folder = ? AND dataset = ? AND interval > ? AND interval <= ?"
            " ORDER BY interval",
            (self.folder, dataset, stamp(since), stamp(until)),
        )
        return {datetime.fromisoformat(str(interval)): str(source) for interval, source in rows}

    def began(self, dataset: str) -> datetime | None:
        """The end of the first interval of which the dataset's file ever held a row; None where that is not known."""
        rows = self._database.read("SELECT first FROM held WHERE folder = ? AND dataset = ?", (self.folder, dataset))
        return datetime.fromisoformat(str(rows[0][0])) if rows else None

    def mark_began(self, dataset: str, first: datetime) -> None:
        """Remember that the file holds rows from `first` on, unless it is known to have begun before."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO held VALUES (?, ?, ?)"
                " ON CONFLICT (folder, dataset) DO UPDATE SET first = excluded.first WHERE excluded.first < held.first",
                (self.folder, dataset, stamp(first)),
            )
