"""The way back from a switch: refused, with nothing undone and nothing removed, wherever a row could be lost by it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused, VerificationFailed
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.market.intervals import floor
from aemo_ops.migrate import torn
from aemo_ops.migrate.note import NOTE, Note
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.watching import Watch
from aemo_ops.store.parquet import Store
from tests.conftest import NOON
from tests.migrate.simulated import STEP, World, keys, rows


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An hour after the switch."""
    made = World(tmp_path)
    made.run()
    for _ in range(12):
        made.tick()
    return made


def phases(world: World) -> dict[str, Phase]:
    return {one.name: one.phase for one in world.wizard().standings()}


def refused(world: World, match: str) -> None:
    """A rollback is, and nothing changes by that."""
    before = phases(world), keys(world.old), keys(world.new)
    with pytest.raises(StepRefused, match=match):
        world.rollback()
    assert (phases(world), keys(world.old), keys(world.new)) == before


def all_back(world: World) -> None:
    """A rollback brings every row into the old file, and one old collector runs."""
    owed = keys(world.new) | keys(world.old)
    world.rollback()
    assert owed <= keys(world.old) and set(phases(world).values()) == {Phase.UNDONE}
    assert len(world.alive) == 1


def test_while_the_new_disk_is_unplugged_nothing_is_undone(world: World) -> None:
    world.halt()
    away = world.move.base.rename(world.place / "unplugged")
    for _ in range(2):
        refused(world, r"ssd/data is not there.*is its disk unplugged\? Nothing was undone.* Put the disk back")
    away.rename(world.move.base)
    all_back(world)


def test_without_the_note_of_a_switch_that_was_done_nothing_is_undone(world: World) -> None:
    note = world.move.backup / NOTE
    aside = note.rename(world.place / NOTE)
    refused(world, r"switch.json is not there any more.*Bring it back from a backup, then roll back again")
    aside.rename(note)
    all_back(world)


def test_a_rollback_that_was_killed_when_all_was_back_is_gone_on_with(world: World) -> None:
    owed = keys(world.new)
    world.kill_at = "move.switch.undone"
    world.rollback()
    assert phases(world)["switch"] is Phase.UNDOING and not (world.move.backup / NOTE).exists()
    world.rollback()
    assert set(phases(world).values()) == {Phase.UNDONE} and owed <= keys(world.old) and len(world.alive) == 1


def test_watching_says_in_words_that_the_note_is_missing(world: World) -> None:
    (world.move.backup / NOTE).unlink()
    with pytest.raises(
        StepRefused, match=r"switch.json is not there; it says when the switch was.*bring the file back"
    ):
        Watch(world.move, None, None).check()  # type: ignore[arg-type]


def test_rows_of_long_before_the_switch_that_only_the_new_file_got_come_back(world: World) -> None:
    """Fetched by the nightly healing, a backfill, or the catch-up."""
    Store(world.move.data).merge(PRICES5, rows([floor(NOON, STEP) - timedelta(days=days) for days in (1, 40, 900)]))
    all_back(world)


def test_the_rows_since_the_old_collector_had_died_hours_before_the_switch_come_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run("compare")
    world.olds[0].alive = False
    for _ in range(60):
        world.tick()
    world.run()
    assert len(keys(world.new) - keys(world.old)) > 250
    owed = keys(world.new)
    world.rollback()
    assert owed <= keys(world.old) and not world.new.exists()


def test_an_old_collector_that_a_person_started_between_two_tries_of_a_switch_is_started_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.kill_at = "switch.stopped"
    world.run()
    assert not world.alive
    world.born()
    world.run()
    assert len(Note(world.move.backup / NOTE).read()["collectors"]) == 1
    all_back(world)


def test_after_a_way_back_that_failed_the_rows_collected_since_are_brought_back_too(world: World) -> None:
    """Our engine went on, and a person started the old collector: it has not what came in between."""
    world.ends_at_once = True
    with pytest.raises(VerificationFailed, match="ended again"):
        world.rollback()
    world.ends_at_once = False
    world.engine()
    for _ in range(36):
        world.tick()
    by_hand = world.born()
    world.tick()
    refused(world, r"an old collector runs: process .* end it, then roll back again")
    by_hand.alive = False
    all_back(world)


def test_a_way_back_that_was_killed_when_the_old_collector_ran_again_is_gone_on_with(world: World) -> None:
    owed = keys(world.new)
    world.kill_at = "back.started"
    world.rollback()
    again = world.alive
    assert len(again) == 1
    world.rollback()
    assert world.alive == again and owed <= keys(world.old) and set(phases(world).values()) == {Phase.UNDONE}


def test_a_second_switch_that_fails_beside_a_second_writer_still_owes_the_rows_since_the_first(world: World) -> None:
    world.born()
    with pytest.raises(VerificationFailed, match="an old collector runs again"):
        world.run("switch")
    world.keeps = True
    with pytest.raises(StepRefused, match="an old collector runs again"):
        world.run()
    world.keeps = False
    world.alive[0].alive = False
    all_back(world)


@pytest.mark.parametrize("point", ["", "switch.stopped"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_a_file_that_was_torn_when_its_writer_was_ended_stops_neither_the_move_nor_the_way_back(
    tmp_path: Path, point: str, goes_on: bool
) -> None:
    """The switch may have been killed before it saw that."""
    world = World(tmp_path)
    world.run("compare")
    had = keys(world.old)
    world.tears, world.kill_at = True, point
    world.run()
    world.tears = False
    if goes_on:
        world.run()
        assert world.standing("switch").evidence["torn"] == ["prices5"]
        world.run()  # by another process, which proves again what was done
    assert had <= keys(world.new)
    owed = keys(world.new)
    world.rollback()
    assert owed <= keys(world.old) and len(world.alive) == 1 and set(phases(world).values()) == {Phase.UNDONE}


def test_a_file_that_cannot_be_read_while_somebody_writes_it_is_not_taken_for_torn(world: World) -> None:
    note = Note(world.move.backup / NOTE)
    facts = {name: fact for name, fact in note.read().items() if name != "torn"}
    note.clear()
    note.write(**facts)
    world.old.write_bytes(b"")
    with world.made_up():
        assert torn.known(world.move) == ["prices5"]
        world.born()
        assert torn.known(world.move) == []
