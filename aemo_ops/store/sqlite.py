"""A SQLite file of ours, which two processes may share: a crash of a program loses nothing that was committed.

A power cut tears none of them either, but takes the last commits of a file that is not `durable`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aemo_ops.errors import FolderRefused, NoSpace, StoreCorrupt, StoreError, StoreLocked
from aemo_ops.files import close_to_others, explained, make_private, make_private_folder

_BUSY_SECONDS = 20.0
_BESIDE = ("-wal", "-shm")
_ONE_AT_A_TIME = threading.Lock()  # a file that one thread makes is closed before another has locks on it to lose


class Database:
    """One connection, usable from every thread of this process, one at a time.

    `durable`: what was committed is on the medium, as rows that were merged are; it takes a flush for each commit.
    """

    def __init__(self, path: Path, schema: str, durable: bool = False) -> None:
        self.path = path
        self._turn = threading.RLock()
        with _ONE_AT_A_TIME:
            self._open(path, schema, durable)

    def _open(self, path: Path, schema: str, durable: bool) -> None:
        with explained(path):
            make_private_folder(path.parent)
            make_private(path)
            for end in _BESIDE:  # SQLite makes them as open to others as the file itself is
                with suppress(FileNotFoundError):
                    close_to_others(path.with_name(path.name + end))
        try:
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._connection.execute(f"PRAGMA fullfsync={int(durable)}")  # macOS: see files.flush
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
