"""Mistakes that a person can make before anything is done: each bars the way, with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aemo_ops.errors import StepRefused
from aemo_ops.migrate.undertaking import Undertaking
from aemo_ops.settings import Settings
from aemo_ops.store.lease import adopt
from tests.migrate.moving import damaged, move
from tests.migrate.stepping import quiet


@pytest.fixture
def place(tmp_path: Path) -> Path:
    damaged(tmp_path / "old")
    return tmp_path


def undertaking(place: Path, base: str = "ssd") -> Undertaking:
    settings = Settings(home=place / "home", data_path=place / "ours")
    return Undertaking(settings, replace(move(place), base=place / base))


def test_a_place_that_nobody_uses_is_all_right(place: Path) -> None:
    assert undertaking(place).step("prepare").check() is None


def test_the_old_folder_is_written_and_no_program_is_known_to_write_it(place: Path) -> None:
    (place / "old" / "prices5.parquet").touch()
    reason = undertaking(place).step("prepare").check()
    assert reason and reason.startswith("prices5.parquet was written at")
    assert "no program runs whose command line holds 'no such collector'" in reason
    with (
        Undertaking(Settings(home=place / "home"), move(place)) as begun,
        pytest.raises(StepRefused, match="was written"),
    ):
        begun.wizard.run(quiet(), "prepare")
    assert not (place / "ssd").exists()


def test_a_folder_that_this_app_writes_itself_needs_no_other_writer(place: Path) -> None:
    adopt(place / "old")
    (place / "old" / "prices5.parquet").touch()
    assert undertaking(place).step("prepare").check() is None


@pytest.mark.parametrize("base", ["ours", "ours/moved", "home"])
def test_the_app_s_own_folders_are_no_new_place(place: Path, base: str) -> None:
    (place / "ours").mkdir()
    (place / "home").mkdir()
    reason = undertaking(place, base).step("prepare").check()
    assert reason and "choose a folder apart from it" in reason and str(place / base.split("/")[0]) in reason


def test_a_link_below_the_new_place_leads_to_no_folder_of_the_app(place: Path) -> None:
    (place / "home" / "logs").mkdir(parents=True)
    (place / "ssd").mkdir()
    (place / "ssd" / "logs").symlink_to(place / "home")
    reason = undertaking(place).step("prepare").check()
    assert reason and f"{place / 'ssd' / 'logs'} is {place / 'home'}, where this app keeps its own state" in reason


def test_a_folder_that_is_not_there_is_not_made_on_the_way(place: Path) -> None:
    reason = undertaking(place, "Volumes/SSD/aemo").step("prepare").check()
    assert reason and reason.startswith(f"{place / 'Volumes'} does not exist")
