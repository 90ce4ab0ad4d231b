"""The first step: look at everything, refuse what cannot be moved, make the new place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from aemo_ops.clock import stamp
from aemo_ops.files import explained
from aemo_ops.host import processes
from aemo_ops.host.processes import Found
from aemo_ops.host.supervisor import supervisors
from aemo_ops.migrate import inventory, places
from aemo_ops.migrate.inventory import Item, Kind, State
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Facts
from aemo_ops.ops.jobs import Progress

_MODE = 0o755


class Prepare:
    name, title, word = "prepare", "Prepare", ""

    def __init__(self, move: Move) -> None:
        self._move = move

    def check(self) -> str | None:
        found = inventory.take(self._move.source, self._move.wanted)
        judged = places.judge(self._move.source, self._move.base, [item.size for item in found.moved])
        reasons = [*judged.blocks, *found.blocking]
        if any(self._move.data.glob("*")):
            reasons.append(f"{self._move.data} holds files already: move them away, or choose another folder")
        return "; ".join(reasons) or None

    def plan(self) -> str:
        move = self._move
        found = inventory.take(move.source, move.wanted)
        judged = places.judge(move.source, move.base, [item.size for item in found.moved])
        lines = [f"Look at {move.source} and make {', '.join(str(folder) for folder in move.folders)}."]
        lines += [_line(item) for item in found.items]
        lines.append(
            f"{sum(item.size for item in found.moved):,} bytes in {len(found.moved)} files; {judged.free:,} bytes are free."
        )
        lines += [f"Note: {warning}" for warning in judged.warns]
        for one in processes.find(move.patterns, [move.source]):
            lines.append(f"Old collector: {_collector(one)}")
        return "\n".join(lines)

    def apply(self, progress: Progress) -> Facts:
        move = self._move
        found = inventory.take(move.source, move.wanted)
        for folder in move.folders:
            with explained(folder):
                folder.mkdir(_MODE, parents=True, exist_ok=True)
        collectors = processes.find(move.patterns, [move.source])
        return {
            "items": [_fact(item) for item in found.items],
            "newest": stamp(found.newest) if found.newest else None,
            "collectors": [_known(one) for one in collectors],
        }

    def verify(self, evidence: Facts) -> str | None:
        gone = [str(folder) for folder in self._move.folders if not folder.is_dir()]
        return f"{', '.join(gone)} is not there" if gone else None

    def undo(self, progress: Progress) -> Facts:
        """Removes the folders that are empty; what somebody put there stays."""
        removed = []
        for folder in (*self._move.folders, self._move.base):
            with suppress(OSError):
                folder.rmdir()
                removed.append(str(folder))
        return {"removed": removed}


def _line(item: Item) -> str:
    what = f"{item.name}: {item.state}"
    if item.kind is not Kind.DECLARED:
        what += f", {item.kind}: stays where it is"
    if item.state is State.THERE:
        what += f", {item.size:,} bytes"
    if item.rows is not None and item.first and item.last:
        what += f", {item.rows:,} rows, {stamp(item.first)} to {stamp(item.last)}"
    if item.leads_to:
        what += f", a link to {item.leads_to}"
    return f"{what} ({item.detail})" if item.detail else what


def _collector(found: Found) -> str:
    told = f"process {found.identity.pid}, {found.line}, in {found.folder or 'an unknown folder'}"
    for one in supervisors(found):
        told += f"; started again by {one.kind}: {one.name}"
    return told


def _known(found: Found) -> dict[str, Any]:
    """What a process is known by, and started again from; of its environment only the names."""
    return {
        "pid": found.identity.pid,
        "started": found.identity.started,
        "program": found.identity.program,
        "command": list(found.command),
        "folder": str(found.folder) if found.folder else None,
        "names": list(found.names),
        "files": [str(path) for path in found.files],
        "supervisors": [vars(one) for one in supervisors(found)],
    }


def _fact(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "kind": str(item.kind),
        "state": str(item.state),
        "size": item.size,
        "rows": item.rows,
        "first": stamp(item.first) if item.first else None,
        "last": stamp(item.last) if item.last else None,
        "detail": item.detail,
    }
