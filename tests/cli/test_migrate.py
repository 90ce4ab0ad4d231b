"""aemo-ops migrate: what it says to wrong words, how a move stands, and that plans and reports change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aemo_ops.market.catalogue import DATASETS
from tests.cli.test_collect import Command
from tests.migrate.moving import damaged


@pytest.fixture
def command(tmp_path: Path) -> Command:
    (tmp_path / "home").mkdir()
    return Command(tmp_path, {"NEMWEB_URL": "http://127.0.0.1:9"})


@pytest.fixture
def ends(tmp_path: Path) -> list[str]:
    damaged(tmp_path / "old")
    wanted = [word for dataset in DATASETS for word in ("--required", dataset.file_name)]
    return ["--from", str(tmp_path / "old"), "--to", str(tmp_path / "ssd"), "--pattern", "no such collector", *wanted]


def told(command: Command, *words: str, exit_code: int) -> str:
    done = command.run("migrate", *words)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_wrong_words_are_answered_with_what_would_be_right(command: Command, ends: list[str]) -> None:
    for deed in ("status", "rollback", "report", "run"):
        assert "say what is moved, with --from and --to" in told(command, deed, exit_code=2)
    assert "give both --from and --to" in told(command, "run", *ends[:2], exit_code=2)
    assert "no step 'swich'; there are prepare, copy" in told(command, "run", *ends, "--step", "swich", exit_code=2)
    assert "a rehearsal needs --from and --to" in told(command, "run", "--rehearse", exit_code=2)
    assert "argument --watch-hours" in told(command, "plan", *ends, "--watch-hours", "nan", exit_code=2)
    assert "every program of this machine" in told(command, "plan", *ends, "--pattern", "", exit_code=2)
    assert "is no folder" in told(command, "run", "--from", "/no/such", *ends[2:], exit_code=2)


def test_a_plan_says_what_the_next_step_will_do_and_changes_nothing(command: Command, ends: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in command.place.rglob("*") if path.is_file()}
    said = told(command, "plan", *ends, exit_code=0)
    assert "Prepare: open" in said and "prices5.parquet: there" in said and "Switchover: open" in said
    assert before == {path: path.stat().st_mtime_ns for path in command.place.rglob("*") if path.is_file()}
    (command.place / "old" / "scada5.parquet").unlink()
    assert "Cannot begin: scada5.parquet is absent" in told(command, "plan", *ends, exit_code=1)


def test_a_move_through_its_first_steps_stands_as_the_journal_says(command: Command, ends: list[str]) -> None:
    said = told(command, "run", *ends, "--step", "normal", exit_code=0)
    assert "The next step is: Catch up & parallel run." in said
    document = json.loads(command.run("migrate", "status", "--json").stdout)
    assert {one["name"]: one["phase"] for one in document["steps"]} == {
        **dict.fromkeys(("prepare", "copy", "normal"), "done"),
        **dict.fromkeys(("catch_up", "compare", "switch", "watch", "finish"), "open"),
    }
    assert document["alarm"] == "" and document["from"] == str(command.place / "old")
    assert "Copy & verify" in told(command, "status", exit_code=1)
    # The same move, said otherwise, is another one.
    other = told(command, "run", *ends, "--watch-hours", "5", exit_code=2)
    assert "begun with other settings (watch_hours)" in other
    page = command.place / "out" / "move.html"
    assert str(page) in told(command, "report", "--folder", str(page.parent), exit_code=0)
    assert "Copy &amp; verify" in page.read_text() and json.loads(page.with_suffix(".json").read_text())["steps"]


def test_a_rollback_says_what_it_will_do_and_waits_for_the_word(command: Command, ends: list[str]) -> None:
    told(command, "run", *ends, "--step", "copy", exit_code=0)
    said = told(command, "rollback", exit_code=1)  # nothing was typed
    assert "Copy & verify: remove the copies from" in said and "Nothing was changed" in said
    assert (command.place / "ssd" / "data" / "prices5.parquet").exists()
    assert "The move was rolled back: everything is as it was" in told(command, "rollback", "--yes", exit_code=0)
    assert not (command.place / "ssd").exists()
    assert "Nothing is to be undone" in told(command, "rollback", "--yes", exit_code=0)


def test_a_changed_journal_is_read_and_no_more(command: Command, ends: list[str]) -> None:
    told(command, "run", *ends, "--step", "copy", exit_code=0)
    journal = command.place / "home" / "move" / "journal-1.jsonl"
    journal.write_text(journal.read_text().replace('"step": "copy"', '"step": "cope"', 1))
    assert "The journal can only be read: line" in told(command, "status", exit_code=2)
    assert "can only be read" in told(command, "run", exit_code=2)
    assert "can only be read" in told(command, "rollback", "--yes", exit_code=2)
