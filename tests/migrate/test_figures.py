"""How fast files answer is asked of files that a collector may be writing in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aemo_ops.market.catalogue import PRICES5
from aemo_ops.migrate import inventory, locations
from aemo_ops.migrate.figures import before_and_after
from aemo_ops.migrate.move import Move
from tests.migrate.moving import damaged


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.unlink(), id="away"),
        pytest.param(lambda path: path.write_bytes(b""), id="just begun"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-9]), id="half written"),
        pytest.param(lambda path: path.write_bytes(b"PAR1" + bytes(64) + b"PAR1"), id="rubbish between its marks"),
    ],
)
def test_a_file_that_cannot_be_read_at_this_moment_has_no_figure_and_the_others_have(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    damaged(tmp_path / "old")
    damaged(tmp_path / "ssd" / "data")
    move = Move(tmp_path / "old", tmp_path / "ssd")
    spoil(move.old(PRICES5))
    told = {(row["file"], row["what"]): row for row in before_and_after(move)}
    assert len(told) == 2 * len(move.datasets)
    for (file, _), row in told.items():
        assert (row["old_seconds"] is None) == (file == "prices5.parquet")
        assert row["new_seconds"] >= 0


def test_a_file_that_is_emptied_while_it_is_looked_at_is_no_older_name_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "old"
    damaged(folder)
    older = (folder / "scada30.parquet").rename(folder / "gen_output.parquet")
    assert list(locations._candidates("scada30.parquet", folder)) == [older]
    take = inventory.take

    def emptied(place: Path, wanted: tuple[inventory.Wanted, ...]) -> inventory.Inventory:
        found = take(place, wanted)
        older.write_bytes(b"")
        return found

    monkeypatch.setattr(inventory, "take", emptied)
    assert list(locations._candidates("scada30.parquet", folder)) == []
