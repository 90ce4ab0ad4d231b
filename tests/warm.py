"""Commands, each in a process of its own, forked from one that has imported what they need: that takes them longest."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aemo_ops.cli import VERBS

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(
    [*(f"aemo_ops.cli.{name}" for name in VERBS), "aemo_ops.ops.engine", "aemo_ops.replica.legacy.collector"]
)


def run(
    module: str, *words: str, env: Mapping[str, str] | None = None, typed: str = "", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """`python -m module words`: its exit code and what it said. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "0").write_text(typed)
        child = _PROCESSES.Process(target=_become, args=(module, words, dict(env or os.environ), folder))
        child.start()
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            child.join()
            raise subprocess.TimeoutExpired([module, *words], timeout)
        return subprocess.CompletedProcess(
            [module, *words], child.exitcode, (place / "1").read_text(), (place / "2").read_text()
        )


def _become(module: str, words: tuple[str, ...], env: dict[str, str], folder: str) -> None:
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        opened = os.open(f"{folder}/{number}", flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - multiprocessing has put another one there
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
