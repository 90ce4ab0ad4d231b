"""Every state of a file is told for what it is, and nothing is opened that may not be."""

from __future__ import annotations

import os
import shutil
import stat as modes
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from aemo_ops.market.catalogue import DATASETS, PRICES5
from aemo_ops.migrate import inventory
from aemo_ops.migrate.inventory import Inventory, Item, Kind, State
from tests.conftest import NOON
from tests.migrate.comparing import END, right, table


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with everything in it."""
    folder = tmp_path / "data 2"
    folder.mkdir()
    for dataset in DATASETS:
        pq.write_table(table(dataset, right(dataset)), folder / dataset.file_name)
    for name in ("gen_info.pkl", "price_alert_state.pkl", "renewable_records.json", "known_duids.txt"):
        (folder / name).write_bytes(b"x")
    return folder


def item(found: Inventory, name: str) -> Item:
    (one,) = (one for one in found.items if one.name == name)
    return one


def test_a_whole_folder_is_moved_whole(old: Path) -> None:
    found = inventory.take(old)
    assert found.blocking == [] and len(found.moved) == len(DATASETS) + 4 and found.newest(NOON) == END
    prices = item(found, "prices5.parquet")
    rows = right(PRICES5)
    assert (prices.rows, prices.first, prices.last) == (len(rows), rows[0][0], rows[-1][0])
    assert prices.size == (old / "prices5.parquet").stat().st_size and prices.required
    assert isinstance(prices.written, datetime)


def test_a_required_file_that_is_absent_blocks_and_an_optional_one_does_not(old: Path) -> None:
    (old / "scada30.parquet").unlink()
    (old / "price_alert_state.pkl").unlink()
    found = inventory.take(old)
    assert found.blocking == ["scada30.parquet is absent"]
    assert item(found, "price_alert_state.pkl").state is State.ABSENT
    assert inventory.take(old / "none").moved == []


@pytest.mark.parametrize("name", ["prices5.parquet", "renewable_records.json"])
def test_one_that_may_not_be_read_is_an_error_also_where_it_is_optional(
    old: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def refusing(self: Path, *args: object, **more: object) -> object:
        if self.name == name:
            raise PermissionError(1, "Operation not permitted")
        return real(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "access", lambda path, how: Path(path).name != name)
    monkeypatch.setattr(Path, "open", refusing)
    found = inventory.take(old)
    assert item(found, name).state is State.UNREADABLE and "full disk access" in item(found, name).detail
    assert len(found.blocking) == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 400, b"no parquet at all"])
def test_a_torn_file_is_not_whole(old: Path, content: bytes) -> None:
    (old / "scada5.parquet").write_bytes(content)
    found = inventory.take(old)
    assert item(found, "scada5.parquet").state is State.BROKEN and "scada5.parquet is not whole" in found.blocking[0]


def test_what_icloud_took_away_is_not_downloaded_and_is_not_opened(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old / "gen_info.pkl").rename(old / ".gen_info.pkl.icloud")
    real = Path.stat

    def dataless(self: Path, **how: bool) -> object:
        found = real(self, **how)
        if self.name != "scada30.parquet":
            return found
        told = {name: getattr(found, name) for name in dir(found) if name.startswith("st_")}
        return SimpleNamespace(**{**told, "st_flags": 0x40000000})

    monkeypatch.setattr(Path, "stat", dataless)
    opened: list[str] = []
    open_ = inventory.opened
    monkeypatch.setattr(inventory, "opened", lambda path: (opened.append(path.name), open_(path))[1])
    found = inventory.take(old, [inventory.Wanted("gen_info.pkl", True), inventory.Wanted("scada30.parquet", True)])
    assert [one.state for one in found.items[:2]] == [State.EVICTED, State.EVICTED]
    assert found.items[1].size > 0 and "prices5.parquet" in opened and "scada30.parquet" not in opened
    assert len(found.blocking) == 2 and "Download Now" in found.blocking[0]


def test_links_folders_and_pipes_are_told_and_nothing_waits(old: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.parquet"
    (old / "prices5.parquet").rename(real)
    (old / "prices5.parquet").symlink_to(real)
    (old / "scada5.parquet").unlink()
    (old / "scada5.parquet").symlink_to(tmp_path / "gone")
    (old / "prices30.parquet").unlink()
    os.mkfifo(old / "prices30.parquet")
    (old / "rooftop30.parquet").unlink()
    (old / "rooftop30.parquet").mkdir()
    os.link(old / "scada30.parquet", tmp_path / "hard")
    found = inventory.take(old)
    assert item(found, "prices5.parquet").leads_to == real.resolve() and item(found, "prices5.parquet").rows
    assert (
        item(found, "scada5.parquet").state is State.ABSENT
        and "does not exist" in found.blocking[0] + found.blocking[1]
    )
    assert item(found, "prices30.parquet").state is State.NO_FILE
    assert item(found, "rooftop30.parquet").detail == "a folder"
    assert item(found, "scada30.parquet").links == 2
    assert modes.S_ISFIFO((old / "prices30.parquet").stat().st_mode)


def test_conflict_copies_and_others_are_listed_and_stay(old: Path) -> None:
    for name in (
        "scada5 2.parquet",
        "prices5 (a conflicted copy 2025-07-01).parquet",
        "notes.txt",
        "Gen_output.parquet",
    ):
        shutil.copy(old / "scada5.parquet", old / name)
    (old / "collector.log").write_text("not listed")
    found = inventory.take(old)
    others = {one.name: one.kind for one in found.items if one.kind is not Kind.DECLARED}
    assert others == {
        "scada5 2.parquet": Kind.COPY,
        "prices5 (a conflicted copy 2025-07-01).parquet": Kind.COPY,
        "Gen_output.parquet": Kind.OLDER,
        "notes.txt": Kind.OTHER,
    }
    assert {one.kind for one in found.moved} == {Kind.DECLARED}


def test_another_case_is_no_file_of_ours_where_the_disk_tells_them_apart(old: Path) -> None:
    (old / "prices5.parquet").rename(old / "Prices5.parquet")
    assert inventory.take(old).blocking == ["prices5.parquet is absent (but Prices5.parquet is there: rename it)"]


@pytest.mark.parametrize(
    "name", ["a b.txt", "it's.txt", "$(touch x).txt", "Größe 💾.txt", "two\nlines.txt", '"quoted".txt']
)
def test_names_of_any_kind_are_told_as_they_are(old: Path, name: str) -> None:
    (old / name).write_text("x")
    assert item(inventory.take(old), name).kind is Kind.OTHER
