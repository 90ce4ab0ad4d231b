"""The demo: replica, old collector and app on one fast clock. Everything that they write is in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from dotenv import set_key

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, SettingsError, StoreError
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.undertaking import Undertaking
from aemo_ops.ops.board import AUTO
from aemo_ops.serving import check_port, serve_app
from aemo_ops.settings import Settings
from aemo_ops.store.parquet import Store
from aemo_ops.store.state import State

_READY = "replica at "
_DRIVE = Path("Library/Mobile Documents/com~apple~CloudDocs/AEMO_spot")  # as iCloud Drive lies on a Mac
_SSD = Path("Volumes/SSD/aemo_production")
_TO_END = 10.0  # seconds


class _Place:
    """Where everything of a demo lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = folder / "clock.json"
        self.home = folder / "home"
        self.own = folder / "data"
        self.old = folder / _DRIVE / "data 2"
        self.ssd = folder / _SSD

    @property
    def legacy(self) -> list[str]:
        return [sys.executable, "-m", "aemo_ops.replica.legacy", "unified_collector", "--data", str(self.old)]


def run_demo(folder: Path, port: int, speed: float, fresh: bool, show: bool, old: bool = True) -> int:
    """Run until stopped; the exit code. The clock goes on where the files of an earlier demo end, unless `fresh`.

    `old`: an old collector runs beside it.
    """
    check_port(port)
    place = _Place(folder.absolute())
    if fresh and place.folder.exists():
        _clear(place.folder)
    place.folder.mkdir(parents=True, exist_ok=True)
    (place.folder / "about.txt").write_text(
        "Everything the AEMO Ops demo writes is in this folder; it may be deleted.\n"
    )
    begin = _beginning(place)
    if not (place.home / ".env").exists():
        print("Demo: laying out a made-up past of some days ...", flush=True)
        _lay(place, begin)
    Clock.starting(begin, speed).write(place.clock)
    with _replica(place) as url:
        # The data folder is not among them: a switch of the move changes it, in the home's own .env.
        os.environ.pop("AEMO_DATA_PATH", None)
        os.environ |= {
            "NEMWEB_URL": url,
            "AEMO_OPS_HOME": str(place.home),
            "AEMO_OPS_CLOCK": str(place.clock),
            "AEMO_OPS_MOVE_FROM": str(place.old),
            "AEMO_OPS_MOVE_TO": str(place.ssd),
            "AEMO_REQUEST_GAP_SECONDS": "0.005",
        }
        os.environ.setdefault("AEMO_CATCHUP_GAP_SECONDS", "0.02")
        pace = "as fast as" if speed == 1 else f"{speed:g} times as fast as"
        print(
            f"Demo: a made-up market, {pace} the real one; all files in {place.folder}",
            flush=True,
        )
        with _old_collector(place, url) if old else nullcontext():
            return serve_app(port, show)


def _beginning(place: _Place) -> datetime:
    """NEM time at which the demo's clock starts: never before the rows it has, or they would lie in the future."""
    times = [Clock().now()]
    for folder in (place.own, place.old, place.ssd / "data"):
        for dataset in DATASETS:
            with suppress(StoreError):
                if latest := Store(folder).latest(dataset):
                    times.append(latest + timedelta(minutes=5))
    return max(times)


def _lay(place: _Place, now: datetime) -> None:
    """The past, and the wish that gaps are left alone until a person fills them: that is what the demo is to show."""
    words = [str(place.own), str(place.old), now.isoformat()]
    subprocess.run([sys.executable, "-m", "aemo_ops.demo.past", *words], check=True)
    (place.ssd.parent).mkdir(parents=True, exist_ok=True)
    place.home.mkdir(parents=True, exist_ok=True)
    (place.home / ".env").touch()
    set_key(place.home / ".env", "AEMO_DATA_PATH", str(place.own))
    (place.home / ".env").chmod(0o600)
    state = State(place.home / "state.sqlite")
    state.want(AUTO, False)
    state.close()


@contextmanager
def _replica(place: _Place) -> Iterator[str]:
    """The replica in a process of its own, as far from the collector as NEMWEB is; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aemo_ops.cli", "replica", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "AEMO_OPS_CLOCK": str(place.clock)},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(_READY):
            raise SettingsError(f"the replica did not start; it said {line!r}")
        yield line.removeprefix(_READY).strip()
    finally:
        process.terminate()
        process.wait(_TO_END)


@contextmanager
def _old_collector(place: _Place, url: str) -> Iterator[None]:
    """The old collector, running as a user's does: a process that nothing of ours started, as far as the app can see.

    One that a finished switch ended stays ended. At the end whichever runs is ended: a rollback starts it again.
    """
    if not _switched():
        with (place.folder / "old-collector.log").open("ab") as said:
            subprocess.Popen(
                [*place.legacy, "--url", url, "--clock", str(place.clock), "--variant", "five-of-six"],
                cwd=place.old.parent, stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
    try:
        yield
    finally:
        _end_collectors(place)


def _switched() -> bool:
    try:
        standings = Undertaking(Settings.load()).standings()
    except AemoOpsError:
        return False
    return any(one.name == Switch.name and one.phase is Phase.DONE for one in standings)


def _end_collectors(place: _Place) -> None:
    ours = [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1 : len(place.legacy)] == place.legacy[1:]
    ]
    for process in ours:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(ours, _TO_END)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _clear(folder: Path) -> None:
    """Remove an earlier demo's folder; nothing that is not one."""
    if not (folder / "about.txt").exists():
        raise SettingsError(f"{folder} was not made by the demo; it is not removed. Choose another --folder.")
    shutil.rmtree(folder)
