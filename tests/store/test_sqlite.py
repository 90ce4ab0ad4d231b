"""SQLite files of ours, which threads, connections and processes share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aemo_ops.errors import StoreLocked
from aemo_ops.store.sqlite import Database

_SCHEMA = "CREATE TABLE IF NOT EXISTS words (word TEXT)"
# Another program, which knows nothing of ours, tries to write beside it.
_OTHER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=0)
try:
    other.execute("INSERT INTO words VALUES ('theirs')")
    other.commit()
except sqlite3.OperationalError as error:
    print(error)
other.close()
"""


def other(path: Path) -> str:
    return subprocess.run([sys.executable, "-c", _OTHER, str(path)], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_second_connection_of_a_process_does_not_take_the_first_one_s_locks(tmp_path: Path, mode: int) -> None:
    """Whatever a process closes of a locked file, by whichever descriptor, gives up all its locks on it: two then write at once."""
    path = tmp_path / "words.sqlite"
    first = Database(path, _SCHEMA)
    with first.write() as connection:
        connection.execute("INSERT INTO words VALUES ('ours')")
        for name in ("", "-wal", "-shm"):
            path.with_name(path.name + name).chmod(mode)  # as a version before left them, too
        second = Database(path, "")
        assert other(path) == "database is locked\n"
    assert other(path) == ""
    assert second.read("SELECT word FROM words") == [("ours",), ("theirs",)]
    # Nor did the other one's leaving take the log away from under ours.
    with first.write() as connection:
        connection.execute("INSERT INTO words VALUES ('last')")
    for one in (first, second):
        one.close()
    assert sorted(Database(path, "").read("SELECT word FROM words")) == [("last",), ("ours",), ("theirs",)]
    assert not {p.name: oct(p.stat().st_mode) for p in tmp_path.iterdir() if p.stat().st_mode & 0o077}


def test_two_of_a_process_do_not_write_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aemo_ops.store.sqlite._BUSY_SECONDS", 0.01)
    path = tmp_path / "words.sqlite"
    first, second = Database(path, _SCHEMA), Database(path, _SCHEMA)
    with first.write() as connection:
        connection.execute("INSERT INTO words VALUES ('ours')")
        with pytest.raises(StoreLocked, match="the next cycle tries again"), second.write():
            pass
