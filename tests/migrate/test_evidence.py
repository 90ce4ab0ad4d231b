"""The evidence: everything the journal knows, as data and as one page that nothing can creep into."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.migrate import evidence
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.migrate.steps.finish import Finish
from aemo_ops.migrate.wizard import Wizard, fold
from aemo_ops.store.journal import Journal
from tests.migrate.moving import damaged, move
from tests.migrate.stepping import quiet, steps, wizard

NASTY = "<script>alert('x')</script> & \"quoted\""


class Words(HTMLParser):
    """The text of a page, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.elements = "", set[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        assert not [name for name, _ in attrs if name in ("src", "href")], "it needs nothing else to be read"


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """Of a move whose second step waits for a word, gets it, and whose third refuses."""
    made = steps(tmp_path)
    made[1].word, made[2].refuses = "GO", NASTY
    inputs = {"source": f"/data/{NASTY}", "base": "/ssd"}
    move = wizard(tmp_path, made, **inputs)
    with pytest.raises(StepRefused):
        move.run(quiet())
    move.confirm("second", "GO")
    with pytest.raises(StepRefused, match="Third"):
        move.run(quiet())
    journal = Journal(tmp_path / "journal.jsonl")
    rows = [{"file": "prices5.parquet", "what": "opened", "old_seconds": 0.5, "new_seconds": None}]
    return evidence.report(journal, fold(journal, made), rows)


def test_a_rollback_and_who_asked_for_it_stand_in_the_evidence(tmp_path: Path) -> None:
    made = steps(tmp_path)
    move = wizard(tmp_path, made, source="/data", base="/ssd")
    move.run(quiet())
    for refused in ("rollback", "ROLL BACK", ""):
        with pytest.raises(StepRefused, match="type 'ROLLBACK', in capitals"):
            move.confirm_back(refused)
    for _ in range(2):
        move.confirm_back("ROLLBACK")
        move.rollback(quiet())
        move.run(quiet())
    journal = Journal(tmp_path / "journal.jsonl")
    told = evidence.report(journal, fold(journal, made))
    assert [one["undone"] for one in told["rollbacks"]] == ["third, second, first"] * 2
    assert [one["word"] for one in told["confirmed"]] == ["ROLLBACK"] * 2
    assert Words(evidence.page(told)).text.count("third, second, first") == 2
    assert sum("ROLLBACK was typed by" in what for _, what in evidence.happened(journal, made)) == 2


def test_it_says_what_was_done_by_whom_and_how_long_it_took(told: dict[str, Any]) -> None:
    assert [(step["name"], step["phase"]) for step in told["steps"]] == [
        ("first", "done"), ("second", "done"), ("third", "open"),
    ]  # fmt: skip
    assert told["steps"][0]["seconds"] >= 0 and told["steps"][2]["seconds"] is None
    confirmed = told["confirmed"]
    assert [(one["step"], one["word"]) for one in confirmed] == [("second", "GO")] and confirmed[0]["by"]
    assert told["sentence"] == "The next step is: Third."
    assert {"aemo-ops", "python", "pyarrow", "pandas"} <= set(told["versions"])


def test_the_page_holds_it_all_as_text(told: dict[str, Any]) -> None:
    page = Words(evidence.page(told))
    assert NASTY in page.text and "script" not in page.elements
    for wanted in ("First", "Second", "GO", "prices5.parquet", told["sentence"], "Wrote", "none was changed"):
        assert wanted in page.text
    assert page.text.count("intent") == 2  # the journal, entry by entry


def test_names_have_their_units_and_times_say_whose_they_are(told: dict[str, Any]) -> None:
    told["steps"][0]["evidence"] = {
        "arrived": {"prices5": "2026-03-20T12:05:00"},
        "files": [{"name": "scada5.parquet", "size": 1_234_567, "off_grid": 3}],
    }
    text = Words(evidence.page(told)).text
    for wanted in (
        "Size (bytes)",
        "1,234,567",
        "Rows off the grid",
        "prices5",
        "2026-03-20 12:05:00",
        "Old (s)",
        " UTC",
    ):
        assert wanted in text
    for raw in ("off_grid", "old_seconds", "2026-03-20T12", "+00:00", "Prices5"):
        assert raw not in text


def test_both_forms_are_written_with_their_hashes(told: dict[str, Any], tmp_path: Path) -> None:
    sums = evidence.write(tmp_path / "out", told)
    assert json.loads((tmp_path / "out" / evidence.JSON).read_text()) == json.loads(json.dumps(told, default=str))
    assert set(sums) == {evidence.JSON, evidence.PAGE} and all(
        re.fullmatch("[0-9a-f]{64}", one) for one in sums.values()
    )


def test_the_last_report_says_that_the_move_is_finished_and_not_that_finish_goes_on(tmp_path: Path) -> None:
    damaged(tmp_path / "old")
    made, journal = steps(tmp_path), Journal(tmp_path / "journal.jsonl")
    last = Finish(move(tmp_path), journal, made)
    told = Wizard(journal, (*made, last), move(tmp_path).inputs()).run(quiet())
    written = json.loads((Path(told[-1].evidence["folder"]) / evidence.JSON).read_text())
    assert written["sentence"].startswith("The move is finished") and "Finish" not in written["sentence"]


@pytest.mark.parametrize(
    ("phases", "words"),
    [
        ([Phase.OPEN, Phase.OPEN], "has not begun"),
        ([Phase.DONE, Phase.OPEN], "The next step is: b"),
        ([Phase.DONE, Phase.BEGUN], "b was interrupted; running the move again"),
        ([Phase.DONE, Phase.FAILED], "b failed: why"),
        ([Phase.DONE, Phase.UNDOING], "A rollback was begun and not finished; it was at: b"),
        ([Phase.UNDONE, Phase.OPEN], "was rolled back"),
        ([Phase.DONE, Phase.DONE], "is finished"),
    ],
)
def test_a_sentence_for_how_it_stands(phases: list[Phase], words: str) -> None:
    standings = [Standing(name, name, phase, "why") for name, phase in zip("ab", phases, strict=True)]
    assert words in evidence.sentence(standings)


@pytest.mark.parametrize("ignored", ["", ".env"])
def test_the_command_that_commits_takes_no_secret_along(tmp_path: Path, ignored: str) -> None:
    for name in (".env", ".env.before", "..env.partial", "sub/.env.mine", "app.py"):
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / name).write_text("canary")
    (tmp_path / "repo" / ".gitignore").write_text(ignored)
    subprocess.run(["git", "init", "-q", tmp_path / "repo"], check=True)
    found = {"repositories": [{"path": str(tmp_path / "repo"), "changed": ["app.py"]}]}
    standings = [Standing(name, name, Phase.DONE, evidence=found) for name in ("prepare", "switch")]
    add = evidence.left_to_do(standings)[-1].partition(" && ")[0]
    subprocess.run(["bash", "-c", add], check=True)
    staged = subprocess.run(
        ["git", "-C", tmp_path / "repo", "diff", "--cached", "--name-only"], check=True, capture_output=True
    )
    assert staged.stdout.decode().split() == [".gitignore", "app.py"]


def test_a_collector_that_was_started_again_without_its_secrets_is_told(tmp_path: Path) -> None:
    """By the names of the variables only."""
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("done", step="prepare", evidence={"collectors": [{"folder": "/old", "command": ["run"]}]})
    facts = {"runs": True, "without": ["SMTP_PASSWORD", "TOKEN"], "unfilled": ""}
    standings = [Standing("switch", "Switchover", Phase.UNDONE, evidence=facts)]
    told = evidence.sentence(standings)
    assert "everything is as it was before" not in told
    assert "was started without SMTP_PASSWORD, TOKEN: values that may be secret" in told
    assert evidence.left_after_rollback(journal, standings) == ["cd /old && run"]


def test_what_is_left_to_do_has_its_commands_and_leaves_secrets_out() -> None:
    found = {
        "collectors": [{"folder": "/opt/tools", "command": ["python", "unified collector.py"], "stop": ["launchctl bootout x"]}],
        "repositories": [
            {"path": "/opt/a dashboard", "changed": ["app.py", ".env"]}, {"path": "/opt/clean", "changed": []},
        ],
        "caches": ["/opt/a dashboard/cache.duckdb"],
    }  # fmt: skip
    prepared = Standing("prepare", "Prepare", Phase.DONE, evidence=found)
    assert evidence.left_to_do([prepared]) == []  # before the switch nothing may go
    lines = evidence.left_to_do([prepared, Standing("switch", "Switchover", Phase.DONE)])
    assert "archive /opt/tools (python 'unified collector.py')" in lines[0] and "launchctl bootout x" in lines[1]
    assert (
        "git -C '/opt/a dashboard' add --all -- . ':(exclude,glob)**/.env*' ':" in lines[3]
        and "cache.duckdb" in lines[-1]
    )
    assert not [line for line in lines if "/opt/clean" in line]
