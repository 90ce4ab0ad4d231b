"""A power cut after any operation: what was not flushed is gone, a rename may or may not have reached the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from aemo_ops import files
from aemo_ops.market.catalogue import SCADA5
from aemo_ops.store.absences import Absences
from aemo_ops.store.findings import Findings
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store

START = datetime(2026, 4, 20)
Disk = dict[str, bytes]


def rows(first: int, last: int, value: float) -> pa.Table:
    times = [START + timedelta(minutes=5 * at) for at in range(first, last)]
    return pa.table(
        {
            "settlementdate": pa.array(times, pa.timestamp("ns")),
            "duid": ["BAT1"] * len(times),
            "scadavalue": [value] * len(times),
        },
        schema=SCADA5.schema,
    )


class Recorder:
    """Records the operations on one folder, and what a disk without power would hold after each of them.

    `cuts`: after each operation, the possible contents of the folder: names as last flushed or as they are now, the
    content of each file as last flushed (a file that never was is empty).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cuts: list[Disk] = []
        self.operations: list[str] = []
        self._flushed = {path.stat().st_ino: path.read_bytes() for path in folder.iterdir()}
        self._names = self._entries()

    def _entries(self) -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in self.folder.iterdir()}

    def note(self, operation: str) -> None:
        self.operations.append(operation)
        for names in (self._names, self._entries()):
            self.cuts.append({name: self._flushed.get(inode, b"") for name, inode in names.items()})

    def flushed(self, fd: int) -> None:
        inode = os.fstat(fd).st_ino
        (path,) = [path for path in self.folder.iterdir() if path.stat().st_ino == inode]
        self._flushed[inode] = path.read_bytes()
        self.note("flush")

    def folder_flushed(self) -> None:
        self._names = self._entries()
        self.note("flush folder")


@contextmanager
def recording(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    recorder = Recorder(folder)
    flush, flush_folder, replace, unlink = files.flush, files.flush_folder, Path.replace, Path.unlink

    def noted_flush(fd: int) -> None:
        recorder.note("write")  # everything written so far, not yet flushed
        flush(fd)
        recorder.flushed(fd)

    def noted_flush_folder(path: Path) -> None:
        flush_folder(path)
        recorder.folder_flushed()

    def noted_replace(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        recorder.note("replace")
        return moved

    def noted_unlink(self: Path, missing_ok: bool = False) -> None:
        unlink(self, missing_ok)
        recorder.note("unlink")

    with monkeypatch.context() as patch:
        patch.setattr(files, "flush", noted_flush)
        patch.setattr(files, "flush_folder", noted_flush_folder)
        patch.setattr(Path, "replace", noted_replace)
        patch.setattr(Path, "unlink", noted_unlink)
        yield recorder


def found_after(cut: Disk, place: Path) -> list[float] | None:
    """The values of the file on a disk as the cut left it; None where there is no file."""
    place.mkdir()
    for name, content in cut.items():
        (place / name).write_bytes(content)
    store = Store(place)
    return store.read(SCADA5)["scadavalue"].to_pylist() if store.path(SCADA5).exists() else None


Deed = Callable[[Store], object]
DEEDS: dict[str, Deed] = {
    "a new file": lambda store: store.merge(SCADA5, rows(0, 50, 2.0)),
    "an update at the end": lambda store: store.merge(SCADA5, rows(90, 120, 2.0)),
    "a revision in the middle": lambda store: store.merge(SCADA5, rows(10, 20, 2.0)),
    "a compaction": lambda store: store.compact(SCADA5),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_power_cut_after_any_operation_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    store = Store(folder)
    old: list[float] | None = None
    if deed != "a new file":
        store.merge(SCADA5, rows(0, 100, 1.0))
        store.merge(SCADA5, rows(100, 101, 1.0))
        old = store.read(SCADA5)["scadavalue"].to_pylist()
    with recording(folder, monkeypatch) as recorder:
        DEEDS[deed](store)
    new = store.read(SCADA5)["scadavalue"].to_pylist()
    assert recorder.operations[-1] == "flush folder"
    assert {"write", "flush", "replace"} <= set(recorder.operations)
    outcomes = [found_after(cut, tmp_path / f"cut{at}") for at, cut in enumerate(recorder.cuts)]
    assert all(outcome in (old, new) for outcome in outcomes)
    assert outcomes[0] == old
    # Acknowledged: whatever of names and contents reached the disk, the new file is there.
    assert outcomes[-2:] == [new, new]


def test_the_check_can_fail_without_the_flush_a_cut_leaves_an_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "scada5.parquet").write_bytes(b"old")
    with recording(folder, monkeypatch) as recorder:
        (folder / "new").write_bytes(b"new")
        (folder / "new").replace(folder / "scada5.parquet")
    assert b"" in {cut["scada5.parquet"] for cut in recorder.cuts}


@pytest.mark.parametrize("kept", [Ledger, Absences, Findings])
def test_what_is_known_of_rows_is_flushed_with_each_commit_as_the_rows_are(
    tmp_path: Path, kept: type[Ledger | Absences | Findings]
) -> None:
    """By SQLite's own word: only FULL (2) flushes the log of a commit; NORMAL (1) leaves that to the next checkpoint."""
    opened = kept(tmp_path / "ledger.sqlite", "folder")
    assert opened._database.read("PRAGMA synchronous") == [(2,)]
    assert opened._database.read("PRAGMA fullfsync") == [(1,)]
    opened.close()
