"""kill -9 at any moment of merges and compactions: what was acknowledged is in the file, whole, and nothing else is."""

from __future__ import annotations

import ast
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pandas as pd

from aemo_ops import files
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.parquet import Store
from tests.conftest import ROOT, SOAK
from tests.store import test_journal, test_normal, test_store, test_successor
from tests.store.updates import START, Key, update

KILLS = 300 if SOAK else 8
MOST_UPDATES = 8  # before a kill
LONGEST = 0.1  # seconds after the last of them


class Writer:
    """A process that merges update after update."""

    def __init__(self, folder: Path, first: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.updates", str(folder), str(first)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        self._pipe = self._process.stdout
        self._told = b""

    def acknowledges(self, updates: int, seconds: float) -> bool:
        """Wait until that many have been acknowledged, at most so long; whether they have."""
        ends = time.monotonic() + seconds
        while self._told.count(b"\n") < updates and self._is_told(ends - time.monotonic()):
            self._told += os.read(self._pipe.fileno(), 4096)
        return self._told.count(b"\n") >= updates

    def _is_told(self, seconds: float) -> bool:
        return bool(select.select([self._pipe], [], [], max(0, seconds))[0])

    def killed(self) -> list[int]:
        """Kill it; the numbers of the updates that it acknowledged."""
        self._process.kill()
        with self._process:
            assert self._process.wait() == -9
            return [int(line) for line in (self._told + self._pipe.read()).split()]


def found(path: Path) -> dict[Key, float]:
    """The values in the file, as pandas and DuckDB read them."""
    frame = pd.read_parquet(path)
    with duckdb.connect() as connection:
        pd.testing.assert_frame_equal(connection.execute(f"SELECT * FROM '{path}'").df(), frame, check_dtype=False)
    intervals = (frame["settlementdate"] - pd.Timestamp(START)) // pd.Timedelta(minutes=5)
    keys = list(zip(intervals.tolist(), frame["duid"].tolist(), strict=True))
    assert keys == sorted(set(keys))
    return dict(zip(keys, frame["scadavalue"].tolist(), strict=True))


def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path, tally: Callable[..., None]) -> None:
    store, generator = Store(tmp_path), np.random.default_rng(9)
    merged: dict[Key, float] = {}
    done = 0
    for _ in range(KILLS):
        writer = Writer(tmp_path, done + 1)
        assert writer.acknowledges(int(generator.integers(1, MOST_UPDATES)), 60)
        writer.acknowledges(sys.maxsize, generator.random() * LONGEST)
        acknowledged = writer.killed()
        assert acknowledged == list(range(done + 1, done + 1 + len(acknowledged)))
        for number in acknowledged:
            merged |= update(number)
        values, done = found(store.path(SCADA5)), acknowledged[-1]
        if values != merged:  # then it was killed after the next one was there, and before it could say so
            done += 1
            merged |= update(done)
            tally("killed writers whose last update nobody heard of")
        assert values == merged
        assert store.read(SCADA5).num_rows == store.extent(SCADA5).rows == len(values)
        tally("killed writers")
        tally("acknowledged updates of them", len(acknowledged))
        tally("half-written files that they left", len(store.sweep()))
        assert {path.name for path in tmp_path.iterdir()} <= {"scada5.parquet", "scada5.parquet.lock"}


def failpoints() -> set[str]:
    """Every name in the source that the store can be killed at."""
    trees = [ast.parse(path.read_text()) for path in [Path(files.__file__), *ROOT.glob("aemo_ops/store/**/*.py")]]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    deeds = {argument for call in calls if _name(call) == "succeed" for argument in _texts(call)}
    points = [call.args[0] for call in calls if _name(call) == "failpoint"]
    return {_filled(point, deed) for point in points for deed in deeds}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _filled(point: ast.expr, deed: str) -> str:
    """A name as it stands there, or with the deed in its f-string's gap."""
    parts = getattr(point, "values", [point])
    return "".join(part.value if isinstance(part, ast.Constant) else deed for part in parts)


def _texts(call: ast.Call) -> list[str]:
    return [argument.value for argument in call.args if isinstance(argument, ast.Constant)]


def killed_at(module: ModuleType) -> Iterator[str]:
    """The points that a module's tests are parametrised with."""
    for test in vars(module).values():
        for mark in getattr(test, "pytestmark", []):
            if mark.name == "parametrize" and mark.args[0] == "point":
                yield from mark.args[1]


def test_every_failpoint_of_the_store_has_its_kill_9() -> None:
    tested = {
        point for module in (test_journal, test_normal, test_store, test_successor) for point in killed_at(module)
    }
    assert tested == failpoints()
    assert len(tested) > 12
