"""State shared by every process of one home: wishes, commands, events, cycles, what each file last showed.

The process that holds the lease writes what happened; pages and commands of any process read it, and leave commands that
the holder carries out. A power cut may take the last of it: nothing in a data file depends on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aemo_ops.clock import Clock, stamp
from aemo_ops.masking import masked
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS wishes (subject TEXT PRIMARY KEY, wanted INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS commands (
    number INTEGER PRIMARY KEY AUTOINCREMENT, utc TEXT NOT NULL, verb TEXT NOT NULL, subject TEXT NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0, answer TEXT
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, nem TEXT NOT NULL, utc TEXT NOT NULL,
    kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS advances (dataset TEXT NOT NULL, nem TEXT NOT NULL, latest TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS advances_by_time ON advances (dataset, nem);
CREATE TABLE IF NOT EXISTS costs (
    nem TEXT NOT NULL, seconds REAL NOT NULL, downloaded INTEGER NOT NULL, written INTEGER NOT NULL, memory INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS costs_by_time ON costs (nem);
CREATE TABLE IF NOT EXISTS facts (kind TEXT NOT NULL, subject TEXT NOT NULL, fact TEXT NOT NULL, PRIMARY KEY (kind, subject));
"""
_EVENTS_KEPT = 5000
_ADVANCES_KEPT_DAYS = 8


@dataclass(frozen=True)
class Command:
    """A wish of a page or of the command line: verb (start, stop, run_now, dry_run, ...) and what it is about."""

    number: int
    verb: str
    subject: str


class State:
    """`state.sqlite`. Times are NEM times unless a name says utc."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def close(self) -> None:
        self._database.close()

    # wishes -----------------------------------------------------------------------------------------------------------
    def wanted(self, subject: str) -> bool:
        """Whether the collector should run; it should until somebody stopped it."""
        rows = self._database.read("SELECT wanted FROM wishes WHERE subject = ?", (subject,))
        return bool(rows[0][0]) if rows else True

    def want(self, subject: str, wanted: bool) -> None:
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO wishes VALUES (?, ?)", (subject, int(wanted)))

    # commands ---------------------------------------------------------------------------------------------------------
    def command(self, verb: str, subject: str = "") -> int:
        """Leave a command for the process that holds the lease; its number."""
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT INTO commands (utc, verb, subject) VALUES (?, ?, ?)", (Clock.utc().isoformat(), verb, subject)
            )
            return int(cursor.lastrowid or 0)

    def take_commands(self) -> list[Command]:
        """The commands nobody took yet, oldest first; they are ours from now on."""
        if not self._database.read("SELECT 1 FROM commands WHERE taken = 0 LIMIT 1"):
            return []
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT number, verb, subject FROM commands WHERE taken = 0 ORDER BY number"
            ).fetchall()
            connection.execute("UPDATE commands SET taken = 1 WHERE taken = 0")
        return [Command(*row) for row in rows]

    def answer(self, number: int, text: str) -> None:
        with self._database.write() as connection:
            connection.execute("UPDATE commands SET answer = ? WHERE number = ?", (masked(text), number))

    def answered(self, number: int) -> str | None:
        """What came of a command; None while it is not carried out."""
        rows = self._database.read("SELECT answer FROM commands WHERE number = ?", (number,))
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    # events -----------------------------------------------------------------------------------------------------------
    def add_event(self, nem: datetime, kind: str, subject: str, text: str) -> None:
        with self._database.write() as connection:
            cursor = connection.execute(
                "INSERT INTO events (nem, utc, kind, subject, text) VALUES (?, ?, ?, ?, ?)",
                (stamp(nem), Clock.utc().isoformat(), kind, subject, masked(text)),
            )
            connection.execute("DELETE FROM events WHERE number <= ?", (int(cursor.lastrowid or 0) - _EVENTS_KEPT,))

    def events(self, limit: int) -> list[tuple[int, datetime, str, str, str]]:
        """(number, NEM time, kind, subject, text), newest first."""
        rows = self._database.read(
            "SELECT number, nem, kind, subject, text FROM events ORDER BY number DESC LIMIT ?", (limit,)
        )
        return [(int(str(r[0])), datetime.fromisoformat(str(r[1])), str(r[2]), str(r[3]), str(r[4])) for r in rows]

    # advances: when each file's newest interval moved, for the chart of ages ---------------------------------------------
    def add_advance(self, dataset: str, nem: datetime, latest: datetime) -> None:
        with self._database.write() as connection:
            connection.execute("INSERT INTO advances VALUES (?, ?, ?)", (dataset, stamp(nem), stamp(latest)))
            connection.execute(
                "DELETE FROM advances WHERE dataset = ? AND nem < date(?, ?)",
                (dataset, stamp(nem), f"-{_ADVANCES_KEPT_DAYS} days"),
            )

    def advances(self, dataset: str, since: datetime) -> list[tuple[datetime, datetime]]:
        """(noticed at, newest interval then), oldest first, with the last one before `since` too."""
        rows = self._database.read(
            "SELECT nem, latest FROM advances WHERE dataset = ? AND nem >= coalesce("
            "(SELECT max(nem) FROM advances WHERE dataset = ? AND nem < ?), '') ORDER BY nem, latest",
            (dataset, dataset, stamp(since)),
        )
        return [(datetime.fromisoformat(str(nem)), datetime.fromisoformat(str(latest))) for nem, latest in rows]

    # costs: what each cycle took, for the Performance page ---------------------------------------------------------------
    def add_cost(self, nem: datetime, seconds: float, downloaded: int, written: int, memory: int) -> None:
        """Real seconds; the others in bytes, `memory` of the collecting process at the end of the cycle."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO costs VALUES (?, ?, ?, ?, ?)", (stamp(nem), seconds, downloaded, written, memory)
            )
            connection.execute("DELETE FROM costs WHERE nem < date(?, ?)", (stamp(nem), f"-{_ADVANCES_KEPT_DAYS} days"))

    def costs(self, since: datetime) -> list[tuple[datetime, float, int, int, int]]:
        """(NEM time of a cycle, seconds, bytes downloaded, written, in memory), oldest first."""
        rows = self._database.read(
            "SELECT nem, seconds, downloaded, written, memory FROM costs WHERE nem >= ? ORDER BY nem", (stamp(since),)
        )
        return [
            (datetime.fromisoformat(str(nem)), float(str(seconds)), int(str(down)), int(str(out)), int(str(memory)))
            for nem, seconds, down, out, memory in rows
        ]

    # facts: the last known state of a collector, a file's last write, the last cycle, the folders collected into ----------
    def put(self, kind: str, subject: str, fact: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (kind, subject, json.dumps(fact, default=str))
            )

    def facts(self, kind: str) -> dict[str, dict[str, Any]]:
        """subject -> fact, of one kind."""
        rows = self._database.read("SELECT subject, fact FROM facts WHERE kind = ?", (kind,))
        return {str(subject): json.loads(str(fact)) for subject, fact in rows}

    def collected_into(self, folder: Path) -> bool:
        """Whether an engine of this home ever collected into the folder of this path."""
        return str(folder) in self.facts("folder")

    def replace(self, kind: str, facts: Mapping[str, Mapping[str, Any]]) -> None:
        """subject -> fact; what was known of other subjects of this kind is forgotten."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM facts WHERE kind = ?", (kind,))
            connection.executemany(
                "INSERT INTO facts VALUES (?, ?, ?)",
                [(kind, subject, json.dumps(fact, default=str)) for subject, fact in facts.items()],
            )

    def version(self) -> int:
        """Grows whenever another connection changes anything; cheap."""
        rows = self._database.read("PRAGMA data_version")
        return int(str(rows[0][0]))
