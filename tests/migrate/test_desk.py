"""The move as the app works at it: what cannot be read is told, and never keeps the app from collecting."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.migrate import desk as desks
from aemo_ops.migrate.desk import Desk
from aemo_ops.migrate.note import NOTE
from aemo_ops.migrate.undertaking import FOLDER, Undertaking
from aemo_ops.ops.jobs import Progress
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from tests.migrate.moving import move
from tests.waiting import until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", data_path=tmp_path / "other")


@pytest.fixture
def journal(settings: Settings, tmp_path: Path) -> Journal:
    """Of a move whose parallel run is on."""
    (settings.home / FOLDER).mkdir(parents=True)
    made = Journal(settings.home / FOLDER / "journal-1.jsonl")
    made.append("move", digest="x", inputs=dict(move(tmp_path).inputs()))
    made.append("done", step="catch_up", evidence={"datasets": []})
    return made


def desk(settings: Settings) -> Desk:
    nothing: Any = lambda *_: None  # noqa: E731
    return Desk(lambda: settings, nothing, nothing, nothing)


def test_a_note_of_the_switch_that_cannot_be_read_is_told_and_the_engine_has_its_folder(
    settings: Settings, journal: Journal, tmp_path: Path
) -> None:
    journal.append("intent", step="switch", plan="")
    there = move(tmp_path)
    there.backup.mkdir(parents=True)
    (there.backup / NOTE).write_text("{")
    found = desk(settings)
    assert "MAYBE NOBODY COLLECTS" in found.status().alarm and "switch.json cannot be read" in found.status().alarm
    assert found.folder() == there.data


def test_a_journal_that_cannot_be_read_is_told_and_the_engine_has_the_folder_of_the_settings(
    settings: Settings, journal: Journal
) -> None:
    journal.path.unlink()
    journal.path.mkdir()
    found = desk(settings)
    assert "journal-1.jsonl" in found.status().broken and found.folder() == settings.data_path


@pytest.mark.parametrize("word", ["", "switch", "SWITCH OVER"])
def test_another_word_than_the_step_s_is_refused_at_once_and_not_written_down(
    settings: Settings, journal: Journal, word: str
) -> None:
    """Whatever a page lets through."""
    found = desk(settings)
    with pytest.raises(StepRefused, match=r"type 'SWITCH', in capitals .* nothing was changed"):
        found.go("switch", word)
    with pytest.raises(StepRefused, match=r"type 'ROLLBACK', in capitals .* nothing was changed"):
        found.go_back(word)
    assert "confirmed" not in [entry.kind for entry in Journal(journal.path)] and found.status().doing is None


@pytest.mark.parametrize("ends", [True, False])
def test_a_deed_begins_when_the_look_under_way_has_ended(
    settings: Settings, journal: Journal, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    """The look asks the engine of the new folder: in the middle of a rollback that would be made anew."""
    looks, may_end, happened = threading.Event(), threading.Event(), list[str]()

    def seen(self: Desk, work: Undertaking) -> None:
        looks.set()
        may_end.wait(30)
        happened.append("look")

    def deed(progress: Progress) -> str:
        happened.append("deed")
        return "done"

    monkeypatch.setattr(Desk, "_seen", seen)
    monkeypatch.setattr(desks, "_LOOK_ENDS", 30.0 if ends else 0.05)
    found = desk(settings)
    found.look()
    assert looks.wait(10)
    found._start(None, deed)
    found.look()  # begins no second one
    if ends:
        may_end.set()
    until(lambda: found.status().doing is None, "the deed has ended")
    may_end.set()
    if ends:
        assert happened == ["look", "deed"] and found.status().said == "done"
    else:
        assert "deed" not in happened and "nothing was changed. Try again" in found.status().said
