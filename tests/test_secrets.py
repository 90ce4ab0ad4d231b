"""No secret goes out by any door, and what the app keeps of its own can be read by its user alone, whatever the umask."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aemo_ops.cli import main
from aemo_ops.errors import NemwebUnavailable, SettingsError
from aemo_ops.migrate import evidence
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.ops import logbook
from aemo_ops.ops.replacing import close_spool, new_spool
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import Lease
from aemo_ops.store.sqlite import Database
from aemo_ops.store.state import State
from tests.conftest import NOON

CANARY = "canary-61fa"
ADDRESS = f"http://someone:{CANARY}@nemweb.example.org/x?token={CANARY}"


@pytest.fixture
def ours() -> Iterator[logging.Logger]:
    """Our logger, without the handlers that a test gave it."""
    logger = logging.getLogger("aemo_ops")
    before, level = list(logger.handlers), logger.level
    yield logger
    for handler in [one for one in logger.handlers if one not in before]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(level)


def test_an_address_with_a_password_is_refused_and_told_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({"NEMWEB_URL": ADDRESS}, tmp_path)
    assert CANARY not in str(refused.value)
    assert "NEMWEB_URL" in str(refused.value)
    monkeypatch.setenv("AEMO_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEMWEB_URL", ADDRESS)
    assert main(["doctor"]) == 2
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err and "NEMWEB_URL" in said.err


def test_the_effective_settings_show_no_token_of_an_address() -> None:
    shown = dict(
        (name, value) for name, value, _ in Settings(nemweb_url=f"https://h.example.org?sig={CANARY}").effective()
    )
    assert shown["NEMWEB_URL"] == "https://h.example.org?sig=***"


def test_the_log_and_the_event_feed_tell_no_secret_a_traceback_neither(tmp_path: Path, ours: logging.Logger) -> None:
    logbook.open_log(tmp_path / "home")
    try:
        raise ValueError(f"cannot open {ADDRESS}")
    except ValueError as error:
        told = logbook.unexpected(error, f"asking {ADDRESS}")
    assert CANARY not in told and "nemweb.example.org" in told
    log = logbook.path(tmp_path / "home")
    assert CANARY not in log.read_text() and "Traceback" in log.read_text()
    state = State(tmp_path / "home" / "state.sqlite")
    state.add_event(NOON, "failed", "DISPATCHIS", f"{ADDRESS} did not answer")
    state.add_event(NOON, "failed", "DISPATCHIS", str(NemwebUnavailable(f"{ADDRESS} did not answer")))
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "home").glob("state.sqlite*"))


@pytest.mark.parametrize("umask", [0, 0o022])
def test_what_is_kept_is_for_this_user_alone_whatever_the_umask(
    tmp_path: Path, ours: logging.Logger, umask: int
) -> None:
    home, old = tmp_path / "home", os.umask(umask)
    lease = Lease(home / "move" / "move.lock", "a test")
    try:
        logbook.open_log(home)
        ours.warning("something")
        for handler in ours.handlers:
            if isinstance(handler, logging.handlers.RotatingFileHandler):
                handler.doRollover()
        database = Database(home / "ledger.sqlite", "CREATE TABLE IF NOT EXISTS a (b)")
        with database.write() as connection:
            connection.execute("INSERT INTO a VALUES (1)")
        lease.take()
        Note(home / "move" / "note.json").write(a=1)
        close_spool(new_spool(home), [])
        journal = Journal(home / "move" / "journal-1.jsonl")
        journal.append("move", inputs=dict(Move(tmp_path, tmp_path / "ssd").inputs()))
        begun = [Standing("prepare", "Prepare", Phase.BEGUN)]
        evidence.write(home / "move" / "evidence", evidence.report(journal, begun))
    finally:
        os.umask(old)
        lease.release()
    kept = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert {path.name for path in kept} >= {
        "aemo-ops.log", "aemo-ops.log.1", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm",
        "journal-1.jsonl", "note.json", "move.html", "move.json", "differences.json",
    }  # fmt: skip
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in kept} == {path.name: "0o600" for path in kept}
    assert home.stat().st_mode & 0o777 == 0o700
    database.close()


def test_files_that_an_earlier_version_left_open_to_others_are_closed_when_they_are_opened(
    tmp_path: Path, ours: logging.Logger
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "aemo-ops.log").write_text("before\n")
    earlier = sqlite3.connect(tmp_path / "state.sqlite")
    earlier.execute("PRAGMA journal_mode=WAL")
    earlier.execute("CREATE TABLE a (b)")
    Journal(tmp_path / "journal.jsonl").append("move")
    Note(tmp_path / "switch.json").write(a=1)
    open_to_all = [*tmp_path.glob("*.*"), tmp_path / "logs" / "aemo-ops.log"]
    assert len(open_to_all) == 6
    for path in open_to_all:
        path.chmod(0o644)
    State(tmp_path / "state.sqlite")
    logbook.open_log(tmp_path)
    Journal(tmp_path / "journal.jsonl").append("intent")
    Note(tmp_path / "switch.json").write(b=2)
    assert {path.name: path.stat().st_mode & 0o777 for path in open_to_all} == {
        path.name: 0o600 for path in open_to_all
    }
    earlier.close()
    assert (tmp_path / "logs" / "aemo-ops.log").read_text().startswith("before")
