"""What an earlier try or another move left behind is never taken for this move's own, nor touched."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import StepRefused, VerificationFailed
from aemo_ops.files import partial_of
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.migrate.carry import lost
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.copying import MANIFEST
from aemo_ops.migrate.steps.switch import NOTE
from tests.conftest import NOON
from tests.migrate.comparing import END, ids, table
from tests.migrate.moving import damaged, wizard
from tests.migrate.stepping import quiet
from tests.migrate.test_steps import check_moved, digests, killed


@pytest.fixture
def place(tmp_path: Path) -> Path:
    damaged(tmp_path / "old")
    return tmp_path


def days_pass(place: Path) -> None:
    """The old collector goes on, into a file that is not in normal form."""
    path = place / "old" / "prices5.parquet"
    before = pq.read_table(path)
    ends = [
        END + number * timedelta(minutes=5) for number in range(1, 288)
    ]  # up to tomorrow, for the clock stands still
    more = table(PRICES5, [(end, name, (1.0,)) for end in ends for name in ids(PRICES5)])
    pq.write_table(pa.concat_tables([before, more.cast(before.schema)]), path)


def test_a_copy_made_anew_is_put_in_normal_form_and_not_the_one_of_days_ago(place: Path) -> None:
    wizard(place).run(quiet())
    days_pass(place)
    (place / "ssd" / "data" / "gen_info.pkl").write_bytes(b"edited")
    for _ in range(2):  # the copy, and then the normal form, do not hold any more: each is done anew
        with pytest.raises(VerificationFailed):
            wizard(place).run(quiet())
    wizard(place).run(quiet())
    old, new = (place / folder / "prices5.parquet" for folder in ("old", "ssd/data"))
    assert lost(PRICES5, old, new, NOON) == []
    assert digests(place / "ssd" / "backup")["prices5.parquet"] == digests(place / "old")["prices5.parquet"]


def test_a_file_in_the_place_of_the_kept_copy_is_named_and_not_taken(place: Path) -> None:
    wizard(place).run(quiet(), only="copy")
    taken = place / "ssd" / "backup" / "prices5.parquet"
    pq.write_table(pq.read_table(place / "old" / "prices5.parquet").slice(100), taken)
    before = taken.read_bytes()
    with pytest.raises(StepRefused, match=r"backup/prices5\.parquet is not the copy that this move made"):
        wizard(place).run(quiet())
    wizard(place).rollback(quiet())
    assert taken.read_bytes() == before
    with pytest.raises(StepRefused, match=r"what another move left \(prices5\.parquet\)"):
        wizard(place).run(quiet())
    taken.unlink()
    wizard(place).run(quiet())
    check_moved(place, digests(place / "old"))


def test_a_place_with_another_move_s_way_back_is_refused(place: Path) -> None:
    wizard(place).run(quiet())
    Note(place / "ssd" / "backup" / NOTE).write(at="2026-01-01T00:00:00", collectors=[])
    (place / "journal.jsonl").unlink()
    with pytest.raises(StepRefused, match="holds files already, which this move did not make") as refused:
        wizard(place).run(quiet())
    assert "Choose another folder" in str(refused.value) and "away" not in str(refused.value).partition("ssd/backup")[0]
    shutil.move(place / "ssd" / "data", place / "aside")
    before = digests(place / "ssd" / "backup")
    with pytest.raises(StepRefused, match="what another move left") as refused:
        wizard(place).run(quiet())
    assert all(name in str(refused.value) for name in ("prices5.parquet", MANIFEST, NOTE))
    assert digests(place / "ssd" / "backup") == before and not (place / "ssd" / "data").exists()


def test_what_a_killed_copy_left_half_written_goes_with_the_rollback(place: Path) -> None:
    wizard(place).run(quiet(), only="prepare")
    assert killed(place, "run", "copy.copying")
    data = place / "ssd" / "data"
    assert [path for path in data.iterdir() if path.name.endswith(".partial")]
    wizard(place).rollback(quiet())
    assert not (place / "ssd").exists()


def test_a_half_written_copy_that_stayed_is_no_reason_to_refuse(place: Path) -> None:
    data = place / "ssd" / "data"
    data.mkdir(parents=True)
    partial_of(data / "prices5.parquet").write_bytes(b"PAR1")
    (data / ".somebody's").touch()
    with pytest.raises(StepRefused, match=r"did not make \(\.somebody's\): they were not touched"):
        wizard(place).run(quiet())
    (data / ".somebody's").unlink()
    wizard(place).run(quiet())
    check_moved(place, digests(place / "old"))


def test_an_empty_folder_of_logs_that_went_away_is_no_failure(place: Path) -> None:
    wizard(place).run(quiet())
    (place / "ssd" / "logs").rmdir()
    assert {one.phase for one in wizard(place).run(quiet())} == {Phase.DONE}


def test_a_folder_of_ours_that_went_away_is_made_again_but_not_beside_a_disk_that_is_unplugged(place: Path) -> None:
    wizard(place).run(quiet(), only="copy")
    shutil.rmtree(place / "ssd" / "data")
    with pytest.raises(VerificationFailed, match="data is not there any more"):
        wizard(place).run(quiet())
    (place / "ssd").rename(place / "unplugged")
    with pytest.raises(StepRefused, match="ssd is not there any more: plug its disk in"):
        wizard(place).run(quiet())
    assert not (place / "ssd").exists()
    (place / "unplugged").rename(place / "ssd")
    with pytest.raises(VerificationFailed, match=r"prices5\.parquet is not there any more"):  # its folder is again
        wizard(place).run(quiet())
    wizard(place).run(quiet())
    check_moved(place, digests(place / "old"))
