"""Waiting until nobody writes: by looking, at most so long, and cancelled at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aemo_ops.errors import Cancelled, WriterActive
from aemo_ops.migrate.quiet import await_still
from aemo_ops.ops.jobs import Progress
from tests.migrate.stepping import quiet as nobody


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Path]:
    """A file that grows ten times a second."""
    path, stop = tmp_path / "prices5.parquet", threading.Event()
    path.write_bytes(b"")

    def write() -> None:
        while not stop.wait(0.1):
            with path.open("ab") as file:
                file.write(b"x")

    writer = threading.Thread(target=write)
    writer.start()
    yield path
    stop.set()
    writer.join()


def test_files_that_are_still_are_waited_for_as_long_as_was_asked(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert await_still([tmp_path / "a", tmp_path / "absent"], 0.5, 60, nobody()) >= 0.5


def test_a_writer_that_never_rests_is_given_up(restless: Path) -> None:
    with pytest.raises(WriterActive, match=r"never still for 0.5 s"):
        await_still([restless], 0.5, 1.0, nobody())


def test_a_cancel_is_heard(restless: Path) -> None:
    progress = Progress(lambda done, total, text: progress.cancel())
    with pytest.raises(Cancelled, match="nothing was changed"):
        await_still([restless], 0.5, 60.0, progress)
