"""The users' own runbook, with files, programs and settings laid out as theirs are: prepared, moved, finished, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import psutil
import pytest

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.replica import Replica
from tests.conftest import NOON, generated, only_soak, recent
from tests.migrate.moving import let_rest
from tests.migrate.test_move import HOUR, SPEED, World
from tests.ops import history
from tests.ops.healed import EVERY
from tests.ui.browsing import free_port
from tests.waiting import until

pytestmark = pytest.mark.timeout(600)
# What no output may hold, each as a person keeps it.
SECRETS = {"TWILIO_AUTH_TOKEN": "canary-4f21-twilio", "SMTP_PASSWORD": "canary-77aa-mail"}
KEY = "canary-c0de-key"
# Starts a program again whenever it ends, as launchd's KeepAlive does, until its own input is closed.
_KEEP_ALIVE = """
import json, subprocess, sys, threading
gone = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), gone.set()), daemon=True).start()
while not gone.is_set():
    child = subprocess.Popen(json.load(open(sys.argv[1])), stdout=subprocess.DEVNULL)
    while child.poll() is None and not gone.wait(0.1):
        pass
"""
_DASHBOARD = """
from bokeh.models import Div
from bokeh.plotting import curdoc
from dotenv import dotenv_values
curdoc().add_root(Div(text=dotenv_values(".env")["SPOT_HIST_FILE"]))
"""


class Runbook(World):
    """`.../AEMO_spot` holds the parquet files; the two programs and their settings lie in repositories around them."""

    def __init__(self, place: Path, site: Replica) -> None:
        super().__init__(place, site)
        drive = place / "Library" / "Mobile Documents" / "com~apple~CloudDocs"
        self.old = drive / "AEMO_spot"
        self.base = place / "Volumes" / "SSD" / "aemo_production"
        self.updater, self.reader = drive / "aemo-data-updater", self.old / "aemo-energy-dashboard"
        self.gen_info = self.reader / "data" / "gen_info.pkl"
        self.port = free_port()
        for folder in (self.old, self.updater, self.gen_info.parent, self.base.parent):
            folder.mkdir(parents=True)
        self.gen_info.write_bytes(b"\x80\x04copied as bytes, never loaded")
        self.env_file = self.reader / ".env"
        secrets = "".join(f"{name}={value}\n" for name, value in SECRETS.items())
        self.before = (
            f"AEMO_DATA_PATH='~/{self.old.relative_to(place)}'\nGEN_INFO_FILE='~/{self.gen_info.relative_to(place)}'\n"
            f"SPOT_HIST_FILE='{self.old}/prices30.parquet'\n{secrets}"
        )
        self.env_file.write_text(self.before)
        (self.updater / ".env").write_text(f"AEMO_DATA_PATH='{self.old}'\n{secrets}")
        for folder in (self.updater, self.reader):
            git = ["git", "-C", str(folder), "-c", "user.name=A user", "-c", "user.email=user@localhost"]
            (folder / "README.md").write_text("a program\n")
            (folder / ".gitignore").write_text(".env\ndata/\n")
            for words in (["init", "-q"], ["add", "README.md", ".gitignore"], ["commit", "-qm", "first"]):
                subprocess.run([*git, *words], check=True, capture_output=True)
        (self.reader / "gen_dash.py").write_text("print('changed since')\n")  # one of the two is dirty
        self.page = self.reader / "run_dashboard_duckdb.py"
        self.page.write_text(_DASHBOARD)
        self.cron(f"*/5 * * * * SLACK_TOKEN={KEY} python -m unified_collector --api-key={KEY} # keeps it going")
        self.keeper: subprocess.Popen[bytes] | None = None
        self.dashboard: subprocess.Popen[bytes] | None = None

    def cron(self, line: str) -> None:
        """What `crontab -l` says from now on."""
        self.crontab.write_text(f"0 4 * * * backup\n{line}\n")

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "HOME": str(self.place),
            "TWILIO_AUTH_TOKEN": SECRETS["TWILIO_AUTH_TOKEN"],
        }

    @property
    def ends(self) -> list[str]:
        return [
            *("--from", str(self.old), "--to", str(self.base), "--pattern", f"--data {self.old}"),
            *("--env-file", str(self.env_file), "--watch-hours", "0.05"),
            *("--repository", str(self.updater), "--repository", str(self.reader)),
            *("--dashboard", str(self.page), f"http://127.0.0.1:{self.port}/{self.page.stem}"),
        ]

    def start(self, *variants: str) -> None:
        """The collector, kept alive; the dashboard."""
        clock = Clock.starting(NOON, SPEED)
        clock.write(self.clock_file)
        self.site.clock = clock
        words = [word for name in variants for word in ("--variant", name)]
        command = [*self.command, "--clock", str(self.clock_file), *words]
        # As `nohup` in a shell with the key in it would: the environment of the collector holds secrets too.
        environment = os.environ | SECRETS | {"HOME": str(self.place)}
        job = self.place / "job.json"  # nothing of the program stands in the command line of what keeps it alive
        job.write_text(json.dumps(command))
        self.keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEP_ALIVE, str(job)], stdin=subprocess.PIPE, cwd=self.updater, env=environment,
            start_new_session=True,
        )  # fmt: skip
        serve = [sys.executable, "-m", "bokeh", "serve", str(self.page), "--port", str(self.port)]
        self.dashboard = subprocess.Popen(
            [*serve, "--allow-websocket-origin", f"127.0.0.1:{self.port}"], cwd=self.reader, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        until(lambda: len(self.collectors()) == 1, "the collector runs")

    def no_longer_kept_alive(self) -> None:
        """As `launchctl bootout` does; the collector itself goes on."""
        assert self.keeper and self.keeper.stdin
        self.keeper.stdin.close()
        self.keeper.wait(10)

    def end(self) -> None:
        if self.keeper and self.keeper.poll() is None:
            self.no_longer_kept_alive()
        for process in psutil.process_iter(["cmdline"]):
            if str(self.page) in (process.info["cmdline"] or []) and "serve" in process.info["cmdline"]:
                process.kill()
        if self.dashboard:
            self.dashboard.wait(10)
        super().end()

    def written(self) -> dict[Path, str]:
        """Everything that was said, and every file that was written, outside of the settings' own kept copies."""
        found = {Path("said"): "".join(self.told)}
        for place in (self.place / "home", self.base):
            for path in place.rglob("*"):
                if path.is_file() and "settings" not in path.parts and path.name != ".env":
                    found[path] = path.read_bytes().decode("latin-1")
        return found


@pytest.fixture
def runbook(tmp_path: Path) -> Iterator[Runbook]:
    with Replica(recent(20), Clock.starting(NOON, 0)) as site:
        made = Runbook(tmp_path, site)
        yield made
        made.end()


def older(frame: pd.DataFrame, path: Path) -> None:
    """A file of an earlier collector: the time as its index, names in capitals."""
    frame.rename(columns=str.upper).set_index("SETTLEMENTDATE").to_parquet(path)


def wide(frame: pd.DataFrame, path: Path) -> None:
    """Rooftop as an earlier collector kept it: a column for each region, each half hour's value six times."""
    halves = frame.pivot(index="settlementdate", columns="regionid", values="power")
    fives = pd.concat([halves.set_index(halves.index + n * timedelta(minutes=5)) for n in range(6)]).sort_index()
    fives.reset_index().to_parquet(path, index=False)


def test_the_plan_s_own_layout_is_prepared_copied_and_given_its_form(runbook: Runbook) -> None:
    old = history.whole(generated(units=20), EVERY, NOON - HOUR, NOON)
    layouts = {"prices5": (older, "spot_hist"), "scada5": (older, "gen_output"), "rooftop30": (wide, "rooftop_solar"),
               "transmission5": (older, "transmission_flows")}  # fmt: skip
    for name, frame in old.items():
        write, called = layouts.get(name, (pd.DataFrame.to_parquet, name))
        write(frame, runbook.old / f"{called}.parquet")
    let_rest(runbook.old)
    let_rest(runbook.gen_info.parent)
    Clock.starting(NOON, 0).write(runbook.clock_file)
    plan = runbook.migrate("plan", *runbook.ends)
    assert f"gen_info.pkl: there at {runbook.gen_info}" in plan and "Cannot begin" not in plan
    assert f"scada5.parquet: there at {runbook.old / 'gen_output.parquet'}" in plan
    runbook.migrate("run", *runbook.ends, "--step", "normal")
    data = runbook.base / "data"
    assert (data / "gen_info.pkl").read_bytes() == runbook.gen_info.read_bytes()
    for dataset in DATASETS:
        keys = list(dataset.key)
        found = pd.read_parquet(data / dataset.file_name)
        wanted = old[dataset.name]
        assert found.columns.tolist() == dataset.schema.names
        both = found.merge(wanted, on=keys, suffixes=("", "_old"), how="outer", indicator=True)
        assert (both["_merge"] == "both").all(), dataset.name
        for value in dataset.values:
            assert (both[value].fillna(-1) - both[f"{value}_old"].fillna(-1)).abs().max() < 1e-9, (dataset.name, value)
    assert not [
        path for path, text in runbook.written().items() if any(secret in text for secret in (KEY, *SECRETS.values()))
    ]


def test_a_required_file_that_is_nowhere_says_where_it_was_looked_for_and_what_to_do(runbook: Runbook) -> None:
    for name, frame in history.whole(generated(units=20), EVERY, NOON - HOUR, NOON).items():
        if name != "scada30":
            frame.to_parquet(runbook.old / f"{name}.parquet", index=False)
    let_rest(runbook.old)
    let_rest(runbook.gen_info.parent)
    Clock.starting(NOON, 0).write(runbook.clock_file)
    said = runbook.migrate("plan", *runbook.ends, exit_code=1)
    assert "scada30.parquet is absent" in said and f"looked for scada30.parquet in {runbook.old}" in said
    assert str(runbook.gen_info.parent) in said and str(runbook.env_file) in said
    assert "--file NAME=PATH" in said and "--without NAME=REASON" in said
    said = runbook.migrate("plan", *runbook.ends, "--without", "scada30.parquet=made anew from scada5")
    assert "Cannot begin" not in said and "scada30.parquet: left out" in said and "made anew from scada5" in said
    for words in (
        ["--file", "nothing.parquet=/x"],
        ["--file", "scada30.parquet"],
        ["--file", "scada30.parquet=/x", "--without", "scada30.parquet"],
    ):
        runbook.migrate("plan", *runbook.ends, *words, exit_code=2)


@only_soak
def test_the_runbook_from_its_first_step_to_its_last_and_back(runbook: Runbook) -> None:
    runbook.collected_before(1.3)
    (runbook.old / "gen_info.pkl").unlink()
    runbook.start("no-gen-info")
    runbook.migrate("run", *runbook.ends, "--step", "compare")
    prepared = next(one for one in _document(runbook)["steps"] if one["name"] == "prepare")["evidence"]
    assert [bool(one["changed"]) for one in prepared["repositories"]] == [False, True]
    # A line of crontab would start the collector again: that has to be ended first, and is said.
    said = runbook.migrate("run", "--step", "switch", typed="SWITCH\n", exit_code=2)
    assert "put a # before the line" in runbook.told[-1] + said and len(runbook.collectors()) == 1
    runbook.cron("# */5 * * * * python -m unified_collector")
    # What keeps it alive starts it again at once: the switch sees that, and goes back to what was.
    runbook.migrate("run", "--step", "switch", typed="SWITCH\n", exit_code=2)
    assert "runs again" in runbook.told[-1] and runbook.phases()["switch"] == "failed"
    until(lambda: len(runbook.collectors()) == 1, "the old collector runs as before")
    runbook.no_longer_kept_alive()
    runbook.migrate("run", typed="SWITCH\n")
    assert set(runbook.phases().values()) == {"done"} and runbook.collectors() == []
    document = json.loads((runbook.base / "evidence" / "move.json").read_text())
    steps = {step["name"]: step["evidence"] for step in document["steps"]}
    assert steps["switch"]["gap_intervals"] == 0 and steps["compare"]["verdict"] == "pass"
    settings = runbook.env_file.read_text()
    assert f"GEN_INFO_FILE={runbook.base}/data/gen_info.pkl" in settings and SECRETS["SMTP_PASSWORD"] in settings
    for dataset in DATASETS:
        assert runbook.keys(runbook.old, dataset.name) <= runbook.keys(runbook.base / "data", dataset.name)
    collected = {dataset.name: runbook.keys(runbook.base / "data", dataset.name) for dataset in DATASETS}
    since = pd.Timestamp(steps["switch"]["at"])

    runbook.migrate("rollback", typed="ROLLBACK\n")
    assert len(runbook.collectors()) == 1 and runbook.env_file.read_text() == runbook.before
    for name, keys in collected.items():
        assert {key for key in keys if key[0] > since} <= runbook.keys(runbook.old, name), name
    assert runbook.gen_info.read_bytes() == b"\x80\x04copied as bytes, never loaded"
    leaks = [
        path for path, text in runbook.written().items() if any(secret in text for secret in (KEY, *SECRETS.values()))
    ]
    assert not leaks


def _document(runbook: Runbook) -> dict[str, list[dict[str, object]]]:
    runbook.migrate("report", "--folder", str(runbook.place / "report"))
    return json.loads((runbook.place / "report" / "move.json").read_text())  # type: ignore[no-any-return]
