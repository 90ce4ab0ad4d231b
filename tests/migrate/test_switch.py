"""The switch, and the way back from it, beside a real process: whatever it does, one of the two sets has every row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import LeaseHeld, NotYet, StepRefused, Unconfirmed, VerificationFailed
from aemo_ops.migrate import programs, quiet
from aemo_ops.migrate.quiet import turning
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps import back, switch
from tests.conftest import NOON, ROOT, SOAK, only_soak
from tests.migrate.stepping import quiet as nobody
from tests.migrate.switching import Switching
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


def since(here: Switching, told: Any, name: str) -> set[Any]:
    """Keys that the new file got since the switch."""
    return {key for key in here.keys(here.move.data, name) if key[0] > pd.Timestamp(told["at"])}


def test_the_old_one_ends_ours_goes_on_and_back_again_every_row_is_in_the_old_files(here: Switching) -> None:
    old = here.old()
    told = here.switch()
    assert old.wait(5) is not None and here.running() == []
    assert told["gap_intervals"] == 0 and told["torn"] == []
    assert set(told["arrived"]) == {"prices5", "scada5", "transmission5"}
    assert all(datetime.fromisoformat(at) > datetime.fromisoformat(told["at"]) for at in told["arrived"].values())
    assert here.settings.read_text() == f"AEMO_DATA_PATH={here.move.data}\n"
    for name in here.whole:
        assert here.keys(here.move.source, name) <= here.keys(here.move.data, name)
    assert here.wizard().standings()[0].phase is Phase.DONE
    ours = since(here, told, "prices5")
    before = {path.name: path.read_bytes() for path in here.move.source.glob("*.parquet")}
    found = here.rollback()
    assert ours and ours <= here.keys(here.move.source, "prices5") and found["rows_back"]["prices5"] > 0
    assert len(here.running()) == 1 and not here.settings.exists() and here.note == {}
    # What was there before the way back is kept, and proved.
    kept = next(here.move.backup.glob(f"{back.KEPT}*"))
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == before
    newest = here.newest(here.move.source)
    until(lambda: here.newest(here.move.source) > newest, "the old collector writes on", 30)


def test_one_that_does_not_end_is_not_killed_and_everything_is_as_before(
    here: Switching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "_TO_END", 1.0)
    old = here.old("deaf")
    until(lambda: here.newest(here.move.source) > pd.Timestamp(NOON), "it has written", 30)
    with pytest.raises(StepRefused, match="did not within 1 s; it was not killed"):
        here.switch()
    assert old.poll() is None and here.wizard().standings()[0].phase is Phase.FAILED and here.note == {}
    assert not here.settings.exists()


def test_one_that_tears_its_file_at_the_end_loses_nothing(here: Switching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "await_still", lambda *_: 0.0)
    old = here.old("slow-write")
    path = here.move.source / "scada5.parquet"
    size = path.stat().st_size

    def torn(one: programs.Program) -> None:
        until(lambda: path.stat().st_size < size // 2, "it is in the middle of a write", 60)
        old.terminate()
        old.wait(5)

    monkeypatch.setattr(switch.Switch, "_end", lambda self, one: torn(one))
    told = here.switch()
    assert told["torn"] == ["scada5"] and told["gap_intervals"] == 0
    broken = path.read_bytes()
    ours = since(here, told, "scada5")
    found = here.rollback()
    assert ours <= here.keys(here.move.source, "scada5")
    assert "torn" in found["kept"]["scada5"]["replaced"]
    assert (here.move.backup / back.TORN / "scada5.parquet").read_bytes() == broken


_KEEPER = """
import json, subprocess, sys
from pathlib import Path
from typing import Any
while True:
    subprocess.run(json.loads(Path(sys.argv[1]).read_text()), stdout=subprocess.DEVNULL)
"""


def test_one_that_is_started_again_by_somebody_stops_the_switch_and_is_left_alone(here: Switching) -> None:
    command = here.place / "command.json"
    command.write_text(json.dumps(here.command()))
    keeper = subprocess.Popen([sys.executable, "-c", _KEEPER, str(command)])
    here.processes.append(keeper)
    try:
        until(lambda: here.newest(here.move.source) > pd.Timestamp(NOON), "it has written", 30)
        before = here.running()[0].pid
        with pytest.raises(StepRefused, match=r"an old collector runs again: process .* Two programs collect"):
            here.switch()
        assert [one.pid != before for one in here.running()] == [True]
        assert here.note == {} and not here.settings.exists()
    finally:
        keeper.kill()


def test_where_nothing_new_arrives_it_goes_back_by_itself(here: Switching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_OBSERVED", timedelta(minutes=12))
    old = here.old()
    here.shadow.engine()
    until(lambda: here.newest(here.move.source) > pd.Timestamp(NOON), "it has written", 30)
    here.site.clock = Clock.starting(
        here.clock.now(), 0
    )  # AEMO publishes nothing more: ours collects, and gets nothing
    with pytest.raises(VerificationFailed, match="prices5 got nothing new"):
        here.switch()
    assert old.wait(5) is not None
    assert len(here.running()) == 1 and here.running()[0].pid != old.pid
    assert here.note == {} and not here.settings.exists()


def test_where_our_engine_cannot_collect_nothing_is_ended(here: Switching) -> None:
    old = here.old()
    other = Shadow(here._engine, here.move.data)
    other.engine()
    try:
        with pytest.raises(LeaseHeld):
            here.switch()
    finally:
        other.stop()
    assert old.poll() is None and here.note == {} and not here.settings.exists()


@only_soak
def test_where_none_was_running_the_rows_come_back_all_the_same(here: Switching) -> None:
    told = here.switch()
    assert told["ended"] == []
    ours = since(here, told, "prices5")
    found = here.rollback()
    assert ours and ours <= here.keys(here.move.source, "prices5") and found["started"] == [] == here.running()


def test_another_computer_that_writes_there_is_noticed(here: Switching) -> None:
    here.old()
    here.switch()
    path = here.move.source / "prices5.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(
        VerificationFailed, match=r"prices5.parquet in .* changed with no local writer: another computer"
    ):
        here.wizard().run(nobody())


@only_soak
def test_an_old_file_that_cannot_be_read_blocks_the_way_back_and_a_whole_one_is_offered(here: Switching) -> None:
    here.old()
    here.switch()
    path = here.move.source / "prices30.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StepRefused, match=rf"cannot be read now .*{here.move.data}/prices30.parquet holds all"):
        here.rollback()
    assert here.running() == []
    path.write_bytes(whole)
    here.rollback()
    assert len(here.running()) == 1


@only_soak
def test_nobody_puts_rows_into_files_that_another_writes(here: Switching) -> None:
    here.old()
    here.switch()
    other = here.old("us")
    before = here.keys(here.move.source, "prices5")
    with pytest.raises(StepRefused, match=rf"an old collector runs: process {other.pid}"):
        here.rollback()
    assert before <= here.keys(here.move.source, "prices5") and here.note["at"]
    other.kill()
    other.wait(5)
    here.rollback()


@pytest.mark.parametrize(
    ("at", "then"), [((3, 54), None), ((3, 55), "04:20"), ((4, 20), "04:20"), ((4, 21), None), ((23, 50), "00:15"),
                     ((0, 0), "00:15"), ((0, 16), None), ((12, 0), None)]
)  # fmt: skip
def test_while_the_day_turns_there_is_no_switch(at: tuple[int, int], then: str | None) -> None:
    why = turning(datetime(2026, 4, 20, *at))
    assert (why is None) if then is None else (why is not None and f"Switch after {then}" in why)


def test_a_switch_at_four_is_put_off(here: Switching) -> None:
    Clock.starting(datetime(2026, 4, 20, 4, 2), 0).write(here.clock_file)
    here.wizard().confirm("switch", "SWITCH")
    with pytest.raises(NotYet, match=r"AEMO's day turns. Switch after 04:20"):
        here.wizard().run(nobody())


POINTS = [
    *("move.switch.intended", "switch.noted", "switch.stopped", "switch.carried", "switch.settings"),
    *("move.switch.applied", "move.switch.verified", "move.switch.done"),
]
BACK = [
    *("move.switch.undoing", "back.kept", "back.kept:4", "back.carried", "back.carried:7", "back.starting"),
    *("back.started", "move.switch.undone"),
]


def killed(here: Switching, deed: str, point: str) -> None:
    """A process of its own does it, and is killed at that point."""
    name, _, number = point.partition(":")
    child = subprocess.run(
        [sys.executable, "-m", "tests.migrate.switching", str(here.place), here.url, deed],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{name}=kill{number and ':' + number}"}, cwd=ROOT, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, "the point was not reached"


@pytest.mark.parametrize("point", POINTS if SOAK else POINTS[1:2])
def test_a_switch_that_is_killed_anywhere_is_gone_on_with(
    here: Switching, point: str, tally: Callable[..., None]
) -> None:
    here.old()
    killed(here, "run", point)
    if point in ("switch.stopped", "switch.carried", "switch.settings"):
        assert here.running() == [] and here.wizard().standings()[0].phase is Phase.BEGUN
    if here.wizard().standings()[0].phase is not Phase.DONE:
        with pytest.raises(Unconfirmed, match="waits for your word"):  # the word before was for the deed before
            here.wizard().run(nobody())
        here.switch()
    told = here.wizard().standings()[0].evidence
    assert here.wizard().standings()[0].phase is Phase.DONE and here.running() == [] and told["gap_intervals"] == 0
    for name in here.whole:
        assert here.keys(here.move.source, name) <= here.keys(here.move.data, name)
    assert here.settings.read_text() == f"AEMO_DATA_PATH={here.move.data}\n"
    ours = since(here, told, "prices5")
    here.rollback()
    assert ours <= here.keys(here.move.source, "prices5") and len(here.running()) == 1
    tally("kills of a switch")


@pytest.mark.parametrize("point", BACK if SOAK else BACK[6:7])
def test_a_way_back_that_is_killed_anywhere_is_gone_on_with(
    here: Switching, point: str, tally: Callable[..., None]
) -> None:
    here.old()
    told = here.switch()
    ours = since(here, told, "scada5")
    before = here.keys(here.move.source, "scada5")
    here.shadow.stop()
    killed(here, "rollback", point)
    here.rollback()
    assert here.wizard().standings()[0].phase is Phase.UNDONE and here.note == {}
    assert ours | before <= here.keys(here.move.source, "scada5")
    assert len(here.running()) == 1 and not here.settings.exists()
    tally("kills of a way back")
