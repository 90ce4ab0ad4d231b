"""Findings: values that are there and look wrong. Listed for a person to judge, never altered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aemo_ops.clock import stamp
from aemo_ops.store.sqlite import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS findings (
    folder TEXT NOT NULL, dataset TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    first TEXT NOT NULL, last TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (folder, dataset, kind, id, first)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Finding:
    """An id's values at the interval ends first .. last. `kind`: frozen, out of bounds, not the mean, new id; `detail`
    in words.
    """

    dataset: str
    kind: str
    id: str
    first: datetime
    last: datetime
    detail: str


class Findings:
    """The findings about one data folder, in the ledger's database."""

    def __init__(self, path: Path, folder: str) -> None:
        self._database = Database(path, _SCHEMA, durable=True)
        self._folder = folder

    def close(self) -> None:
        self._database.close()

    def replace(self, dataset: str, since: datetime, until: datetime, found: Iterable[Finding]) -> None:
        """What was found in a dataset's (since, until], instead of what was known of that span."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM findings WHERE folder = ? AND dataset = ? AND last > ? AND first <= ?",
                (self._folder, dataset, stamp(since), stamp(until)),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(self._folder, f.dataset, f.kind, f.id, stamp(f.first), stamp(f.last), f.detail) for f in found],
            )

    def all(self, dataset: str = "", limit: int = 5000) -> list[Finding]:
        """The findings, of one dataset where named, newest first."""
        rows = self._database.read(
            "SELECT dataset, kind, id, first, last, detail FROM findings"
            " WHERE folder = ? AND (? = '' OR dataset = ?) ORDER BY last DESC, id LIMIT ?",
            (self._folder, dataset, dataset, limit),
        )
        return [
            Finding(str(d), str(k), str(i), datetime.fromisoformat(str(a)), datetime.fromisoformat(str(b)), str(t))
            for d, k, i, a, b, t in rows
        ]
