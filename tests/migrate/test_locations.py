"""Each file of the set has its own place: found where settings point and in the folders around, or chosen, or left out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aemo_ops.market.catalogue import DATASETS, PRICES30, ROOFTOP30, SCADA5, SCADA30, TRANSMISSION5
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.inventory import USUAL, State, Wanted
from aemo_ops.migrate.locations import Around, located
from aemo_ops.migrate.move import Move
from aemo_ops.store.lease import adopt
from tests.migrate.comparing import right, table

NEVER = ("no such collector",)


def write(dataset: Dataset, path: Path, rows: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(dataset, right(dataset)[:rows]), path)
    return path


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """The folders as the users' plan has them: spaces on the way, the parquet files in one, the dashboard's data in another."""
    return tmp_path / "Mobile Documents" / "AEMO_spot"


@pytest.fixture
def move(drive: Path, tmp_path: Path) -> Move:
    for dataset in DATASETS:
        write(dataset, drive / dataset.file_name)
    data = drive / "aemo-energy-dashboard" / "data"
    data.mkdir(parents=True)
    (data / "gen_info.pkl").write_bytes(b"\x80\x04never loaded")
    (drive / "renewable_records.json").write_text("{}")
    return Move(drive, tmp_path / "ssd", USUAL, NEVER)


def test_the_plan_s_layout_is_found_whole_and_nothing_bars_its_beginning(move: Move, drive: Path) -> None:
    found = located(move)
    assert found.files == {"gen_info.pkl": drive / "aemo-energy-dashboard" / "data" / "gen_info.pkl"}
    items = {item.name: item for item in found.inventory().items}
    assert found.inventory().blocking == []
    assert items["gen_info.pkl"].state is State.THERE and items["price_alert_state.pkl"].state is State.ABSENT
    assert items["renewable_records.json"].path == drive / "renewable_records.json"


def test_what_only_the_dashboard_needs_bars_nothing_when_it_is_nowhere(move: Move, drive: Path) -> None:
    (drive / "aemo-energy-dashboard" / "data" / "gen_info.pkl").unlink()
    assert located(move) == move and move.inventory().blocking == []


def test_a_further_dataset_of_the_catalogue_is_no_required_file_of_a_move() -> None:
    seven = {"prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30"}
    assert {one.name for one in USUAL if one.required} == {f"{name}.parquet" for name in seven}


def test_a_file_is_where_the_settings_of_a_program_say(
    move: Move, drive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearer = drive / "aemo-energy-dashboard" / "data" / "gen_info.pkl"
    named = tmp_path / "far away" / "gen_info.pkl"
    named.parent.mkdir()
    nearer.rename(named)
    nearer.write_bytes(b"an old copy")
    (drive / "aemo-energy-dashboard" / ".env").write_text(f'GEN_INFO_FILE="{named}"\nSMTP_PASSWORD=never-read\n')
    assert located(move).files["gen_info.pkl"] == named
    monkeypatch.setenv("HOME", str(tmp_path))
    (drive / "aemo-energy-dashboard" / ".env").write_text("GEN_INFO_FILE='~/far away/gen_info.pkl'\n")
    assert located(move).files["gen_info.pkl"] == named


def test_our_own_setting_names_it_too(move: Move, drive: Path, tmp_path: Path) -> None:
    named = tmp_path / "elsewhere" / "gen_info.pkl"
    named.parent.mkdir()
    (drive / "aemo-energy-dashboard" / "data" / "gen_info.pkl").rename(named)
    assert located(move, named).files["gen_info.pkl"] == named


def test_of_several_the_newest_is_taken_and_what_is_ours_never(move: Move, drive: Path, tmp_path: Path) -> None:
    (drive / "scada30.parquet").unlink()
    write(SCADA30, drive / "old copies" / "scada30.parquet", 3)
    newest = write(SCADA30, drive.parent / "aemo-data-updater" / "data 2" / "scada30.parquet")
    write(SCADA30, tmp_path / "ssd" / "data" / "scada30.parquet")
    write(SCADA30, drive / "ours" / "scada30.parquet")
    adopt(drive / "ours")
    found = located(move)
    assert found.files["scada30.parquet"] == newest
    assert found.sources == (drive, newest.parent), "who writes there is looked for too"


def test_a_place_that_was_chosen_stays_and_what_is_left_out_is_not_looked_for(move: Move, drive: Path) -> None:
    chosen = write(SCADA30, drive / "old copies" / "scada30.parquet", 3)
    given = Move(
        drive, move.base, USUAL, NEVER, files={"scada30.parquet": chosen}, without={"gen_info.pkl": "not used"}
    )
    found = located(given)
    assert found.files == {"scada30.parquet": chosen}
    items = {item.name: item for item in found.inventory().items}
    assert items["scada30.parquet"].rows == 3 and items["gen_info.pkl"].state is State.LEFT_OUT
    assert "gen_info.pkl" not in {one.name for one in found.taken}


def test_a_dataset_that_is_left_out_is_no_part_of_the_move(move: Move, drive: Path) -> None:
    (drive / "rooftop30.parquet").unlink()
    assert located(move).inventory().blocking == ["rooftop30.parquet is absent"]
    left = Move(drive, move.base, USUAL, NEVER, without={"rooftop30.parquet": "never collected"})
    assert located(left).inventory().blocking == [] and ROOFTOP30 not in left.datasets


def older(dataset: Dataset, path: Path) -> None:
    """As an older collector wrote it: the time as index, names in capitals."""
    frame = table(dataset, right(dataset)).to_pandas().rename(columns=str.upper).set_index("SETTLEMENTDATE")
    frame.to_parquet(path)


def test_older_names_are_the_datasets_that_their_times_say(move: Move, drive: Path) -> None:
    for dataset, name in ((SCADA5, "gen_output"), (PRICES30, "spot_hist"), (TRANSMISSION5, "transmission_flows")):
        (drive / dataset.file_name).unlink()
        older(dataset, drive / f"{name}.parquet")
    (drive / "rooftop30.parquet").unlink()
    times = [right(ROOFTOP30)[0][0] + n * timedelta(minutes=5) for n in range(12)]
    pd.DataFrame({"settlementdate": times, "NSW1": 1.0}).to_parquet(drive / "rooftop_solar.parquet")
    found = located(move)
    assert {name: path.name for name, path in found.files.items() if name.endswith(".parquet")} == {
        "scada5.parquet": "gen_output.parquet",
        "prices30.parquet": "spot_hist.parquet",
        "transmission5.parquet": "transmission_flows.parquet",
        "rooftop30.parquet": "rooftop_solar.parquet",
    }
    assert found.inventory().blocking == []
    assert (
        next(item for item in found.inventory().items if item.name == "prices30.parquet").last == right(PRICES30)[-1][0]
    )


def test_a_name_in_another_case_is_the_file(move: Move, drive: Path) -> None:
    (drive / "prices5.parquet").rename(drive / "Prices5.PARQUET")
    assert located(move).files["prices5.parquet"].name == "Prices5.PARQUET"


def test_where_was_looked_can_be_told(move: Move, drive: Path) -> None:
    (drive / "aemo-energy-dashboard" / ".env").write_text("DATA_DIR=data\n")
    around = Around(move)
    assert around.folders[0] == drive and drive / "aemo-energy-dashboard" / "data" in around.folders
    assert around.env_files == (drive / "aemo-energy-dashboard" / ".env",)


def test_a_move_is_the_same_one_whatever_it_found_and_a_person_agreed_to_since(move: Move, drive: Path) -> None:
    found = located(move).agreeing(["accept_loss"])
    assert move.is_same(found) and Move.of(found.inputs()) == found
    other = Move(drive, move.base, USUAL, NEVER, files={"gen_info.pkl": drive / "x.pkl"})
    assert not other.is_same(found) and not found.is_same(move)
    assert not Move(drive, move.base, (Wanted("prices5.parquet", True),), NEVER).is_same(found)


def test_a_journal_of_an_earlier_version_says_the_same_of_a_move(move: Move) -> None:
    assert set(move.inputs()) == {
        "source", "base", "wanted", "patterns", "drop_columns", "env_file", "repositories", "watch_hours", "dashboard"
    }  # fmt: skip
