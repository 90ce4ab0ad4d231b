"""The move on copies, in a folder of its own: what would happen, and how long it would take. Starts and stops nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, Cancelled, NotYet, StepRefused
from aemo_ops.host import disk
from aemo_ops.migrate import inventory
from aemo_ops.migrate.batch import copy_all
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Step
from aemo_ops.migrate.steps.comparing import Gate
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.undertaking import Undertaking
from aemo_ops.ops import logbook
from aemo_ops.ops.jobs import Progress
from aemo_ops.settings import Settings

_PATIENCE = 600.0  # real seconds for our engine to have fetched enough to compare
_LOOK = 1.0
_MARK = "rehearsal-of-a-move"


@dataclass(frozen=True)
class Tried:
    title: str
    seconds: float
    outcome: str
    ok: bool


@dataclass(frozen=True)
class Rehearsed:
    """`steps` up to the comparison as they went on copies; the later ones as they are planned."""

    steps: tuple[Tried, ...]
    sentence: str

    @property
    def ok(self) -> bool:
        return all(one.ok for one in self.steps)


def rehearse(settings: Settings, move: Move, scratch: Path | None, progress: Progress) -> Rehearsed:
    """Go through the move on copies below `scratch` (None: a temporary folder beside the target); all of them go at the end.

    Raises StepRefused where there is no room for the copies, StoreError, Cancelled.
    """
    beside = disk.nearest(scratch or move.base)
    found = move.inventory()
    needed = 3 * sum(item.size for item in found.moved) + 2 * max((item.size for item in found.moved), default=0)
    free = disk.volume(beside).free
    if needed > free:
        raise StepRefused(f"a rehearsal needs {needed:,} bytes below {beside}, {free:,} are free; name another folder.")
    with tempfile.TemporaryDirectory(prefix=_MARK, dir=beside) as folder:
        try:
            return _rehearsed(settings, move, Path(folder), progress)
        finally:
            logbook.close_log(_home(Path(folder)))


def _rehearsed(settings: Settings, move: Move, folder: Path, progress: Progress) -> Rehearsed:
    copies = folder / "old"
    copies.mkdir()
    items = move.inventory().moved
    looking = _timed("The folders as they are", lambda: _looked(settings, move))
    if not looking.ok:
        return Rehearsed((looking,), _sentence([looking]))
    copying = _timed("Copies for the rehearsal", lambda: _copied(items, copies, progress))
    there = replace(
        move, source=copies, files={}, base=folder / "new", env_file=None, patterns=(f"{_MARK} never runs",)
    )
    tried = [looking, copying]
    with Undertaking(replace(settings, home=_home(folder)), there, "a rehearsal") as trial:
        for step in trial.steps:
            if step.name == Switch.name or not tried[-1].ok:
                break
            tried.append(_timed(step.title, lambda step=step: _through(trial, step, progress)))  # type: ignore[misc]
    with_old = Undertaking(settings, move).step(Switch.name) if tried[-1].ok else None
    if with_old:
        tried.append(_timed(with_old.title, lambda: f"would: {with_old.plan()}"))
    return Rehearsed(tuple(tried), _sentence(tried))


def _home(folder: Path) -> Path:
    return folder / "home"


def _looked(settings: Settings, move: Move) -> str:
    if reason := Undertaking(settings, move).step(Prepare.name).check():
        raise StepRefused(reason)
    return "can be moved"


def _copied(items: list[inventory.Item], folder: Path, progress: Progress) -> str:
    copies = copy_all([(item.path, folder / item.name) for item in items], progress)
    for item in items:
        os.utime(folder / item.name, (0, 0))  # else they were taken for files that a program writes
    return f"{sum(copy.size for copy in copies):,} bytes in {len(copies)} files"


def _through(trial: Undertaking, step: Step, progress: Progress) -> str:
    """Apply one step; the comparison is waited for, at most for so long."""
    ends = Clock.monotonic() + _PATIENCE
    while True:
        try:
            trial.wizard.run(progress, step.name)
            return "went through"
        except NotYet as reason:
            if step.name != Gate.name or Clock.monotonic() > ends:
                return str(reason)
        if not progress.pause(_LOOK):
            raise Cancelled("the rehearsal was stopped as asked; its copies are gone.")


def _timed(title: str, do: Callable[[], str]) -> Tried:
    begun = Clock.monotonic()
    try:
        outcome, ok = do(), True
    except Cancelled:
        raise
    except AemoOpsError as error:
        outcome, ok = str(error), False
    return Tried(title, Clock.monotonic() - begun, outcome, ok)


def _sentence(tried: list[Tried]) -> str:
    total = sum(one.seconds for one in tried)
    if bad := next((one for one in tried if not one.ok), None):
        return f"The move would stop at: {bad.title}. {bad.outcome}"
    return f"Up to the switch the move would take about {total:,.0f} s. Nothing was started, stopped or left behind."
