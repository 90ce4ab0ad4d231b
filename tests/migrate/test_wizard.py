"""Step after step, by the journal alone: refused, failed, confirmed, killed anywhere, undone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import Cancelled, NotYet, StepRefused, Unconfirmed, VerificationFailed
from aemo_ops.migrate.step import Later, Phase
from aemo_ops.store.journal import Journal
from tests.conftest import ROOT, SOAK
from tests.migrate.stepping import NAMES, Writes, quiet, steps, wizard

POINTS = [f"move.{name}.{point}" for name in NAMES for point in ("intended", "applied", "verified", "done")]
BACK = [f"move.{name}.{point}" for name in NAMES for point in ("undoing", "undone")]
WHOLE = {"first": "first", "second": "secondfirst", "third": "thirdsecondfirst"}


def world(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.name in NAMES}


def phases(folder: Path) -> list[Phase]:
    return [one.phase for one in wizard(folder).standings()]


def test_it_goes_from_step_to_step_and_says_how_each_stands(tmp_path: Path) -> None:
    assert phases(tmp_path) == [Phase.OPEN] * 3
    move = wizard(tmp_path)
    found = move.run(quiet())
    assert world(tmp_path) == WHOLE and [one.phase for one in found] == [Phase.DONE] * 3
    assert found[1].evidence == {"wrote": "second"} and found[1].at and move.next() is None
    kinds = [(entry.kind, entry.facts.get("step")) for entry in Journal(tmp_path / "journal.jsonl")]
    assert kinds == [("move", None), *((kind, name) for name in NAMES for kind in ("intent", "done"))]


def test_one_step_and_then_the_rest(tmp_path: Path) -> None:
    wizard(tmp_path).run(quiet(), only="first")
    assert phases(tmp_path) == [Phase.DONE, Phase.OPEN, Phase.OPEN] and wizard(tmp_path).next().name == "second"  # type: ignore[union-attr]
    wizard(tmp_path).run(quiet())
    assert world(tmp_path) == WHOLE


def test_a_step_that_refuses_changes_nothing_and_says_why(tmp_path: Path) -> None:
    made = steps(tmp_path)
    made[1].refuses = "the disk is full"
    with pytest.raises(StepRefused, match="Second: the disk is full"):
        wizard(tmp_path, made).run(quiet())
    assert phases(tmp_path) == [Phase.DONE, Phase.OPEN, Phase.OPEN] and world(tmp_path) == {"first": "first"}


@pytest.mark.parametrize("fault", ["breaks", "lies"])
def test_a_step_that_fails_or_only_says_that_it_was_done_stops_the_move(tmp_path: Path, fault: str) -> None:
    made = steps(tmp_path)
    setattr(made[1], fault, True)
    with pytest.raises((StepRefused, VerificationFailed)):
        wizard(tmp_path, made).run(quiet())
    second = wizard(tmp_path).standings()[1]
    assert second.phase is Phase.FAILED and second.reason and phases(tmp_path)[2] is Phase.OPEN
    wizard(tmp_path).run(quiet())  # mended
    assert world(tmp_path) == WHOLE


def test_what_was_done_and_does_not_hold_any_more_stops_the_move(tmp_path: Path) -> None:
    wizard(tmp_path).run(quiet(), only="second")
    (tmp_path / "first").unlink()
    with pytest.raises(VerificationFailed, match="does not hold any more"):
        wizard(tmp_path).run(quiet())
    assert phases(tmp_path)[0] is Phase.FAILED and "third" not in world(tmp_path)
    wizard(tmp_path).run(quiet())
    assert world(tmp_path) == WHOLE


def test_a_dangerous_step_waits_for_its_word_and_the_word_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = steps(tmp_path)
    made[2].word = "SWITCH"
    with pytest.raises(StepRefused, match="waits for your word"):
        wizard(tmp_path, made).run(quiet())
    for wrong in ("switch", "", "SWITCH "):
        with pytest.raises(StepRefused, match="type 'SWITCH'"):
            wizard(tmp_path, made).confirm("third", wrong)
    wizard(tmp_path, made).confirm("third", "SWITCH")
    later = datetime.now(UTC) + timedelta(minutes=6)
    monkeypatch.setattr(Clock, "utc", staticmethod(lambda: later))
    with pytest.raises(StepRefused, match="6 minutes old"):
        wizard(tmp_path, made).run(quiet())
    monkeypatch.undo()
    made[2].breaks = True
    with pytest.raises(StepRefused, match="broke"):
        wizard(tmp_path, made).run(quiet())
    made[2].breaks = False
    with pytest.raises(StepRefused, match="waits for your word"):  # once typed, once used
        wizard(tmp_path, made).run(quiet())
    wizard(tmp_path, made).confirm("third", "SWITCH")
    wizard(tmp_path, made).run(quiet())
    assert world(tmp_path) == WHOLE


def test_a_word_that_waits_for_the_right_time_does_not_grow_old_with_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = steps(tmp_path)
    made[2].word, made[2].refuses = "SWITCH", Later("around 04:00 AEMO's day turns")
    waits = wizard(tmp_path, made)
    waits.run(quiet(), only="second")
    waits.confirm("third", "SWITCH")
    with pytest.raises(NotYet, match="day turns"):
        waits.run(quiet())
    made[2].refuses = ""
    later = datetime.now(UTC) + timedelta(minutes=25)
    monkeypatch.setattr(Clock, "utc", staticmethod(lambda: later))
    with pytest.raises(Unconfirmed, match="25 minutes old"):  # somebody else, who did not wait
        wizard(tmp_path, made).run(quiet())
    waits.run(quiet())
    assert world(tmp_path) == WHOLE


def test_before_a_dangerous_step_what_was_done_is_looked_at_again_when_it_was_minutes_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = steps(tmp_path)
    made[2].word = "SWITCH"
    move = wizard(tmp_path, made)
    with pytest.raises(Unconfirmed):
        move.run(quiet())
    (tmp_path / "first").unlink()
    move.confirm("third", "SWITCH")
    later = Clock.monotonic() + 301
    monkeypatch.setattr(Clock, "monotonic", staticmethod(lambda: later))
    with pytest.raises(VerificationFailed, match="First was done, but does not hold any more"):
        move.run(quiet())
    assert "third" not in world(tmp_path)


def test_a_wizard_that_waits_does_not_verify_the_same_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is waited for is asked about every few seconds, and to verify years of history takes minutes."""
    made = steps(tmp_path)
    made[2].refuses = "not yet"
    move, verified = wizard(tmp_path, made), []
    monkeypatch.setattr(Writes, "verify", lambda self, evidence: verified.append(self.name))
    for _ in range(5):
        with pytest.raises(StepRefused, match="not yet"):
            move.run(quiet())
    assert verified == ["first", "second"]
    with pytest.raises(StepRefused, match="not yet"):
        wizard(tmp_path, made).run(quiet())
    assert verified == ["first", "second"] * 2


def test_a_move_of_other_things_is_not_gone_on_with(tmp_path: Path) -> None:
    wizard(tmp_path).run(quiet(), only="first")
    with pytest.raises(StepRefused, match=r"other settings \(target\)"):
        wizard(tmp_path, target="elsewhere").run(quiet())
    assert world(tmp_path) == {"first": "first"}


def test_a_cancel_stops_between_two_steps_and_it_can_be_gone_on_with(tmp_path: Path) -> None:
    progress = quiet()
    progress.cancel()
    with pytest.raises(Cancelled):
        wizard(tmp_path).run(progress)
    assert phases(tmp_path) == [Phase.DONE, Phase.OPEN, Phase.OPEN]
    wizard(tmp_path).run(quiet())
    assert world(tmp_path) == WHOLE


def test_a_rollback_undoes_what_was_begun_and_forward_again_does_it_all(tmp_path: Path) -> None:
    wizard(tmp_path).run(quiet(), only="second")
    found = wizard(tmp_path).rollback(quiet())
    assert world(tmp_path) == {} and [one.phase for one in found] == [Phase.UNDONE, Phase.UNDONE, Phase.OPEN]
    wizard(tmp_path).rollback(quiet())
    wizard(tmp_path).run(quiet())
    assert world(tmp_path) == WHOLE


def killed(folder: Path, deed: str, point: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.migrate.stepping", str(folder), deed],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{point}=kill"},
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == -9, point


@pytest.mark.parametrize("point", POINTS if SOAK else POINTS[::2])
def test_killed_at_any_point_it_resumes_to_the_same_end(tmp_path: Path, point: str) -> None:
    killed(tmp_path, "run", point)
    wizard(tmp_path).run(quiet())
    assert world(tmp_path) == WHOLE and phases(tmp_path) == [Phase.DONE] * 3


@pytest.mark.parametrize("point", BACK if SOAK else BACK[::2])
def test_a_rollback_killed_at_any_point_is_gone_on_with(tmp_path: Path, point: str) -> None:
    wizard(tmp_path).run(quiet())
    killed(tmp_path, "rollback", point)
    if Phase.UNDOING in phases(tmp_path):
        with pytest.raises((StepRefused, VerificationFailed)):
            wizard(tmp_path).run(quiet())
    wizard(tmp_path).rollback(quiet())
    assert world(tmp_path) == {} and phases(tmp_path) == [Phase.UNDONE] * 3


def test_a_done_step_that_did_not_hold_and_does_again_is_not_applied_a_second_time(tmp_path: Path) -> None:
    made = steps(tmp_path)
    wizard(tmp_path, made).run(quiet())
    made[0].path.rename(tmp_path / "aside")
    with pytest.raises(VerificationFailed, match="does not hold any more"):
        wizard(tmp_path, made).run(quiet())
    (tmp_path / "aside").rename(made[0].path)
    made[0].breaks = True  # applied, it would raise
    assert {one.phase for one in wizard(tmp_path, made).run(quiet())} == {Phase.DONE}


def test_what_a_rollback_took_is_no_evidence_of_the_step_that_is_begun_again(tmp_path: Path) -> None:
    wizard(tmp_path).run(quiet())
    wizard(tmp_path).rollback(quiet())
    broken = steps(tmp_path)
    broken[0].breaks = True
    with pytest.raises(StepRefused, match="it broke"):
        wizard(tmp_path, broken).run(quiet())
    assert wizard(tmp_path).standings()[0].evidence == {}
