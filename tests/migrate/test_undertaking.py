"""A move in its folder: begun once, found again, held by one process, and loud when nobody may be collecting."""

from __future__ import annotations

from pathlib import Path

import pytest

from aemo_ops.errors import LeaseHeld, StepRefused
from aemo_ops.migrate.undertaking import FOLDER, JOURNAL, Undertaking
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from tests.migrate.moving import move
from tests.migrate.stepping import quiet as nobody


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", data_path=tmp_path / "other")


def test_without_a_move_there_is_nothing_to_go_on_with(settings: Settings) -> None:
    with pytest.raises(StepRefused, match="no move was begun in"):
        Undertaking(settings)
    assert not settings.home.exists()


def test_what_was_begun_is_found_again(settings: Settings, tmp_path: Path) -> None:
    with Undertaking(settings, move(tmp_path)) as begun, pytest.raises(StepRefused):
        begun.wizard.run(nobody())
    assert Undertaking(settings).move == move(tmp_path)


def test_one_process_at_a_time_is_at_it(settings: Settings, tmp_path: Path) -> None:
    with Undertaking(settings, move(tmp_path)), pytest.raises(LeaseHeld, match=r"holds .*move.lock"):
        Undertaking(settings, move(tmp_path)).__enter__()
    with Undertaking(settings, move(tmp_path)):
        pass


@pytest.mark.parametrize(("kind", "loud"), [("intent", True), ("undoing", True), ("failed", False), ("done", False)])
def test_a_switch_that_was_not_finished_is_said_loudly(
    settings: Settings, tmp_path: Path, kind: str, loud: bool
) -> None:
    (settings.home / FOLDER).mkdir(parents=True)
    journal = Journal(settings.home / FOLDER / JOURNAL)
    journal.append("move", digest="x", inputs=dict(move(tmp_path).inputs()))
    journal.append("intent", step="switch", plan="")
    journal.append(kind, step="switch", evidence={})
    told = Undertaking(settings).alarm()
    assert ("MAYBE NOBODY COLLECTS" in told and "rollback" in told) if loud else told == ""
