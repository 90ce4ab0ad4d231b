"""A move in its folder: begun once, found again, held by one process, and loud when nobody may be collecting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from aemo_ops.errors import LeaseHeld, StepRefused
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.migrate import quiet
from aemo_ops.migrate.evidence import happened
from aemo_ops.migrate.note import NOTE, Note
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.undertaking import FOLDER, Undertaking
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from tests.migrate.comparing import right
from tests.migrate.moving import damaged, let_rest, move
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
    journal = Journal(settings.home / FOLDER / "journal-1.jsonl")
    journal.append("move", digest="x", inputs=dict(move(tmp_path).inputs()))
    journal.append("intent", step="switch", plan="")
    journal.append(kind, step="switch", evidence={})
    told = Undertaking(settings).alarm()
    assert ("MAYBE NOBODY COLLECTS" in told and "rollback" in told) if loud else told == ""


def test_once_rolled_back_another_move_can_begin_in_a_journal_of_its_own(settings: Settings, tmp_path: Path) -> None:
    damaged(tmp_path / "old")
    first, second = move(tmp_path), replace(move(tmp_path), base=tmp_path / "elsewhere")
    with Undertaking(settings, first) as begun:
        begun.wizard.run(nobody(), "copy")
    with (
        Undertaking(settings, second) as refused,
        pytest.raises(StepRefused, match=r"other settings \(base\).*roll it back"),
    ):
        refused.wizard.run(nobody(), "copy")
    with Undertaking(settings) as back:
        back.wizard.rollback(nobody())
    with Undertaking(settings, second) as other:
        assert {one.phase for one in other.standings()} == {Phase.OPEN}  # it has nothing of the first one's
        other.wizard.run(nobody(), "copy")
    assert Undertaking(settings).move == second and (second.data / "prices5.parquet").exists()
    kinds = [[entry.kind for entry in Journal(path)] for path in sorted((settings.home / FOLDER).glob("*.jsonl"))]
    assert [one[0] for one in kinds] == ["move", "move"] and kinds[0][-1] == "undone" and kinds[1][-1] == "done"


def test_a_finished_move_makes_way_for_another_only_where_that_is_wanted(settings: Settings, tmp_path: Path) -> None:
    (settings.home / FOLDER).mkdir(parents=True)
    journal = Journal(settings.home / FOLDER / "journal-1.jsonl")
    journal.append("move", digest="x", inputs=dict(move(tmp_path).inputs()))
    for step in Undertaking(settings).steps:
        journal.append("done", step=step.name, evidence={})
    other = replace(move(tmp_path), base=tmp_path / "elsewhere")
    with pytest.raises(StepRefused, match=r"ssd is finished.*--anew"):
        Undertaking(settings, other)
    assert {one.phase for one in Undertaking(settings, other, anew=True).standings()} == {Phase.OPEN}
    assert {one.phase for one in Undertaking(settings).standings()} == {Phase.DONE}  # nothing was begun yet


@pytest.mark.parametrize(
    ("kinds", "note", "loud"),
    [
        (("intent",), False, False),  # cancelled, and gone back: the old collector runs
        (("intent",), True, True),
        (("intent", "failed"), True, True),  # and the way back failed
        (("intent", "done", "failed"), True, False),  # seen by a later look: two collect, none is missing
        (("intent", "done", "failed", "intent", "failed"), True, True),  # done again, and its way back failed
    ],
)
def test_the_alarm_is_for_a_switch_that_left_something_to_go_back_from(
    settings: Settings, tmp_path: Path, kinds: tuple[str, ...], note: bool, loud: bool
) -> None:
    (settings.home / FOLDER).mkdir(parents=True)
    journal = Journal(settings.home / FOLDER / "journal-1.jsonl")
    journal.append("move", digest="x", inputs=dict(move(tmp_path).inputs()))
    for kind in kinds:
        journal.append(kind, step="switch", **({"evidence": {"at": "then"}} if kind == "done" else {}))
    move(tmp_path).backup.mkdir(parents=True)
    if note:
        Note(move(tmp_path).backup / NOTE).write(at="then", collectors=[])
    assert bool(Undertaking(settings).alarm()) is loud


@pytest.mark.parametrize(("origin", "refused"), [("environment", True), ("/home/.env", False), ("default", False)])
def test_a_switch_whose_setting_would_not_count_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str, refused: bool
) -> None:
    """What the environment says wins over the .env that a switch writes: the app would go back to the folder it left."""
    monkeypatch.setattr(quiet, "turning", lambda _now: None)
    work = Undertaking(replace(settings, origins={"AEMO_DATA_PATH": origin}), move(tmp_path), "the app")
    told = work.step("switch").check() or ""
    assert ("AEMO_DATA_PATH is set in the environment that the app was started in" in told) is refused


def test_what_a_person_agrees_to_in_the_middle_is_written_down_and_the_move_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    damaged(tmp_path / "old")
    lacking = pd.read_parquet(tmp_path / "old" / "scada5.parquet")
    lacking.loc[0, "duid"] = None
    lacking.to_parquet(tmp_path / "old" / "scada5.parquet", index=False)
    let_rest(tmp_path / "old")
    with (
        Undertaking(settings, move(tmp_path)) as begun,
        pytest.raises(StepRefused, match=r"1 rows have no .*duid.*agree to that"),
    ):
        begun.wizard.run(nobody(), "normal")
    # By the command line, which says the whole move again; what it found and what was agreed stays with the journal.
    with Undertaking(settings, move(tmp_path, accept_loss=True)) as again:
        again.go(nobody(), "normal", lambda reason: None)
    entries = [(one.kind, one.facts.get("to")) for one in Journal(settings.home / FOLDER / "journal-1.jsonl")]
    assert entries.count(("agreed", ["accept_loss"])) == 1 and Undertaking(settings).move.accept_loss
    assert len(pd.read_parquet(tmp_path / "ssd" / "data" / "scada5.parquet")) == len(right(SCADA5)) - 1
    assert any("agreed: rows that cannot be kept" in words for _, words in happened(again.journal, again.steps))
