"""A SQLite file of ours: opened so that a crash loses nothing that was committed and two processes may share it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aemo_ops.errors import FolderRefused, NoSpace, StoreCorrupt, StoreError, StoreLocked
from aemo_ops.files import explained

_BUSY_SECONDS = 20.0


class Database:
    """One connection, usable from every thread of this process, one at a time."""

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._turn = threading.RLock()
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.executescript(schema)
        except sqlite3.OperationalError as error:
            raise FolderRefused(
                f"{path} cannot be opened ({error}). Give this user the right to write in {path.parent}."
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreCorrupt(
                f"{path} is no database of AEMO Ops ({error}). Move it away: what it remembers is collected anew."
            ) from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: the statements inside are one transaction. Raises NoSpace, StoreLocked, StoreError."""
        with self._turn:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise self._explained(error) from error
                raise

    def _explained(self, error: sqlite3.Error) -> StoreError:
        kind = {"SQLITE_FULL": NoSpace, "SQLITE_BUSY": StoreLocked}.get(
            getattr(error, "sqlite_errorname", ""), StoreError
        )
        return kind(f"{self.path}: {error}; nothing was recorded, the next cycle tries again")

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        with self._turn:
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        with self._turn:
            self._connection.close()
