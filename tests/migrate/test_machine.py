"""Anything a person, the old collector or the machine may do, in any order: after each, the seven invariants hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aemo_ops.errors import AemoOpsError
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.market.dataset import Mode
from aemo_ops.market.intervals import floor
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.copying import MANIFEST
from aemo_ops.migrate.steps.switch import NOTE
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import adopted
from aemo_ops.store.parquet import Store
from tests.conftest import SOAK
from tests.migrate.simulated import SECRET, STEP, Key, Killed, World, keys, rows

STEPS = ("prepare", "copy", "normal", "catch_up", "compare", "switch")


class Moving(RuleBasedStateMachine):
    """`owed`: keys that the new file has after a switch, of whatever time; a way back owes them to the old file."""

    examples = deeds = switches = ways_back = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.place = Path(tempfile.mkdtemp(prefix="moving-"))
        self.world = World(self.place)
        self.seen: set[Key] = keys(self.world.old)
        self.owed: set[Key] = set()
        self.counted: set[Key] = set()  # what the old file had when the new one began to count
        self.flipped = self.typed = False

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @initialize(good=st.integers(0, 4))
    def so_far_all_went_well(self, good: int) -> None:
        for _ in range(good):
            self.go_on(None, "SWITCH", "", 0)

    # what happens ----------------------------------------------------------------------------------------------------------
    def _do(self, deed: Callable[[], object]) -> str:
        """Do it in the made-up world; what it was refused with."""
        type(self).deeds += 1
        refused = ""
        with self.world.made_up():
            try:
                deed()
            except AemoOpsError as error:
                refused = str(error)
            except Killed:  # the process is gone, and our engine with it; the next one begins with the journal
                self.world.halt()
        self.world.dead, self.world.to_kill, self.world.full, self.world.growing = False, 0, 0, 0
        return refused

    @rule()
    def time_goes_by(self) -> None:
        self.world.tick()

    @rule(jump=st.sampled_from([-60, -5, 60, 24 * 60]))
    def the_clock_jumps(self, jump: int) -> None:
        self.world.now += timedelta(minutes=jump)

    @rule(deaf=st.booleans())
    def somebody_starts_the_old_collector(self, deaf: bool) -> None:
        if len(self.world.alive) < 2:
            self.world.born(deaf)

    @rule()
    def the_old_collector_dies(self) -> None:
        for one in self.world.alive:
            one.alive = False

    @rule()
    def a_supervisor_comes_or_goes(self) -> None:
        self.world.keeps = not self.world.keeps

    @precondition(lambda self: self.world.collecting)
    @rule(hours=st.integers(1, 2000))
    def our_engine_fills_a_hole(self, hours: int) -> None:
        end = floor(self.world.now, STEP) - timedelta(hours=hours)
        Store(self.world.move.data).merge(PRICES5, rows([end]), Mode.INSERT)

    @precondition(lambda self: self._phases()["switch"] not in (Phase.OPEN, Phase.UNDONE))
    @rule()
    def go_back_while_the_new_disk_is_unplugged(self) -> None:
        self.world.halt()
        before, away = self._phases(), self.world.move.base.rename(self.place / "unplugged")
        refused = self._do(lambda: self.world.wizard().rollback(self.world.progress()))
        assert "disk unplugged" in refused and self._phases() == before
        away.rename(self.world.move.base)

    @rule(
        only=st.sampled_from([*STEPS, None]),
        word=st.sampled_from(["SWITCH", "SWITCH", "switch", ""]),
        trouble=st.sampled_from(["", "", "", "kill", "cancel", "full", "grow"]),
        at=st.integers(1, 40),
    )
    def go_on(self, only: str | None, word: str, trouble: str, at: int) -> None:
        wizard = self.world.wizard()
        step = wizard.next()
        if step and step.word and word:
            self._do(lambda: wizard.confirm(step.name, word))
            self.typed = self.typed or word == step.word
        self.world.to_kill = at if trouble == "kill" else 0
        self.world.full = int(trouble == "full")
        self.world.growing = 3 if trouble == "grow" else 0
        progress = self.world.progress(at if trouble == "cancel" else 0)
        before = self._phases()
        self._do(lambda: wizard.run(progress, only))
        after = self._phases()
        if self.flipped and before["copy"] is Phase.DONE and before["catch_up"] is Phase.OPEN:
            # I5: nothing goes on upon a copy that is not what was proved.
            assert after["catch_up"] is Phase.OPEN, "went on upon a flipped bit"
        if before["switch"] is not Phase.DONE and after["switch"] is Phase.DONE:
            assert self.typed, "switched without the word"
            assert not self.world.alive, "switched while an old collector runs"
            self.counted, self.typed = keys(self.world.old), False
            type(self).switches += 1
        if after["copy"] is Phase.DONE is not before["copy"]:
            self.flipped = False

    @rule()
    def go_on_well(self) -> None:
        self.go_on(None, "SWITCH", "", 0)

    @rule(trouble=st.sampled_from(["", "", "kill", "full"]), at=st.integers(1, 30))
    def go_back(self, trouble: str, at: int) -> None:
        self.world.to_kill = at if trouble == "kill" else 0
        self.world.full = int(trouble == "full")
        switched = bool(Note(self.world.move.backup / NOTE).read())
        alive = [one.pid for one in self.world.alive]
        if switched and self.world.new.exists():
            self.owed |= keys(self.world.new)
        refused = self._do(lambda: self.world.wizard().rollback(self.world.progress()))
        if set(self._phases().values()) <= {Phase.UNDONE, Phase.OPEN}:
            self.flipped = False
            if switched and not alive:
                type(self).ways_back += 1
                assert self.owed <= keys(self.world.old), "I6: rows collected since the switch are lost"
            self.owed = set()
        else:
            assert refused or trouble

    @rule()
    def go_back_well(self) -> None:
        self.go_back("", 0)

    @precondition(lambda self: self._phases()["copy"] is Phase.DONE and self._phases()["catch_up"] is Phase.OPEN)
    @rule(where=st.floats(0, 0.999))
    def a_bit_flips_in_the_copy(self, where: float) -> None:
        path = self.world.move.data / "notes.json"
        if path.exists():
            content = bytearray(path.read_bytes())
            content[int(where * len(content))] ^= 1
            path.write_bytes(content)
            os.utime(path, ns=(1, 1))
            self.flipped = True

    @precondition(lambda self: self._phases()["prepare"] is Phase.OPEN)
    @rule()
    def the_source_vanishes_and_comes_back(self) -> None:
        aside = self.place / "aside.parquet"
        self.world.old.rename(aside)
        refused = self._do(lambda: self.world.wizard().run(self.world.progress()))
        aside.rename(self.world.old)
        assert "prices5.parquet" in refused and self._phases()["prepare"] is Phase.OPEN

    # what holds ------------------------------------------------------------------------------------------------------------
    def _phases(self) -> dict[str, Phase]:
        return {one.name: one.phase for one in self.world.wizard().standings()}

    @invariant()
    def no_row_of_the_old_ones_is_ever_lost(self) -> None:
        """I1: the move takes nothing from the source. I3: nor does the new set lack anything once it counts."""
        now = keys(self.world.old)
        assert self.seen <= now
        self.seen = now
        if self._phases()["switch"] is Phase.DONE:
            assert self.counted <= keys(self.world.new)

    @invariant()
    def every_file_under_its_name_is_whole_and_listed(self) -> None:
        """I4, of all that this move wrote."""
        if self.flipped or not self.world.move.data.exists():
            return
        begun = set(Note(self.world.move.backup / MANIFEST).read().get("begun", ()))
        for path in self.world.move.data.glob("*.parquet"):
            if path.name == "prices5.parquet":
                assert path.name in begun
                pq.read_table(path)

    @invariant()
    def one_writer_a_folder(self) -> None:
        """I2: our engine writes only a folder that is ours, and never beside an unfinished way back."""
        if self.world.collecting:
            assert adopted(self.world.move.data) is not None

    @invariant()
    def the_journal_is_whole_and_tells_no_secret(self) -> None:
        """I5, I7."""
        path = self.place / "journal.jsonl"
        if path.exists():
            journal = Journal(path)
            assert journal.broken == ""
            for entry in journal:
                assert entry.kind != "done" or entry.facts.get("evidence") is not None
        for written in [path, *self.world.move.base.rglob("*.json")]:
            if written.exists() and written.name != "notes.json":
                assert SECRET not in written.read_text()
        assert SECRET in self.world.settings.read_text()


@pytest.mark.timeout(7200)
def test_whatever_happens_in_whatever_order_the_invariants_hold(tally: Callable[..., None]) -> None:
    chosen = settings(
        max_examples=400 if SOAK else 12,
        stateful_step_count=30 if SOAK else 20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    Moving.examples = Moving.deeds = Moving.switches = Moving.ways_back = 0
    run_state_machine_as_test(Moving, settings=chosen)
    tally("moves of the state machine", Moving.examples)
    tally("deeds in them", Moving.deeds)
    tally("switches in them", Moving.switches)
    tally("ways back after a switch", Moving.ways_back)
    assert Moving.switches and Moving.ways_back  # or nothing was shown
