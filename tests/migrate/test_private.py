"""What a way back needs in clear: in one file for this user alone, gone with the way back; a note of before has it itself."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from aemo_ops.host.processes import Identity
from aemo_ops.migrate import evidence
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.programs import Program
from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.store.journal import Journal
from aemo_ops.ui.moving import prepare
from tests.migrate.simulated import SECRET, World

WORDS = ("python", "unified_collector", "--password", SECRET, f"--mirror=https://me:{SECRET}@example.org", "--all")


class Told(World):
    """The old collector was given secrets; `started` is how it was started again."""

    def __post_init__(self) -> None:
        self.started: list[tuple[str, ...]] = []
        super().__post_init__()

    def find(self, patterns: Any, folders: Any = ()) -> Any:
        return [replace(one, command=WORDS) for one in super().find(patterns, folders)]

    def start(self, command: Any, folder: Any, environment: Any, log: Path) -> Identity:
        self.started.append(tuple(command))
        return super().start(command, folder, environment, log)

    @property
    def note(self) -> Note:
        return Note(self.move.backup / "switch.json")

    @property
    def private(self) -> Path:
        return self.place / "journal.private.json"

    def tell(self) -> list[str]:
        """Files of the move that hold a secret."""
        found = [self.place / "journal.jsonl", self.private, *self.move.base.rglob("*.json")]
        return sorted(
            path.name for path in found if path.exists() and path.name != "notes.json" and SECRET in path.read_text()
        )


@pytest.fixture
def world(tmp_path: Path) -> Told:
    made = Told(tmp_path)
    made.run()
    assert made.standing("switch").phase is Phase.DONE
    return made


def test_only_the_private_file_has_the_words_and_the_old_collector_is_started_with_them(world: Told) -> None:
    assert world.tell() == [world.private.name] and world.private.stat().st_mode & 0o777 == 0o600
    with world.made_up():
        assert SECRET not in "".join(world.wizard().rollback_plan())
    world.rollback()
    assert world.started == [WORDS] and len(world.alive) == 1
    assert world.tell() == [] and not world.private.exists()


@pytest.mark.parametrize("failpoint", ["back.started", "back.kept", "back.starting"])
def test_a_way_back_that_is_killed_has_the_words_still(world: Told, failpoint: str) -> None:
    world.kill_at = failpoint
    world.rollback()
    world.rollback()
    assert set(world.started) == {WORDS} and len(world.alive) == 1
    assert not world.private.exists() and world.tell() == []


def test_a_note_that_an_earlier_version_wrote_in_clear_is_gone_back_from(world: Told) -> None:
    facts = world.note.read()["collectors"][0]
    del facts["masked"]
    world.note.write(collectors=[facts | {"command": list(WORDS)}])
    world.private.unlink()
    world.rollback()
    assert world.started == [WORDS] and len(world.alive) == 1


def test_where_the_private_file_was_lost_every_row_comes_back_and_a_person_starts_the_collector(world: Told) -> None:
    world.private.unlink()
    told = world.rollback()
    assert world.started == [] and told["runs"] is False
    assert told["not_started"] and "--password ***" in told["not_started"][0]
    with world.made_up():
        standings = world.wizard().standings()
    assert "No old collector runs" in evidence.sentence(standings)


def test_the_evidence_of_a_journal_that_has_the_words_in_clear_has_them_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    journal = Journal(tmp_path / "earlier.jsonl")
    one = Program(Identity(7, 1.0, "python"), WORDS, "/old", held_by=(f"cron: * * * * * TOKEN={SECRET} run",))
    journal.append("move", inputs=dict(world.move.inputs()), digest="")
    journal.append("intent", step="prepare", plan=f"Old collector: {' '.join(WORDS)}")
    journal.append("failed", step="prepare", reason=f"{' '.join(WORDS)} runs")
    journal.append("done", step="prepare", evidence={"collectors": [json.loads(json.dumps(asdict(one)))]})
    assert SECRET in journal.path.read_text()
    steps = world.wizard()._steps
    standings = Wizard(journal, steps, {}).standings()
    told = evidence.report(journal, standings)
    assert SECRET not in "".join(evidence.forms(told)) + repr(standings) + repr(evidence.happened(journal, steps))
    assert "unified_collector" in evidence.page(told)
    status = Status(move=world.move, standings=tuple(standings))
    found = {"items": [], "newest": None, "candidates": [], "repositories": [], "caches": []} | standings[0].evidence
    status = replace(status, standings=(replace(standings[0], evidence=found), *standings[1:]))
    markup = prepare.show(status, world.move, world.move.data)
    assert "--password ***" in markup and SECRET not in markup


def test_what_an_earlier_move_left_goes_when_another_one_switches(tmp_path: Path) -> None:
    one = Program(Identity(7, 1.0, "python"), WORDS, "/old")
    earlier, later = Private(tmp_path / "journal-1.jsonl"), Private(tmp_path / "journal-2.jsonl")
    earlier.keep([one])
    assert earlier.of(one.facts()) == one and later.of(one.facts()).masked
    later.keep([one])
    assert not earlier.path.exists() and later.of(one.facts()) == one
