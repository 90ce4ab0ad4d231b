"""The demo: replica and app on one fast clock. Everything it writes is in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError, StoreError
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.serving import check_port, serve_app
from aemo_ops.store.parquet import Store

_READY = "replica at "


def run_demo(folder: Path, port: int, speed: float, fresh: bool, show: bool) -> int:
    """Run until stopped; the exit code. The clock goes on where the files of an earlier demo end, unless `fresh`."""
    check_port(port)
    folder = folder.absolute()
    if fresh and folder.exists():
        _clear(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "about.txt").write_text("Everything the AEMO Ops demo writes is in this folder; it may be deleted.\n")
    clock_file = folder / "clock.json"
    Clock.starting(_beginning(folder / "data"), speed).write(clock_file)
    os.environ["AEMO_OPS_CLOCK"] = str(clock_file)
    with _replica() as url:
        os.environ |= {
            "NEMWEB_URL": url,
            "AEMO_DATA_PATH": str(folder / "data"),
            "AEMO_OPS_HOME": str(folder / "home"),
            "AEMO_REQUEST_GAP_SECONDS": "0.005",
            "AEMO_CATCHUP_GAP_SECONDS": "0.02",
        }
        print(f"Demo: a made-up market, {speed:g} times as fast as the real one; all files in {folder}", flush=True)
        return serve_app(port, show)


def _beginning(data: Path) -> datetime:
    """NEM time at which the demo's clock starts: never before the rows it has, or they would lie in the future."""
    store, times = Store(data), [Clock().now()]
    for dataset in DATASETS:
        try:
            latest = store.latest(dataset)
        except StoreError:
            continue
        if latest:
            times.append(latest + timedelta(minutes=5))
    return max(times)


@contextmanager
def _replica() -> Iterator[str]:
    """The replica in a process of its own, as far from the collector as NEMWEB is; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aemo_ops.cli", "replica", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith(_READY):
            raise SettingsError(f"the replica did not start; it said {line!r}")
        yield line.removeprefix(_READY).strip()
    finally:
        process.terminate()
        process.wait(10)


def _clear(folder: Path) -> None:
    """Remove an earlier demo's folder; nothing that is not one."""
    if not (folder / "about.txt").exists():
        raise SettingsError(f"{folder} was not made by the demo; it is not removed. Choose another --folder.")
    shutil.rmtree(folder)
