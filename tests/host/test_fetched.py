"""A read that never ends is ended: pipes that nobody writes to stand for files that are still in a cloud."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest

from aemo_ops.errors import Cancelled, UnreadableNow
from aemo_ops.host.fetched import fetched


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "scada5.parquet"
    os.mkfifo(path)
    return path


def no_child_is_left() -> bool:
    return not [one for one in psutil.Process().children() if "multiprocessing.spawn" in " ".join(one.cmdline())]


def test_a_file_that_is_here_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "prices5.parquet"
    path.write_bytes(b"x" * 10_000)
    seen: list[int] = []
    assert fetched(path, lambda done: bool(seen.append(done)) or True, chunk=4_000) == 10_000
    assert seen == sorted(seen) and no_child_is_left()


def test_a_read_that_blocks_for_ever_is_ended(pipe: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableNow, match="no byte for 1 s: it is probably still being downloaded"):
        fetched(pipe, stalled=1.0)
    assert time.monotonic() - begun < 10 and no_child_is_left()


def test_one_that_stalls_in_the_middle_is_ended_too(pipe: Path) -> None:
    def some() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(b"x" * 1_000)
            stop.wait(20)

    stop = threading.Event()
    writer = threading.Thread(target=some, daemon=True)
    writer.start()
    seen: list[int] = []
    with pytest.raises(UnreadableNow, match="no byte for 1 s"):
        fetched(pipe, lambda done: bool(seen.append(done)) or True, stalled=1.0)
    stop.set()
    writer.join()
    assert seen[-1] == 1_000 and no_child_is_left()


def test_a_wait_can_be_cancelled(pipe: Path) -> None:
    answers = iter([True, False])
    with pytest.raises(Cancelled, match="nothing was changed"):
        fetched(pipe, lambda done: next(answers))
    assert no_child_is_left()


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableNow, match="No such file"):
        fetched(tmp_path / "absent.parquet")
