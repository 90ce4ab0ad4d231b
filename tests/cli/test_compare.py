"""compare from the command line: AEMO's files decide, in the shape that others rely on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aemo_ops.clock import Clock, stamp
from aemo_ops.market import catalogue
from aemo_ops.replica import Replica
from tests.cli.test_collect import Command
from tests.conftest import NOON, generated
from tests.ops import history

# A day that Current has, one that only Archive has: the span reaches over both.
SINCE = NOON.replace(minute=0) - timedelta(days=3)
NAMES = ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")


@dataclass
class Two:
    command: Command
    old: Path
    new: Path
    whole: history.Frames

    def write(self, folder: Path, name: str, frame: pd.DataFrame) -> None:
        dataset = catalogue.dataset(name)
        table = pa.Table.from_pandas(frame, dataset.schema, preserve_index=False).replace_schema_metadata(None)
        pq.write_table(table, folder / dataset.file_name)

    def json(self, *options: str, exit_code: int) -> dict[str, dict[str, object]]:
        told = self.command.json("compare", str(self.old), str(self.new), *options, exit_code=exit_code)
        return {one["dataset"]: one for one in told["datasets"]} | {"verdict": told["verdict"]}


@pytest.fixture
def two(tmp_path: Path, still: Clock) -> Iterator[Two]:
    """Two folders with the same three days."""
    shelf = generated(units=3)
    with Replica(shelf, still) as site:
        still.write(tmp_path / "clock.json")
        settings = {"NEMWEB_URL": site.url, "AEMO_OPS_CLOCK": str(tmp_path / "clock.json")}
        command = Command(tmp_path, {**settings, "AEMO_REQUEST_GAP_SECONDS": "0.001"})
        whole = history.whole(shelf, NAMES, SINCE, NOON - timedelta(hours=1))
        both = Two(command, tmp_path / "old", tmp_path / "new", whole)
        for folder in (both.old, both.new):
            folder.mkdir()
            for name, frame in whole.items():
                both.write(folder, name, frame)
        yield both


def test_two_equal_folders_pass(two: Two) -> None:
    told = two.json(exit_code=0)
    assert told["verdict"] == "pass" and set(told) == {*NAMES, "verdict"}
    for name, frame in two.whole.items():
        one = told[name]
        assert (one["equal"], one["different"], one["only_old"], one["only_new"]) == (len(frame), 0, 0, 0)


def test_aemo_s_own_files_say_that_the_old_ones_were_wrong(two: Two) -> None:
    prices, halves = two.whole["prices5"], two.whole["scada30"].copy()
    gone = prices["settlementdate"].between(SINCE + timedelta(hours=2), SINCE + timedelta(hours=4), inclusive="right")
    two.write(two.old, "prices5", prices[~gone])
    fives = two.whole["scada5"]
    minutes = (fives["settlementdate"].dt.ceil("30min") - fives["settlementdate"]).dt.total_seconds() / 60
    last_five = history.means(catalogue.dataset("scada30"), fives[minutes < 25])
    wrong = halves.merge(last_five, on=["settlementdate", "duid"], suffixes=("", "_five"))["scadavalue_five"]
    different = (halves["scadavalue"] - wrong).abs() > 1e-6
    two.write(two.old, "scada30", halves.assign(scadavalue=wrong))
    told = two.json("--judge", exit_code=0)
    assert told["verdict"] == "pass"
    assert told["prices5"]["explained"] == {"old missed it": int(gone.sum())} and gone.sum() == 24 * 5
    assert told["scada30"]["explained"] == {"old was wrong: the mean of the last five of six": int(different.sum())}
    assert told["scada30"]["samples"][0].keys() == {"settlementdate", "id", "reason", "old", "new", "aemo"}  # type: ignore[index,union-attr]


@pytest.mark.parametrize("name", ["prices5", "scada30", "rooftop30"])
def test_aemo_s_own_files_say_that_the_new_one_is_wrong(two: Two, name: str) -> None:
    frame = two.whole[name].copy()
    at = len(frame) // 3
    frame.loc[at, frame.columns[-1]] += 1.0
    two.write(two.new, name, frame)
    told = two.json("--judge", "--dataset", name, exit_code=2)
    assert told["verdict"] == "block" and set(told) == {name, "verdict"}
    assert told[name]["new_is_wrong"] == {"new is wrong: another value than AEMO's": 1}
    assert told[name]["samples"][0]["settlementdate"] == stamp(frame.loc[at, "settlementdate"])  # type: ignore[index]
    assert two.json("--dataset", name, exit_code=2)[name]["unexplained"] == 1  # nobody was asked


def test_a_span_and_two_files_and_what_cannot_be_compared(two: Two) -> None:
    frame = two.whole["prices5"].copy()
    frame.loc[0, "rrp"] += 1
    two.write(two.new, "prices5", frame)
    files = [str(folder / "prices5.parquet") for folder in (two.old, two.new)]
    assert two.command.json("compare", *files, exit_code=2)["verdict"] == "block"
    later = stamp(SINCE + timedelta(hours=1))
    assert two.command.json("compare", *files, "--since", later, exit_code=0)["verdict"] == "pass"
    short = ["--since", later, "--until", stamp(SINCE + timedelta(minutes=85))]
    assert two.command.json("compare", *files, *short, exit_code=1)["verdict"] == "insufficient"
    refused = two.command.run("compare", str(two.old), files[1])
    assert refused.returncode == 2 and "two files or two folders" in refused.stderr
    absent = two.command.run("compare", str(two.old / "none"), files[1])
    assert absent.returncode == 2 and "does not exist" in absent.stderr
    (two.new / "prices5.parquet").write_bytes(b"PAR1 no")
    torn = two.command.run("compare", *files)
    assert torn.returncode == 2 and "cannot be read" in torn.stderr and "Traceback" not in torn.stderr


def test_two_right_files_of_which_one_was_copied_a_little_later_pass(two: Two) -> None:
    """The half hour under way is a mean of fewer, and a measurement may yet take the place of an estimate."""
    prices, solar = two.whole["prices30"], two.whole["rooftop30"].copy()
    under_way = prices.tail(5).assign(settlementdate=NOON.replace(minute=0))
    two.write(two.new, "prices30", pd.concat([prices, under_way]))
    last = solar["settlementdate"] == solar["settlementdate"].max()
    solar.loc[last, "power"] += 1.0
    two.write(two.new, "rooftop30", solar)
    for options in ((), ("--judge",)):
        told = two.json(*options, "--dataset", "prices30", "--dataset", "rooftop30", exit_code=0)
        for name, number in (("prices30", 5), ("rooftop30", int(last.sum()))):
            words = "not settled yet: AEMO's files of the interval may still come"
            assert (told[name]["explained"], told[name]["verdict"]) == ({words: number}, "pass")
    solar.loc[0, "power"] += 1.0
    two.write(two.new, "rooftop30", solar)
    assert two.json("--judge", "--dataset", "rooftop30", exit_code=2)["verdict"] == "block"
