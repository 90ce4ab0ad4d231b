"""The second step: every file copied and proved, while the old collector still runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from os import stat_result
from pathlib import Path
from typing import Any

from aemo_ops.clock import Clock, stamp
from aemo_ops.files import explained, partial_of
from aemo_ops.host import disk
from aemo_ops.host.fetched import fetched
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate import places, torn
from aemo_ops.migrate.batch import copy_all
from aemo_ops.migrate.carry import lost
from aemo_ops.migrate.copy import PAUSES, VerifiedCopy, digest
from aemo_ops.migrate.foreign import newest
from aemo_ops.migrate.inventory import Item
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.step import Facts
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.lease import adopted

MANIFEST = "copied.json"
_AGAIN = timedelta(days=2)


class Copying:
    """What stands under a final name is whole, and in the manifest before the step is done.

    The manifest also says which names we began to write: a file there that differs from a source which went on growing is
    ours, from a try that was killed, and makes way.
    """

    name, title, word = "copy", "Copy & verify", ""

    def __init__(self, move: Move, clock: Clock, pauses: Sequence[float] = PAUSES) -> None:
        self._move = move
        self._clock = clock
        self._pauses = pauses
        self._note = Note(move.backup / MANIFEST)

    def check(self) -> str | None:
        if adopted(self._move.data):
            return f"our engine collects into {self._move.data} already; to copy anew, roll back first"
        found = self._move.inventory()
        present = {path.name: path.stat().st_size for path in self._move.data.glob("*")}
        sizes = [max(0, item.size - present.get(item.name, 0)) for item in found.moved]
        reasons = [*places.judge(self._move.source, self._move.base, sizes).blocks, *found.blocking]
        ours = self._begun()
        foreign = [name for name in present if not name.startswith(".") and name not in ours]
        if foreign:
            reasons.append(f"{self._move.data} holds {', '.join(sorted(foreign))}, which this move did not write")
        return "; ".join(reasons) or None

    def plan(self) -> str:
        items = self._move.inventory().moved
        lines = [f"{item.name}: {item.size:,} bytes" for item in items]
        head = (
            f"Copy {len(items)} files to {self._move.data}: each hashed while read, flushed, read back from the disk."
        )
        return "\n".join([head, *lines])

    def apply(self, progress: Progress) -> Facts:
        items = self._move.inventory().moved
        self._make_way(items)
        self._note.write(begun=[item.name for item in items])
        if any(disk.cloud(item.path) for item in items):
            self._fetch(items, progress)
        pairs = [(item.path, self._move.data / item.name) for item in items]
        copies = copy_all(pairs, progress, pauses=self._pauses)
        now = self._clock.now()
        evidence = [_fact(copy, newest(copy.path.name, copy.path, copy.last, now)) for copy in copies]
        self._note.write(files=evidence)
        return {"files": evidence}

    def verify(self, evidence: Facts) -> str | None:
        """Until the engine writes there, a copy is byte for byte what it was; later, every key of the old file is in it."""
        for fact in evidence["files"]:
            path = self._move.data / fact["name"]
            try:
                status = path.stat()
            except OSError as error:
                return f"{path} is not there any more ({error.strerror})"
            if _is_still(status, fact):
                continue
            dataset, kept = catalogue.dataset_of_file(path.name), kept_copy(self._move, fact)
            may_differ = dataset is not None and (kept is not None or adopted(self._move.data))
            if not may_differ and digest(path) == fact["sha256"]:
                continue
            source = kept or self._move.old(path.name)
            if dataset is None or not may_differ or not source.exists():
                return f"{path} is not the file any more that was copied"
            if source != kept and dataset.name in torn.known(self._move):
                continue
            until = (
                datetime.fromisoformat(fact["last"]) if fact["last"] else None
            )  # later rows come over in later steps
            if gone := lost(dataset, source, path, self._clock.now(), None, until, self._pauses):
                return f"{path} lacks rows that {source} has: {'; '.join(gone)}"
        return None

    def back(self, evidence: Facts) -> str:
        return f"remove the copies from {self._move.data}; the old files are not touched by that"

    def undo(self, progress: Progress) -> Facts:
        """Removes what this step wrote; the old files were never touched."""
        removed = []
        for name in self._begun():
            path = self._move.data / name
            partial_of(path).unlink(missing_ok=True)
            if path.exists():
                path.unlink()
                removed.append(name)
        self._note.clear()
        return {"removed": removed}

    def _fetch(self, items: Sequence[Item], progress: Progress) -> None:
        """Bytes that may still be in the cloud come here first, read by a process that is ended when none come."""
        for item in items:

            def told(done: int, item: Item = item) -> bool:
                progress.tell(done, item.size, f"making sure that all of {item.name} is on this machine")
                return not progress.cancelled

            fetched(item.path, told)

    def _make_way(self, items: Sequence[Item]) -> None:
        """Of an earlier try: a copy whose source has changed since is made again, and what was kept of it goes before it."""
        ours, copies = self._begun(), copied(self._move)
        for item in items:
            there = self._move.data / item.name
            if item.name not in ours or (there.exists() and there.stat().st_mtime_ns == item.path.stat().st_mtime_ns):
                continue
            kept = kept_copy(self._move, copies[item.name]) if item.name in copies else None
            for stale in (kept, there):
                if stale:
                    with explained(stale):
                        stale.unlink(missing_ok=True)

    def _begun(self) -> list[str]:
        return list(self._note.read().get("begun", ()))


def copied(move: Move) -> dict[str, Facts]:
    """Name of each file that this move copied -> what it wrote down of the copy."""
    return {fact["name"]: fact for fact in Note(move.backup / MANIFEST).read().get("files", ())}


def kept_copy(move: Move, fact: Facts) -> Path | None:
    """The copy as it came, where the normal form took its name; only the very one that `fact` tells of."""
    path = move.backup / fact["name"]
    try:
        status = path.stat()
    except OSError:
        return None
    same = _is_still(status, fact) or (status.st_size == fact["size"] and digest(path) == fact["sha256"])
    return path if same else None


def _is_still(status: stat_result, fact: Facts) -> bool:
    return (status.st_size, status.st_mtime_ns, status.st_ino) == (fact["size"], fact["mtime_ns"], fact["inode"])


def copied_until(move: Move, dataset: Dataset) -> datetime | None:
    """Days before the newest interval of the dataset's copy; None where that is not known: then all of the file is meant.

    The old collector may have filled a hole since.
    """
    last = copied(move).get(dataset.file_name, {}).get("last")
    return datetime.fromisoformat(last) - _AGAIN if last else None


def _fact(copy: VerifiedCopy, last: datetime | None) -> dict[str, Any]:
    return {
        "name": copy.path.name,
        "sha256": copy.sha256,
        "size": copy.size,
        "mtime_ns": copy.mtime_ns,
        "inode": copy.inode,
        "rows": copy.rows,
        "first": stamp(copy.first) if copy.first else None,
        "last": stamp(last) if last else None,
    }
