"""The whole move with real processes: the stand-in collects, `aemo-ops migrate` takes over, goes back, and over again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.replica import Replica
from aemo_ops.store.lease import FOLDER_LOCK, Lease
from tests import warm
from tests.conftest import NOON, SOAK, only_soak, recent
from tests.migrate.switching import frame
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)
SPEED = 60.0
HOUR = timedelta(hours=1)
SECRET = "canary-9d1e"
# How a collector may be given one; `process_iter` and the journal see the words as they are.
GIVEN = [f"--api-key={SECRET}", "--password", f"{SECRET} two", "-p", SECRET,
         "--mirror", f"https://me:{SECRET}@example.org/?token={SECRET}"]  # fmt: skip
CRONTAB = f"*/5 * * * * SMTP_TOKEN='{SECRET} x' python -m aemo_ops.replica.legacy unified_collector --password {SECRET}"


class World:
    """A site, the old collector's folder, a reading program's settings, and the command line."""

    def __init__(self, place: Path, site: Replica) -> None:
        self.place, self.site = place, site
        self.old, self.base = place / "data 2", place / "ssd"
        self.clock_file = place / "clock.json"
        self.env_file = place / "dashboard" / ".env"
        self.env_file.parent.mkdir()
        self.env_file.write_text(f"SPOT_HIST_FILE=/somewhere/prices30.parquet\nSMTP_PASSWORD={SECRET}\n")
        self.repository = place / "repository"
        self.crontab = place / "crontab.txt"
        self._around()
        self.process: subprocess.Popen[bytes] | None = None
        self.told: list[str] = []

    def _around(self) -> None:
        """A repository whose remote has a token in its address, and a `crontab` that prints a file."""
        git = ["git", "-C", str(self.repository)]
        subprocess.run(["git", "init", "-q", str(self.repository)], check=True)
        subprocess.run([*git, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x"],
                       check=True)  # fmt: skip
        subprocess.run([*git, "remote", "add", "origin", f"https://{SECRET}@example.org/a.git"], check=True)
        (self.repository / ".env").write_text(f"TWILIO_AUTH_TOKEN={SECRET}\n")
        (self.place / "bin").mkdir()
        (self.place / "bin" / "crontab").write_text(f"#!/bin/sh\nexec cat '{self.crontab}'\n")
        (self.place / "bin" / "crontab").chmod(0o755)
        self.crontab.write_text("")

    def written(self) -> dict[Path, bytes]:
        """What the move and the app wrote, but for the settings and their copies, which only this user can read."""
        places = [path for place in (self.place / "home", self.base) for path in place.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in places if ".env" not in path.name}

    def collected_before(self, hours: float) -> None:
        """Some hours of the old collector's past, restarted every 25 minutes: with holes and half hours of fewer than six."""
        at = NOON - hours * HOUR
        while at < NOON:
            self.site.clock = Clock.starting(at, 0)
            warm.run(*self.command[2:], "--test").check_returncode()
            at += timedelta(minutes=25)

    @property
    def command(self) -> list[str]:
        name = [sys.executable, "-m", "aemo_ops.replica.legacy", "unified_collector"]
        return [*name, "--data", str(self.old), "--url", self.site.url]

    def start(self, *variants: str) -> None:
        """From now on the clock runs, and the old collector collects."""
        clock = Clock.starting(NOON, SPEED)
        clock.write(self.clock_file)
        self.site.clock = clock
        words = [word for name in variants for word in ("--variant", name)]
        command = [*self.command, "--clock", str(self.clock_file), *words, *GIVEN]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.place, start_new_session=True)

    def migrate(self, deed: str, *words: str, typed: str = "", exit_code: int = 0) -> str:
        done = warm.run("aemo_ops.cli", "migrate", deed, *words, env=self.environment, typed=typed, timeout=300)
        self.told.append(done.stdout + done.stderr)
        assert done.returncode == exit_code, self.told[-1]
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "AEMO_OPS_HOME": str(self.place / "home"),
            "NEMWEB_URL": self.site.url,
            "AEMO_OPS_CLOCK": str(self.clock_file),
            "AEMO_REQUEST_GAP_SECONDS": "0.001",
            "AEMO_CATCHUP_GAP_SECONDS": "0.02",
            "SMTP_PASSWORD": SECRET,
            "PATH": f"{self.place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def collects(self) -> bool:
        """Whether another process of ours collects into the new folder."""
        return Lease(self.base / "data" / FOLDER_LOCK, "").other() is not None

    @property
    def ends(self) -> list[str]:
        return [
            *("--from", str(self.old), "--to", str(self.base), "--pattern", f"--data {self.old}"),
            *("--env-file", str(self.env_file), "--watch-hours", "0.05"),
            *("--repository", str(self.repository)),
            *[word for dataset in DATASETS for word in ("--required", dataset.file_name)],
        ]

    def phases(self) -> dict[str, str]:
        env = {**os.environ, "AEMO_OPS_HOME": str(self.place / "home")}
        done = warm.run("aemo_ops.cli", "migrate", "status", "--json", env=env)
        return {one["name"]: one["phase"] for one in json.loads(done.stdout)["steps"]}

    def collectors(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if "aemo_ops.replica.legacy" in (line := " ".join(process.info["cmdline"] or [])) and str(self.old) in line:
                found.append(process)
        return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]

    def end(self) -> None:
        for process in self.collectors():
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        if self.process is not None:
            self.process.wait(10)

    def keys(self, folder: Path, name: str) -> set[Any]:
        """The keys on the grid, by pandas."""
        dataset = next(dataset for dataset in DATASETS if dataset.name == name)
        rows = frame(folder / dataset.file_name)
        times = pd.to_datetime(rows["settlementdate"])
        rows = rows[times.dt.minute % int(dataset.cadence / timedelta(minutes=1)) == 0]
        return set(zip(rows["settlementdate"].astype("datetime64[ns]"), rows[dataset.key[1]], strict=True))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Replica(recent(20), Clock.starting(NOON, 0)) as site:
        made = World(tmp_path, site)
        yield made
        made.end()


def test_there_and_back_and_there_again(world: World) -> None:
    world.collected_before(1.3)
    world.start("us", "extra-columns")
    world.crontab.write_text(f"{CRONTAB}\n")
    world.migrate("plan", *world.ends, "--drop-columns")
    assert "SMTP_TOKEN=*** python -m" in world.told[-1] and "--api-key=***" in world.told[-1]
    world.migrate("run", *world.ends, "--drop-columns", "--step", "compare")
    world.crontab.write_text("")  # a person took the line away, or the switch would refuse
    assert world.process and world.process.poll() is None  # the old one collects all the while
    # Some time goes by in which only the old one collects; a wrong word, and no word: nothing happens.
    _awaited(world, intervals=2)
    for typed in ("switch\n", ""):
        world.migrate("run", "--step", "switch", typed=typed, exit_code=1)
        assert world.process.poll() is None and world.phases()["switch"] == "open"
    _awaited(world, intervals=2)
    world.migrate("run", typed="SWITCH\n")
    assert world.process.wait(5) == -signal.SIGTERM
    assert set(world.phases().values()) == {"done"}
    document = json.loads((world.base / "evidence" / "move.json").read_text())
    steps = {step["name"]: step["evidence"] for step in document["steps"]}
    assert steps["switch"]["gap_intervals"] == 0 and steps["compare"]["verdict"] == "pass"
    for dataset in DATASETS:
        assert world.keys(world.old, dataset.name) <= world.keys(world.base / "data", dataset.name)
    _no_hole(world, world.base / "data", NOON - HOUR, datetime.fromisoformat(max(steps["switch"]["arrived"].values())))
    settings = world.env_file.read_text()
    assert f"SPOT_HIST_FILE={world.base}/data/prices5.parquet" in settings and SECRET in settings
    assert str(world.base / "data") in (world.place / "home" / ".env").read_text()

    world.migrate("report")
    told = {path for path, content in world.written().items() if SECRET.encode() in content}
    assert told == {world.place / "home" / "move" / "journal-1.private.json"}
    assert {path.stat().st_mode & 0o777 for path in told} == {0o600}

    world.migrate("rollback", typed="no\n", exit_code=1)
    assert world.collectors() == []
    collected = {dataset.name: world.keys(world.base / "data", dataset.name) for dataset in DATASETS}
    since = pd.Timestamp(steps["switch"]["at"])
    world.migrate("rollback", typed="ROLLBACK\n")
    (again,) = world.collectors()
    assert again.cmdline()[-len(GIVEN) :] == GIVEN  # exactly as it was found
    assert world.env_file.read_text() == f"SPOT_HIST_FILE=/somewhere/prices30.parquet\nSMTP_PASSWORD={SECRET}\n"
    assert not (world.place / "home" / ".env").exists() and not (world.base / "data").exists()
    for name, keys in collected.items():
        assert {key for key in keys if key[0] > since} <= world.keys(world.old, name), name
    before = max(world.keys(world.old, "prices5"))
    until(lambda: max(world.keys(world.old, "prices5")) > before, "the old collector writes on", 60)

    if SOAK:
        world.migrate("run", *world.ends, "--drop-columns", typed="SWITCH\n")
        assert set(world.phases().values()) == {"done"} and world.collectors() == []
        for dataset in DATASETS:
            assert world.keys(world.old, dataset.name) <= world.keys(world.base / "data", dataset.name)
    world.migrate("report")
    written = world.written()
    assert {path.suffix for path in written} >= {".jsonl", ".html", ".json", ".sqlite"}
    told = {path for path, content in written.items() if SECRET.encode() in content}
    assert told == ({world.place / "home" / "move" / "journal-1.private.json"} if SOAK else set())
    assert SECRET not in "".join(world.told)


@only_soak
def test_who_collects_beside_the_command_and_who_no_longer_does(world: World) -> None:
    world.collected_before(0.5)
    world.start()
    world.migrate("run", *world.ends, "--step", "switch", typed="SWITCH\n")
    # As the command said at its end: ours goes on in another process, and the watching looks at that.
    beside = subprocess.Popen([sys.executable, "-m", "aemo_ops.cli", "collect"], env=world.environment)
    try:
        until(lambda: world.collects(), "it collects", 60)
        world.migrate("run")
        assert set(world.phases().values()) == {"done"}
        world.migrate("rollback", "--yes", exit_code=2)
        assert "collects into" in world.told[-1] and "end it, then roll back again" in world.told[-1]
    finally:
        beside.send_signal(signal.SIGINT)
        beside.wait(30)
    # Nobody collects for a while: the way back reads first what was missed.
    left = max(time for time, _ in world.keys(world.base / "data", "prices5"))
    until(lambda: world.site.clock.now() > left + timedelta(minutes=25), "time goes by", 60)
    world.migrate("rollback", "--yes")
    _no_hole(world, world.old, left - HOUR / 2, left + timedelta(minutes=20))
    assert "was rolled back" in world.told[-1] and len(world.collectors()) == 1


@only_soak
def test_a_rollback_that_finds_no_collector_to_start_says_how(world: World) -> None:
    world.collected_before(0.5)
    world.start()
    world.migrate("run", *world.ends, "--step", "compare")
    world.end()  # by hand, as one does with a collector that does not listen
    world.migrate("run", "--step", "switch", typed="SWITCH\n")
    world.migrate("rollback", "--yes", exit_code=1)
    assert "No old collector runs" in world.told[-1] and "aemo_ops.replica.legacy unified_collector" in world.told[-1]
    world.migrate("run", exit_code=2)  # not the same move again, without a word
    assert "give --from and --to" in world.told[-1]


def _awaited(world: World, intervals: int) -> None:
    newest = max(world.keys(world.old, "prices5"))[0]
    later = newest + intervals * timedelta(minutes=5)
    until(lambda: max(world.keys(world.old, "prices5"))[0] >= later, "the old collector writes on", 60)


def _no_hole(world: World, folder: Path, since: datetime, to: datetime) -> None:
    found = {time for time, _ in world.keys(folder, "prices5")}
    assert set(pd.date_range(pd.Timestamp(since).ceil("5min"), to, freq="5min")) <= found
