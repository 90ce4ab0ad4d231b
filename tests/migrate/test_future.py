"""One row that is dated after now is a mistake of its writer's: nothing is judged by it.

Up to tomorrow it goes along, for it may become due. A later one has no place in the normal form: the move stops.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.market.intervals import floor
from aemo_ops.migrate.candidates import candidates, newer
from aemo_ops.migrate.step import Phase, Standing
from aemo_ops.migrate.steps.copying import copied_until
from tests.conftest import NOON
from tests.migrate.simulated import REGIONS, STEP, World, keys, rows

AHEAD = floor(NOON, STEP) + timedelta(hours=20)


def mistaken(path: Path, at: datetime = AHEAD) -> None:
    pq.write_table(pa.concat_tables([pq.read_table(path), rows([at])]), path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    mistaken(made.old)
    return made


def go(world: World, only: str) -> dict[str, Standing]:
    wizard = world.wizard()
    with world.made_up():
        if only == "switch":
            wizard.confirm("switch", "SWITCH")
        return {one.name: one for one in wizard.run(world.progress(), only)}


def test_the_move_goes_up_to_the_switch_and_takes_everything_along(world: World) -> None:
    go(world, "normal")
    assert copied_until(world.move, PRICES5) == floor(NOON, STEP) - timedelta(days=2)
    for _ in range(4):  # the old collector gets what ours, begun later, does not have of itself
        world.tick()
    world.since = world.now
    told = go(world, "compare")["catch_up"].evidence["datasets"][0]
    assert told["until"] == floor(world.now, STEP).isoformat() and told["inserted"] == 4 * len(REGIONS)
    world.tick()
    assert go(world, "switch")["switch"].phase is Phase.DONE
    assert keys(world.old) <= keys(world.new) and (AHEAD, REGIONS[0]) in keys(world.new)


def test_a_row_after_tomorrow_stops_the_move_before_it_would_be_left_out(tmp_path: Path) -> None:
    world, never = World(tmp_path), floor(NOON, STEP) + timedelta(days=280)
    mistaken(world.old, never)
    with pytest.raises(
        StepRefused, match=rf"{len(REGIONS)} rows are dated before 1998 or after tomorrow.*agree to that"
    ):
        go(world, "normal")
    assert keys(world.new) == keys(world.old)


def test_a_file_that_goes_on_after_the_copy_is_no_loss_of_the_copy(world: World) -> None:
    go(world, "catch_up")
    world.tick()
    world.halt()  # the old collector is the first to get what comes next
    for _ in range(3):
        world.tick()
    assert go(world, "catch_up")["copy"].phase is Phase.DONE


def test_the_report_tells_how_far_the_copy_went_and_not_how_far_our_engine_came(tmp_path: Path) -> None:
    world = World(tmp_path)
    go(world, "normal")
    copied = floor(world.now, STEP)
    for _ in range(3):
        world.tick()
    assert go(world, "catch_up")["catch_up"].evidence["datasets"][0]["mark"] == copied.isoformat()


def test_a_folder_with_such_a_row_is_not_the_live_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    other = tmp_path / "stale"
    other.mkdir()
    pq.write_table(rows([floor(NOON, STEP) - timedelta(days=9)]), other / "prices5.parquet")
    mistaken(other / "prices5.parquet")
    found = candidates(world.move, [], world.now)
    assert [one.newest for one in found] == [floor(NOON, STEP), floor(NOON, STEP) - timedelta(days=9)]
    assert newer(found) is None
    mistaken(world.old)
    again = candidates(world.move, [], world.now)
    assert [one.newest for one in again] == [one.newest for one in found]
