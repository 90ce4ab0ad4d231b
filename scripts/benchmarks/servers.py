"""What the browser looks at, each in a process of its own: the app, a replica that it collects from, a bare Panel page.

`python -m benchmarks.servers PORT` is `aemo-ops serve --port PORT`, except that a closed tab is forgotten after seconds
instead of half a minute: what is left of it after that is growth.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from benchmarks.measure import Failed

ADDRESS = "127.0.0.1"
START_SECONDS = 120.0
FORGETTING = ("--unused-session-lifetime", "5000", "--check-unused-sessions", "500")  # in milliseconds
FORGOTTEN_SECONDS = 7.0  # a tab that was closed so long ago is gone
BARE = Path(__file__).parent / "bare.py"


@dataclass(frozen=True)
class Server:
    """A server in a process of its own, writing to `log`."""

    url: str
    process: psutil.Popen
    log: Path

    def wait(self) -> None:
        """Return when it answers. Raises Failed."""
        until(self._answers, f"{self.url} answers", START_SECONDS)

    def resident(self) -> int:
        """Bytes of memory held by the process and its children (RSS, which counts pages that they share once for each)."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise Failed(f"the server of {self.url} ended: {self.log.read_text()[-300:]}")
        try:
            return requests.get(self.url, timeout=10).ok
        except requests.RequestException:
            return False


def until(condition: Callable[[], object], what: str, seconds: float) -> None:
    """Return as soon as `condition` holds. Raises Failed."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise Failed(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.02)


@contextmanager
def app(folder: Path, clock: Path) -> Iterator[Server]:
    """The app on `folder`/data and `folder`/home, collecting from a replica that shares its clock; no request is paced."""
    with _replica(folder, clock) as nemweb:
        environment = {
            "AEMO_OPS_CLOCK": str(clock),
            "AEMO_OPS_HOME": str(folder / "home"),
            "AEMO_DATA_PATH": str(folder / "data"),
            "NEMWEB_URL": nemweb,
            "AEMO_REQUEST_GAP_SECONDS": "0.005",
            "AEMO_CATCHUP_GAP_SECONDS": "0.02",
        }
        port = _free_port()
        with _child(folder, "app", ["benchmarks.servers", str(port)], environment) as (process, log):
            yield Server(f"http://{ADDRESS}:{port}/app", process, log)


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    port = _free_port()
    words = ["panel", "serve", str(BARE), "--address", ADDRESS, "--port", str(port), *FORGETTING]
    with _child(folder, "bare", words, {}) as (process, log):
        yield Server(f"http://{ADDRESS}:{port}/{BARE.stem}", process, log)


@contextmanager
def _replica(folder: Path, clock: Path) -> Iterator[str]:
    words = ["aemo_ops.cli", "replica", "--port", "0"]
    with _child(folder, "replica", words, {"AEMO_OPS_CLOCK": str(clock)}) as (process, log):
        until(lambda: process.poll() is not None or log.read_text().endswith("\n"), "the replica starts", START_SECONDS)
        *_, url = log.read_text().split() or [""]
        if not url.startswith("http"):
            raise Failed(f"the replica did not start: {log.read_text()[-300:]}")
        yield url


@contextmanager
def _child(
    folder: Path, name: str, words: Sequence[str], environment: dict[str, str]
) -> Iterator[tuple[psutil.Popen, Path]]:
    """`python -m` with `words` and no AEMO setting of this machine; ended, with what it started, whatever happens."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AEMO_") and key != "NEMWEB_URL"}
    log = folder / f"{name}.log"
    with ExitStack() as stack:
        sink = stack.enter_context(log.open("wb"))
        process = psutil.Popen(
            [sys.executable, "-P", "-m", *words],
            env=kept | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        stack.callback(end, [process])
        yield process, log


def end(processes: Sequence[psutil.Process]) -> None:
    """End these processes and whatever they started: asked first, then killed."""
    family: list[psutil.Process] = []
    for one in processes:
        try:
            family += [*one.children(recursive=True), one]
        except psutil.NoSuchProcess:
            continue
    for one in family:
        _quietly(one.terminate)
    _, left = psutil.wait_procs(family, timeout=20)
    for one in left:
        _quietly(one.kill)
    psutil.wait_procs(left, timeout=5)


def _quietly(signal: Callable[[], None]) -> None:
    try:
        signal()
    except psutil.NoSuchProcess:
        return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def main() -> int:
    from panel import command

    from aemo_ops import cli

    serve = command.main

    def forgetting() -> None:
        sys.argv += FORGETTING
        serve()

    command.main = forgetting
    return cli.main(["serve", "--no-browser", "--port", sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
