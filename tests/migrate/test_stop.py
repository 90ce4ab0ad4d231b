"""Cancelled, killed or cut off: no copy or a whole one, and running again is the repair."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from aemo_ops.errors import Cancelled
from aemo_ops.migrate.copy import copy_verified
from aemo_ops.ops.jobs import Progress
from tests.conftest import ROOT
from tests.migrate.copying import CONTENT, HALVES, acting, copied, nothing_is_left
from tests.store.test_power_cut import recording


def cancelling(half: str) -> Progress:
    stop = Event()
    acts = acting(stop.set, half)
    return Progress(acts._told, stop)


@pytest.mark.parametrize("half", HALVES)
def test_a_cancel_is_heard_in_the_middle_and_leaves_nothing(source: Path, target: Path, half: str) -> None:
    with pytest.raises(Cancelled, match="stopped as asked"):
        copy_verified(source, target, cancelling(half))
    assert nothing_is_left(target, source)
    assert copied(source, target).size == len(CONTENT)


def test_a_cancel_is_heard_while_the_next_try_is_waited_for(source: Path, target: Path) -> None:
    stop = Event()
    source.rename(source.with_suffix(".parquet")).write_bytes(b"torn")
    progress = Progress(lambda *_: None, stop)
    progress.pause = lambda _seconds: stop.set()  # type: ignore[method-assign, assignment]
    with pytest.raises(Cancelled):
        copy_verified(source.with_suffix(".parquet"), target, progress, (3600,))


WORK = """
import sys
from pathlib import Path
from aemo_ops import files
from aemo_ops.errors import AemoOpsError
from aemo_ops.migrate.copy import copy_verified
from aemo_ops.ops.jobs import Progress
files.CHUNK = 1000
limit, source, target = int(sys.argv[1]), *map(Path, sys.argv[2:])
if limit:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    copy_verified(source, target, Progress(lambda *_: None))
except AemoOpsError as error:
    print(type(error).__name__, error)
"""


def in_a_process(source: Path, target: Path, limit: int = 0, failpoints: str = "") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), *sys.path])
    return subprocess.run(
        [sys.executable, "-c", WORK, str(limit), source, target],
        env={**os.environ, "AEMO_OPS_FAILPOINTS": failpoints, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("point", ["copying", "verifying", "before_flush", "before_replace", "after_replace"])
def test_kill_9_leaves_no_copy_or_a_whole_one_and_running_again_is_the_repair(
    source: Path, target: Path, point: str
) -> None:
    assert in_a_process(source, target, failpoints=f"copy.{point}=kill").returncode == -9
    assert target.exists() == (point == "after_replace")
    assert source.read_bytes() == CONTENT
    again = copied(source, target)
    assert again.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_file_size_limit_in_the_middle_leaves_nothing(source: Path, target: Path) -> None:
    done = in_a_process(source, target, limit=5_500)
    assert "StoreError" in done.stdout and "File too large" in done.stdout
    assert nothing_is_left(target, source)


def test_a_power_cut_after_any_operation_leaves_no_copy_or_a_whole_one(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording(target.parent, monkeypatch) as recorder:
        copied(source, target)
    found = [cut.get(target.name) for cut in recorder.cuts]
    assert set(found) == {None, CONTENT}
    assert recorder.operations[-1] == "flush folder" and found[-2:] == [CONTENT, CONTENT]
