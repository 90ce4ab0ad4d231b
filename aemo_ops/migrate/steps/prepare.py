"""The first step: look at everything, refuse what cannot be moved, make the new place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aemo_ops.clock import Clock, stamp, to_nem
from aemo_ops.errors import StepRefused
from aemo_ops.files import explained, partial_of
from aemo_ops.host import disk
from aemo_ops.host.repository import Repository, look
from aemo_ops.migrate import inventory, places, programs
from aemo_ops.migrate.candidates import Candidate, candidates, newer
from aemo_ops.migrate.inventory import Inventory, Item, Kind, State
from aemo_ops.migrate.locations import Around
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import NOTE
from aemo_ops.migrate.places import Ours
from aemo_ops.migrate.programs import Program
from aemo_ops.migrate.step import Facts
from aemo_ops.migrate.steps.copying import MANIFEST, Copying
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import adopted

_MODE = 0o755


class Prepare:
    name, title, word = "prepare", "Prepare", ""

    def __init__(self, move: Move, clock: Clock, journal: Journal, ours: Ours | None = None) -> None:
        self._move = move
        self._ours = ours
        self._clock = clock
        self._journal = journal

    def check(self) -> str | None:
        found = self._move.inventory()
        judged = places.judge(self._move.source, self._move.base, [item.size for item in found.moved])
        there = self._move.source.is_dir()  # else one reason is enough
        reasons = [*judged.blocks, *(found.blocking if there else ()), *self._nowhere(found)]
        reasons += self._gone() if self._copying_begun() else self._taken()
        if self._ours:
            reasons += places.used(self._move.base, self._move.folders, self._ours)
        if self._move.env_file and not self._move.env_file.parent.is_dir():
            reasons.append(
                f"{self._move.env_file.parent} is no folder, so {self._move.env_file} cannot be the settings"
            )
        collectors = self._collectors() if there else []
        if there and (nameless := self._nameless(found, collectors)):
            reasons.append(nameless)
        if there and (other := newer(self._candidates(collectors))):
            reasons.append(
                f"{other.folder} has newer rows ({stamp(other.newest) if other.newest else '-'}): it is probably the live folder. "
                "Move that one, choose its files, or put it somewhere else where it is not"
            )
        return "; ".join(reasons) or None

    def plan(self) -> str:
        move = self._move
        found = move.inventory()
        judged = places.judge(move.source, move.base, [item.size for item in found.moved])
        lines = [f"Look at {move.source} and make {', '.join(str(folder) for folder in move.folders)}."]
        lines += [_line(item) for item in found.items]
        lines.append(
            f"{sum(item.size for item in found.moved):,} bytes in {len(found.moved)} files; {judged.free:,} bytes are free."
        )
        lines += [f"Note: {warning}" for warning in judged.warns]
        collectors = self._collectors()
        lines += [f"Old collector: {one}" for one in collectors] or [
            f"No old collector runs whose command line holds {' or '.join(map(repr, move.patterns))}"
        ]
        lines += [f"Also there: {one}" for one in self._candidates(collectors)[1:]]
        lines += [f"Repository: {look(path)}" for path in move.repositories]
        lines += [
            f"Note: {path} has the old paths baked into it: rebuild it after the switch" for path in self._caches()
        ]
        return "\n".join(lines)

    def apply(self, progress: Progress) -> Facts:
        move = self._move
        found = move.inventory()
        for folder in move.folders:
            with explained(folder):
                folder.mkdir(_MODE, parents=True, exist_ok=True)
        self._try_second_name()
        collectors = self._collectors()
        newest = found.newest(self._clock.now())
        return {
            "items": [_fact(item) for item in found.items],
            "newest": stamp(newest) if newest else None,
            "collectors": [one.facts() for one in collectors],
            "candidates": [str(one) for one in self._candidates(collectors)],
            "repositories": [_repository(look(path)) for path in move.repositories],
            "caches": [str(path) for path in self._caches()],
        }

    def _nowhere(self, found: Inventory) -> Iterator[str]:
        """Where required files were looked for that were found nowhere, and what to do."""
        if not found.sought or not found.moved:
            return
        around = Around(self._move)
        others = [str(folder) for folder in around.folders[1:]]
        told = f" and in {len(others)} folders around it ({_some(others)})" if others else ""
        named = f", and where {_some([str(path) for path in around.env_files])} point" if around.env_files else ""
        yield (
            f"looked for {_some(found.sought)} in {self._move.source}{told}{named}. Say where it lies, or leave it out with a "
            "reason: in the table of files, or with --file NAME=PATH and --without NAME=REASON"
        )

    def files(self) -> list[dict[str, Any]]:
        """The files of the set as they are found, each with its place and with what will happen to it, as JSON can hold it."""
        return [
            _fact(item) | {"fate": _fate(item)} for item in self._move.inventory().items if item.kind is Kind.DECLARED
        ]

    def _try_second_name(self) -> None:
        """Raises StepRefused where a file cannot have two: a copy is kept so while its normal form takes its name."""
        with explained(self._move.backup), TemporaryDirectory(dir=self._move.backup) as place:
            first = Path(place) / "first"
            first.touch()
            try:
                first.with_name("second").hardlink_to(first)
            except OSError as error:
                kind = disk.volume(self._move.base).kind
                raise StepRefused(
                    f"the disk of {self._move.base} ({kind or 'of an unknown kind'}) cannot give a file a second name "
                    f"({error.strerror}), as exFAT and FAT cannot; the move keeps each copy in that way. Nothing was copied, "
                    "the old files are untouched. Format that disk as APFS, which erases it, or choose a folder on another one."
                ) from error

    def _copying_begun(self) -> bool:
        """Whether what lies in the new place may be this move's own."""
        told = [entry.kind for entry in self._journal if entry.facts.get("step") == Copying.name]
        return bool(told) and told[-1] != "undone"

    def _gone(self) -> Iterator[str]:
        if not self._move.base.is_dir():
            yield f"{self._move.base} is not there any more: plug its disk in, or put the folder back, then go on"

    def _taken(self) -> Iterator[str]:
        """What of somebody else's lies where this move would write; it may count, or be another move's way back."""
        data, backup = self._move.data, self._move.backup
        names = [one.name for one in self._move.wanted]
        ours = {
            partial_of(data / name).name for name in names
        }  # of a process that was killed: the copy makes them anew
        if found := [name for name in inventory.names_in(data) if name not in ours]:
            yield (
                f"{data} holds files already, which this move did not make ({_some(found)}): they were not touched. "
                "Choose another folder for the new place"
            )
        if left := [name for name in inventory.names_in(backup) if name in {*names, MANIFEST, NOTE}]:
            yield (
                f"{backup} holds what another move left ({_some(left)}): its copies and how to go back from it, which "
                "were not touched. Choose another folder for the new place, or put that folder away once that move will "
                "not be rolled back any more"
            )

    def _collectors(self) -> list[Program]:
        return self._move.collectors()

    def _nameless(self, found: Inventory, collectors: Sequence[Program]) -> str:
        """Of a folder that we write ourselves there is nothing to ask."""
        if adopted(self._move.source):
            return ""
        written = {item.name: item.written for item in found.moved if item.written}
        return programs.nameless(self._move.patterns, collectors, written, to_nem(Clock.utc()))

    def _candidates(self, collectors: Sequence[Program]) -> list[Candidate]:
        return candidates(self._move, collectors, self._clock.now())

    def _caches(self) -> list[Path]:
        """The reading program's cache databases, whose views name the old paths."""
        settings = [self._move.env_file.parent] if self._move.env_file else []
        folders = {self._move.source, self._move.source.parent, *settings, *self._move.repositories}
        return sorted(path for folder in folders for path in folder.glob("*.duckdb"))

    def verify(self, evidence: Facts) -> str | None:
        """An empty folder of logs may go and come: whoever writes one makes it again."""
        gone = [str(folder) for folder in (self._move.data, self._move.backup) if not folder.is_dir()]
        return f"{', '.join(gone)} is not there any more" if gone else None

    def back(self, evidence: Facts) -> str:
        return "remove the folders that were made, where they are empty"

    def undo(self, progress: Progress) -> Facts:
        """Removes the folders that are empty; what somebody put there stays."""
        removed = []
        for folder in (*self._move.folders, self._move.base):
            with suppress(OSError):
                folder.rmdir()
                removed.append(str(folder))
        return {"removed": removed}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _line(item: Item) -> str:
    what = f"{item.name}: {item.state}"
    if item.kind is Kind.DECLARED and item.state is not State.ABSENT:
        what += f" at {item.path}"
    if item.kind is not Kind.DECLARED:
        what += f", {item.kind}: stays where it is"
    if item.state is State.THERE:
        what += f", {item.size:,} bytes"
    if item.rows is not None and item.first and item.last:
        what += f", {item.rows:,} rows, {stamp(item.first)} to {stamp(item.last)}"
    if item.leads_to:
        what += f", a link to {item.leads_to}"
    return f"{what} ({item.detail})" if item.detail else what


def _repository(found: Repository) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "branch": found.branch,
        "commit": found.commit,
        "changed": list(found.changed),
    }


def _fate(item: Item) -> str:
    """What becomes of a file, in words."""
    if item.state is State.THERE:
        named = "" if item.path.name == item.name else f" as {item.name}"
        return f"copied{named}"
    if item.state is State.LEFT_OUT:
        return "stays where it is"
    return "bars the beginning" if item.required or item.state is not State.ABSENT else "goes without it"


def _fact(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "path": str(item.path),
        "required": item.required,
        "kind": str(item.kind),
        "state": str(item.state),
        "size": item.size,
        "rows": item.rows,
        "first": stamp(item.first) if item.first else None,
        "last": stamp(item.last) if item.last else None,
        "detail": item.detail,
    }
