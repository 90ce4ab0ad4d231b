"""The first steps on a damaged data set: refused, done, killed anywhere, undone; the old files never change."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import AemoOpsError, StepRefused, StoreError, VerificationFailed
from aemo_ops.market.catalogue import DATASETS, PRICES5
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Phase
from aemo_ops.store.contract.examination import examine
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import adopt
from tests.conftest import NOON, ROOT, SOAK
from tests.migrate.comparing import right, table
from tests.migrate.moving import damaged, let_rest, move, wizard
from tests.migrate.stepping import quiet

POINTS = [
    *(
        f"move.{step}.{point}"
        for step in ("prepare", "copy", "normal")
        for point in ("intended", "applied", "verified", "done")
    ),
    *(
        "copy.copying",
        "copy.before_flush",
        "copy.verifying",
        "copy.before_replace",
        "copy.after_replace",
        "copy.after_replace:5",
    ),
    *(
        "normal.kept",
        "normal.kept:2",
        "publish.before_replace",
        "normal.written",
        "normal.written:3",
        "journal.written:4",
    ),
]
BACK = [f"move.{step}.{point}" for step in ("prepare", "copy", "normal") for point in ("undoing", "undone")]
REWRITTEN = {"prices5.parquet", "scada5.parquet", "prices30.parquet"}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    damaged(tmp_path / "old")
    return tmp_path


def check_moved(place: Path, before: dict[str, str]) -> None:
    """Every file in normal form with every row on the grid; the copies as they came kept; the old ones as they were."""
    assert digests(place / "old") == before
    data, backup = place / "ssd" / "data", place / "ssd" / "backup"
    assert {path.name for path in data.iterdir()} == set(before)
    for dataset in DATASETS:
        path = data / dataset.file_name
        assert examine(path, NOON, dataset).ok
        pd.testing.assert_frame_equal(pd.read_parquet(path), table(dataset, right(dataset)).to_pandas())
    kept = digests(backup)
    del kept["copied.json"]
    assert kept == {name: before[name] for name in REWRITTEN}
    assert (data / "gen_info.pkl").read_bytes() == (place / "old" / "gen_info.pkl").read_bytes()


def test_a_damaged_data_set_is_copied_proved_and_put_in_normal_form(place: Path) -> None:
    before = digests(place / "old")
    found = {one.name: one for one in wizard(place).run(quiet())}
    check_moved(place, before)
    copies = {fact["name"]: fact for fact in found["copy"].evidence["files"]}
    assert {name: fact["sha256"] for name, fact in copies.items()} == before
    rewritten = {fact["name"]: fact for fact in found["normal"].evidence["files"]}
    assert set(rewritten) == REWRITTEN and rewritten["scada5.parquet"]["duplicates_identical"] == 3
    assert rewritten["prices30.parquet"]["off_grid"] == len(right(PRICES5)) - 20
    assert {name: fact["source_sha256"] for name, fact in rewritten.items()} == {
        name: before[name] for name in REWRITTEN
    }
    states = {item["name"]: item["state"] for item in found["prepare"].evidence["items"]}
    assert states["notes.json"] == "absent" and states["scada5.parquet"] == "there"


def test_done_again_it_verifies_and_writes_nothing(place: Path) -> None:
    wizard(place).run(quiet())
    before = {path: path.stat().st_mtime_ns for path in (place / "ssd").rglob("*")}
    wizard(place).run(quiet())
    assert {path: path.stat().st_mtime_ns for path in (place / "ssd").rglob("*")} == before


def test_what_it_will_do_is_written_out_first_and_changes_nothing(place: Path) -> None:
    steps = wizard(place)._steps
    told = steps[0].plan() + steps[1].plan()
    assert "scada5.parquet: there" in told and "notes.json: absent" in told and "10 files" not in told
    assert not (place / "ssd").exists()


def test_a_required_file_that_is_absent_and_a_place_that_is_taken_refuse(place: Path) -> None:
    (place / "old" / "scada30.parquet").rename(place / "scada30")
    with pytest.raises(StepRefused, match=r"scada30\.parquet is absent"):
        wizard(place).run(quiet())
    (place / "scada30").rename(place / "old" / "scada30.parquet")
    (place / "ssd" / "data").mkdir(parents=True)
    (place / "ssd" / "data" / "prices5.parquet").write_text("somebody's")
    with pytest.raises(StepRefused, match="holds files already"):
        wizard(place).run(quiet())
    assert (place / "ssd" / "data" / "prices5.parquet").read_text() == "somebody's"


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_disk_where_no_file_has_a_second_name_is_refused_before_anything_is_copied(
    place: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuses(self: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "hardlink_to", refuses)
    with pytest.raises(StepRefused, match=r"cannot give a file a second name .* Format that disk as APFS"):
        wizard(place).run(quiet())
    assert [path.name for path in (place / "ssd").rglob("*") if path.name not in ("data", "logs", "backup")] == []
    wizard(place).rollback(quiet())
    assert not (place / "ssd").exists()


def test_columns_that_belong_to_no_dataset_go_only_with_consent(place: Path) -> None:
    path = place / "old" / "rooftop30.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.append_column("quality_indicator", rows["power"]), path)
    let_rest(path.parent)
    with pytest.raises(StepRefused, match="quality_indicator"):
        wizard(place).run(quiet())
    with pytest.raises(StepRefused, match=r"other settings \(drop_columns\)"):
        wizard(place, drop_columns=True).run(quiet())
    wizard(place).rollback(quiet())
    (place / "journal.jsonl").unlink()
    wizard(place, drop_columns=True).run(quiet())
    assert pq.read_schema(place / "ssd" / "data" / "rooftop30.parquet").names == ["settlementdate", "regionid", "power"]


@pytest.mark.parametrize("name", ["prices5.parquet", "transmission30.parquet", "gen_info.pkl"])
def test_a_bit_that_flips_after_the_copy_stops_the_move(place: Path, name: str) -> None:
    wizard(place).run(quiet(), only="copy")
    path = place / "ssd" / "data" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(AemoOpsError):
        wizard(place).run(quiet())
    assert wizard(place).standings()[1].phase is Phase.FAILED


@pytest.mark.parametrize("name", ["prices5.parquet", "transmission30.parquet"])
def test_a_bit_that_flips_after_the_normal_form_stops_the_move(place: Path, name: str) -> None:
    wizard(place).run(quiet())
    path = place / "ssd" / "data" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(AemoOpsError):
        wizard(place).run(quiet())


def test_a_row_that_is_lost_once_the_engine_writes_is_named(place: Path) -> None:
    wizard(place).run(quiet())
    adopt(place / "ssd" / "data")
    wizard(place).run(quiet())
    path = place / "ssd" / "data" / "prices5.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
    end, name, _ = right(PRICES5)[0]
    with pytest.raises(VerificationFailed, match=f"{end} {name}"):
        wizard(place).run(quiet())


def killed(place: Path, deed: str, point: str) -> bool:
    """Whether the process came to that point."""
    name, _, number = point.partition(":")
    action = f"kill:{number}" if number else "kill"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.migrate.moving", str(place), deed],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": f"{name}={action}"},
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode in (-9, 0)
    return ended.returncode == -9


@pytest.mark.parametrize("point", POINTS if SOAK else POINTS[::4])
def test_killed_at_any_point_it_ends_as_if_it_had_not_been(place: Path, point: str) -> None:
    before = digests(place / "old")
    assert killed(place, "run", point), "the point was not reached"
    assert digests(place / "old") == before
    wizard(place).run(quiet())
    check_moved(place, before)


def test_killed_and_meanwhile_the_old_collector_wrote_on(place: Path) -> None:
    assert killed(place, "run", "move.copy.applied")
    path = place / "old" / "prices5.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.slice(5), path)
    pq.write_table(rows, path)
    before = digests(place / "old")
    wizard(place).run(quiet())
    check_moved(place, before)


@pytest.mark.parametrize("point", BACK if SOAK else BACK[::3])
def test_a_rollback_killed_at_any_point_leaves_nothing_of_the_new_and_all_of_the_old(place: Path, point: str) -> None:
    before = digests(place / "old")
    wizard(place).run(quiet())
    assert killed(place, "rollback", point)
    wizard(place).rollback(quiet())
    assert digests(place / "old") == before and not (place / "ssd").exists()
    wizard(place).run(quiet())
    check_moved(place, before)


def test_the_journal_tells_again_what_the_move_was_about(place: Path) -> None:
    wizard(place).run(quiet(), only="prepare")
    begun = next(iter(Journal(place / "journal.jsonl")))
    assert Move.of(begun.facts["inputs"]) == move(place)


def test_while_the_disk_is_away_the_form_of_the_copies_is_not_recorded_as_undone(tmp_path: Path) -> None:
    damaged(tmp_path / "old")
    wizard(tmp_path).run(quiet())
    away = (tmp_path / "ssd").rename(tmp_path / "unplugged")
    with pytest.raises(StoreError, match=r"ssd/data: .*No such file"):
        wizard(tmp_path).rollback(quiet())
    away.rename(tmp_path / "ssd")
    assert {one.phase for one in wizard(tmp_path).rollback(quiet())} == {Phase.UNDONE}
