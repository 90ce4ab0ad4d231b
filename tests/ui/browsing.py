"""A real browser and a real demo for the tests of pages."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import SOAK
from tests.waiting import until

ALL_WINDOWS = [("light", 1280), ("dark", 1920), ("dark", 1280), ("light", 1920)]
WINDOWS = ALL_WINDOWS if SOAK else ALL_WINDOWS[:2]  # each theme and each width once
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The browser's path; without one the test is skipped, but fails under CI."""
    named = os.environ.get("AEMO_OPS_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    if found is None:
        message = "no Chromium on this machine (AEMO_OPS_CHROMIUM names one)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(folder: Path, speed: float, *words: str, catchup_gap: float = 0.02) -> Iterator[str]:
    """The demo as a user starts it, in a process of its own; its address. Fails unless Ctrl-C ends all of it.

    `catchup_gap`: seconds between two files of the last days, longer where these are not what is looked at.
    """
    port = free_port()
    log = folder.parent / f"{folder.name}.log"
    options = ["--no-browser", "--port", str(port), "--speed", str(speed), "--folder", str(folder), *words]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "aemo_ops.cli", "demo", *options],
            env={**os.environ, "AEMO_CATCHUP_GAP_SECONDS": str(catchup_gap)},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://localhost:{port}/app"
    try:
        until(lambda: process.poll() is not None or answers(url), f"the demo answers; see {log}", 60)
        assert process.poll() is None, log.read_text()
        yield url
        assert process.poll() is None, f"the demo ended by itself ({process.returncode}): {log.read_text()[-3000:]}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        until(lambda: _is_empty(process.pid), "no replica, no collector and no parsing process is left behind", 10)


def _is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
