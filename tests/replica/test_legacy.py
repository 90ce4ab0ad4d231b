"""The stand-in behaves as the collector that users move away from: rows right where it has them, and its own kinds of damage."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock
from aemo_ops.host import processes
from aemo_ops.market import catalogue
from aemo_ops.replica import Replica, Shelf
from tests.conftest import NOON, generated
from tests.waiting import until

Start = Callable[..., "subprocess.Popen[bytes]"]
HOUR = timedelta(hours=1)


@pytest.fixture
def here() -> Iterator[tuple[Replica, Shelf]]:
    """A site that keeps three units: quick, and with batteries among them."""
    shelf = generated(units=40)
    with Replica(shelf, Clock.starting(NOON, 0)) as site:
        yield site, shelf


@pytest.fixture
def start(tmp_path: Path, here: tuple[Replica, Shelf]) -> Iterator[Start]:
    begun: list[subprocess.Popen[bytes]] = []

    def begin(*words: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "aemo_ops.replica.legacy",
            "unified_collector",
            "--data",
            str(tmp_path / "data 2"),
        ]
        with (tmp_path / f"log{len(begun)}").open("wb") as log:
            begun.append(subprocess.Popen([*command, "--url", here[0].url, *words], stdout=log, stderr=log))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()


def once(start: Start, *variants: str) -> None:
    words = [word for variant in variants for word in ("--variant", variant)]
    assert start("--test", *words).wait(60) == 0


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "data 2" / f"{name}.parquet")


def ends(folder: Path, name: str) -> list[datetime]:
    return sorted(pd.Timestamp(end).to_pydatetime() for end in read(folder, name)["settlementdate"].unique())


def test_a_restart_reads_the_last_five_and_leaves_a_hole(
    start: Start, tmp_path: Path, here: tuple[Replica, Shelf]
) -> None:
    site, shelf = here
    once(start)
    first = [datetime(2026, 4, 20, 12, 5) - timedelta(minutes=5 * back) for back in range(5)][::-1]
    assert ends(tmp_path, "prices5") == ends(tmp_path, "transmission5") == first
    # SCADA's file of 12:05 is not out at 12:01
    assert ends(tmp_path, "scada5") == [end - timedelta(minutes=5) for end in first]
    site.clock = Clock.starting(NOON + 2 * HOUR, 0)
    once(start)
    assert ends(tmp_path, "prices5") == first + [end + 2 * HOUR for end in first]
    for name in ("prices5", "scada5", "transmission5"):
        dataset = catalogue.dataset(name)
        known = {row[:2]: row[2:] for row in shelf.ever(name, NOON - HOUR, NOON + 3 * HOUR)}
        for row in read(tmp_path, name)[list(dataset.schema.names)].itertuples(index=False):
            assert known[row[0].to_pydatetime(), row[1]] == row[2:]


def test_its_half_hour_is_made_of_what_is_there_and_never_again(start: Start, tmp_path: Path) -> None:

    once(start)
    fives, halves = read(tmp_path, "scada5"), read(tmp_path, "scada30")
    noon = fives[fives["settlementdate"] <= NOON.replace(minute=0)]
    assert noon["settlementdate"].nunique() == 5  # 11:40 to 12:00: not six
    expected = noon.groupby("duid")["scadavalue"].mean()
    assert halves.set_index("duid")["scadavalue"].to_dict() == pytest.approx(expected.to_dict())
    once(start)
    pd.testing.assert_frame_equal(read(tmp_path, "scada30"), halves)


@pytest.mark.parametrize(
    ("variant", "value"),
    [
        ("five-of-six", lambda six: sum(six[1:]) / 5),
        ("half-sum", lambda six: sum(six[1:]) / 2),
        (None, lambda six: sum(six) / 6),
    ],
)
def test_a_whole_half_hour_in_each_of_its_ways(
    start: Start,
    tmp_path: Path,
    here: tuple[Replica, Shelf],
    variant: str | None,
    value: Callable[[list[float]], float],
) -> None:
    site, shelf = here
    for minute in (10, 30):  # two visits, so that all six are there
        site.clock = Clock.starting(NOON.replace(minute=minute), 0)
        (tmp_path / "data 2" / "scada30.parquet").unlink(missing_ok=True)
        once(start, *([variant] if variant else []))
    half = NOON.replace(minute=30)
    rows = shelf.ever("scada5", half - HOUR / 2, half)
    found = read(tmp_path, "scada30")
    found = found[found["settlementdate"] == half].set_index("duid")["scadavalue"].to_dict()
    six: dict[str, list[float]] = {}
    for _, duid, megawatts in rows:
        six.setdefault(str(duid), []).append(float(megawatts))  # type: ignore[arg-type]
    whole = {duid: value(values) for duid, values in six.items() if len(values) == 6}
    assert len(whole) > 20 and {duid: found[duid] for duid in whole} == pytest.approx(whole)


def test_each_kind_of_damage(start: Start, tmp_path: Path) -> None:
    once(start, "us", "extra-columns", "no-negatives", "metered-only", "off-grid")
    folder = tmp_path / "data 2"
    assert str(pq.read_schema(folder / "prices5.parquet").field("settlementdate").type) == "timestamp[us]"
    assert list(read(tmp_path, "rooftop30").columns)[3:] == ["quality_indicator", "type", "source_archive"]
    assert (read(tmp_path, "scada5")["scadavalue"] >= 0).all()
    flows = read(tmp_path, "transmission5")
    assert flows["meteredmwflow"].notna().all() and flows["mwflow"].isna().all()
    assert (read(tmp_path, "prices30")["settlementdate"].dt.minute % 30 != 0).any()
    assert {"known_duids.txt", "price_alert_state.pkl", "renewable_records.json", "gen_info.pkl"} <= {
        path.name for path in folder.iterdir()
    }


def test_right_files_have_the_right_columns(start: Start, tmp_path: Path) -> None:
    once(start)
    for dataset in catalogue.DATASETS:
        schema = pq.read_schema(tmp_path / "data 2" / dataset.file_name).remove_metadata()
        assert schema.names == dataset.schema.names and schema.field(0).type == dataset.schema.field(0).type
    assert (read(tmp_path, "scada5")["scadavalue"] < 0).any()


def test_killed_in_the_middle_of_a_write_it_leaves_a_torn_file(start: Start, tmp_path: Path) -> None:
    process = start("--variant", "slow-write")
    path = tmp_path / "data 2" / "prices5.parquet"
    until(lambda: path.exists() and path.stat().st_size > 0, "it writes")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == -signal.SIGTERM
    with pytest.raises(Exception, match=r"magic bytes|footer"):
        pq.read_table(path)


def test_it_is_found_in_the_list_of_processes_and_one_that_is_deaf_does_not_end(start: Start, tmp_path: Path) -> None:
    process = start("--variant", "deaf")
    until(lambda: (tmp_path / "data 2" / "known_duids.txt").exists(), "its first cycle ends")
    (found,) = [one for one in processes.find(["unified_collector"]) if one.identity.pid == process.pid]
    assert processes.stop(found.identity, 0.3) is False and process.poll() is None
