"""The runbook's folder was the wrong one: the live one has the newest rows, and every folder with such files is shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.host.processes import Identity
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.migrate.candidates import _telling, candidates, newer
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.programs import Program
from aemo_ops.store.lease import adopt
from tests.conftest import NOON
from tests.migrate.comparing import right, table
from tests.migrate.moving import WANTED, damaged, move, wizard
from tests.migrate.stepping import quiet


def prices(folder: Path, until: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(PRICES5, right(PRICES5)[: 5 * until]), folder / "prices5.parquet")


def end(until: int) -> datetime:
    return right(PRICES5)[5 * until - 1][0]


def test_every_folder_nearby_is_found_with_its_newest_row(tmp_path: Path) -> None:
    for name, until in (("data", 3), ("data 2", 9), ("copies/july/data", 5), (".hidden", 12), ("ssd/data", 12)):
        prices(tmp_path / name, until)
    (tmp_path / "notes").mkdir()
    found = candidates(Move(tmp_path / "data", tmp_path / "ssd", WANTED), [], NOON)
    assert [(one.folder.relative_to(tmp_path).as_posix(), one.newest) for one in found] == [
        ("data", end(3)), ("data 2", end(9)),
    ]  # fmt: skip
    prices(tmp_path / "copies" / "july", 5)
    found = candidates(Move(tmp_path / "data", tmp_path / "ssd", WANTED), [], NOON)
    assert [one.folder.name for one in found] == ["data", "data 2", "july"]
    assert newer(found) == found[1] and "newest interval" in str(found[1])
    assert newer(candidates(Move(tmp_path / "data 2", tmp_path / "ssd", WANTED), [], NOON)) is None


def test_the_source_is_one_even_where_it_is_the_target_and_what_we_write_is_nobody_s_live_folder(
    tmp_path: Path,
) -> None:
    prices(tmp_path / "data", 3)
    prices(tmp_path / "ours", 9)
    (found, ours) = candidates(Move(tmp_path / "data", tmp_path / "data", WANTED), [], NOON)
    assert found.folder == tmp_path / "data" and newer([found, ours]) == ours
    adopt(tmp_path / "ours")
    assert newer([found, ours]) is None


def test_a_folder_that_a_collector_names_is_found_wherever_it_is(tmp_path: Path) -> None:
    prices(tmp_path / "here" / "data", 3)
    prices(tmp_path / "far" / "away" / "live", 9)
    collector = Program(
        Identity(1, 1.0, ""), ("python",), "/", (), {"AEMO_DATA_PATH": str(tmp_path / "far" / "away" / "live")}
    )
    found = candidates(Move(tmp_path / "here" / "data", tmp_path / "ssd", WANTED), [collector], NOON)
    assert [one.folder.name for one in found] == ["data", "live"]


def test_a_move_of_the_wrong_folder_does_not_begin(tmp_path: Path) -> None:
    damaged(tmp_path / "data 2")
    damaged(tmp_path / "old")
    prices(tmp_path / "old", 3)
    for name in ("scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30"):
        (tmp_path / "old" / f"{name}.parquet").unlink()
    assert move(tmp_path).source == tmp_path / "old"
    with pytest.raises(StepRefused, match=r"data 2 has newer rows .* it is probably the live folder"):
        wizard(tmp_path).run(quiet())


def test_a_suggested_pattern_holds_no_secret_of_the_command_line(tmp_path: Path) -> None:
    words = ["python", "unified_collector", "--api-key", "canary-2b8e", "--data", str(tmp_path)]
    assert _telling(words, ["unified_collector"], tmp_path) == "unified_collector"
    plain = [*words[:2], *words[4:]]
    assert _telling(plain, ["unified_collector"], tmp_path) == f"unified_collector --data {tmp_path}"
