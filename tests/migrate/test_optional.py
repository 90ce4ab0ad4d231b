"""A file that the old collector need not have and has not: everything goes on without it, and back again (FAULTS 19)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aemo_ops.market.catalogue import ROOFTOP30
from aemo_ops.market.dataset import Mode
from aemo_ops.migrate.inventory import Wanted
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.comparing import Gate
from aemo_ops.store.parquet import Store
from tests.migrate.comparing import right, table
from tests.migrate.simulated import World, keys


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.move = replace(made.move, wanted=(*made.move.wanted, Wanted(ROOFTOP30.file_name, False)))
    return made


def test_the_move_goes_through_without_it_and_back(world: World) -> None:
    rooftop = table(ROOFTOP30, right(ROOFTOP30))
    with world.made_up():
        world.wizard().run(world.progress(), "compare")
        Store(world.move.data).merge(ROOFTOP30, rooftop, Mode.INSERT)  # our engine collects it
        wizard = world.wizard()
        wizard.confirm("switch", "SWITCH")
        assert {one.phase for one in wizard.run(world.progress())} == {Phase.DONE}
        world.tick()
        new = keys(world.new)
        assert {one.phase for one in world.wizard().rollback(world.progress())} == {Phase.UNDONE}
    assert new <= keys(world.old) and world.alive
    assert not (world.move.source / ROOFTOP30.file_name).exists()


def test_the_comparison_asks_for_no_evidence_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Any = SimpleNamespace()
    gate = Gate(world.move, nobody, nobody, nobody)
    monkeypatch.setattr(gate, "_both", lambda dataset: set())
    assert list(gate.counts()) == ["prices5"]
    (world.move.source / ROOFTOP30.file_name).touch()
    assert list(gate.counts()) == ["prices5", "rooftop30"]
