"""Readers of one file that never pause, each in a process of its own. What they read with and check is scripts/benchmarks'."""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

PATIENCE = 120.0
SPAWN = get_context("spawn")
Problems = dict[str, list[str]]  # what was wrong with a reader's reads, one after the other; "": nothing


class Crowd:
    """The readers, and the number of the update that was acknowledged last, which none of them may be behind."""

    def __init__(self, names: list[str]) -> None:
        self.acknowledged = SPAWN.RawValue("q", 0)
        pipes = {name: SPAWN.Pipe() for name in names}
        self._ends = {name: ours for name, (ours, _) in pipes.items()}
        self._processes = [
            SPAWN.Process(target=read_as_told, args=(name, self.acknowledged, theirs), daemon=True)
            for name, (_, theirs) in pipes.items()
        ]
        for process, (_, theirs) in zip(self._processes, pipes.values(), strict=True):
            process.start()
            theirs.close()

    def begin(self, path: Path, base: Path) -> None:
        """Return when each has read the file once, without a problem, and goes on."""
        self.acknowledged.value = 0
        assert set(self._told((path, base)).values()) == {""}

    def end(self) -> Problems:
        return self._told("end")

    def _told(self, command: object) -> dict[str, Any]:
        for end in self._ends.values():
            end.send(command)
        return {name: end.recv() for name, end in self._ends.items() if end.poll(PATIENCE)}

    def close(self) -> None:
        for end, process in zip(self._ends.values(), self._processes, strict=True):
            process.kill()
            process.join()
            end.close()


def read_as_told(name: str, acknowledged: Any, told: Connection) -> None:
    from benchmarks import readers

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a panic of polars tells pages
    while True:
        path, base = told.recv()
        start, problems = readers._start(base), list[str]()

        def read(path: Path = path, start: tuple[int, int] = start) -> str:
            return readers._problem(readers.READERS[name], path, start, acknowledged.value)

        told.send(read())
        while not told.poll():
            problems.append(read())
        told.recv()
        told.send([*problems, read()])
