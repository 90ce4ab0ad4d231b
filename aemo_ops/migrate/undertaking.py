"""A move as it lies in a folder: its journal, the lease that one process at a time holds, its steps in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import psutil

from aemo_ops.clock import Clock
from aemo_ops.errors import Cancelled, NotYet, StepRefused, StoreCorrupt
from aemo_ops.files import explained, make_private_folder
from aemo_ops.migrate import evidence
from aemo_ops.migrate.figures import before_and_after
from aemo_ops.migrate.judge import Nemweb
from aemo_ops.migrate.locations import located
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import NOTE, Note
from aemo_ops.migrate.places import Ours
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Phase, Standing, Step
from aemo_ops.migrate.steps.catch_up import CatchUp
from aemo_ops.migrate.steps.comparing import Gate
from aemo_ops.migrate.steps.copying import Copying
from aemo_ops.migrate.steps.finish import Finish
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.steps.watching import Watch
from aemo_ops.migrate.wizard import Wizard, fold
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import Lease

FOLDER = "move"  # below AEMO_OPS_HOME
_LOCK = "move.lock"
_PAUSE = 15.0  # seconds of market time until what only waits is tried again
_LEAST_PAUSE = 0.5  # real seconds
_FOLDER = "AEMO_DATA_PATH"


class Undertaking:
    """`steps`, `wizard`, `standings` of one move. Holds nothing and starts nothing until it is entered (`with`).

    `move`: what is moved; None for the one that the folder's last journal was begun with. Another than that one gets a
    journal of its own once that one was rolled back; once it is finished, only where a person wants it (`anew`), for then
    it can no longer be rolled back. Raises StepRefused where there is no move to go on with, StoreCorrupt for a journal
    that cannot be read. `shadow` makes the engine for the new folder, where it is not to be one of its own.
    """

    def __init__(
        self,
        settings: Settings,
        move: Move | None = None,
        what: str = "a move",
        anew: bool = False,
        shadow: Callable[[Path], Shadow] | None = None,
    ) -> None:
        self.folder = settings.home / FOLDER
        self.clock = Clock.from_file(settings.clock_file)
        number = sum(1 for path in self.folder.glob("journal-*.jsonl") if path.stat().st_size)
        self.journal = self._journal(max(number, 1))
        self._settings = settings
        self.move = self._taken_up(move)
        self.asked = move or self.move  # without the places that were found
        self._what = what
        self._lease = Lease(self.folder / _LOCK, what)
        self.shadow = shadow(self.move.data) if shadow else Shadow(self._engine, self.move.data)
        self.steps = self._steps()
        if self._over(anew):
            self.journal = self._journal(number + 1)
            self.steps = self._steps()
        self.wizard = Wizard(self.journal, self.steps, self._inputs())

    def _journal(self, number: int) -> Journal:
        return Journal(self.folder / f"journal-{number}.jsonl")

    def _taken_up(self, asked: Move | None) -> Move:
        """The move that was begun, where that one is meant; else the one that is asked for, its files found."""
        if asked is None:
            return self._begun()
        if self.begun and asked.is_same(begun := self._begun()):
            return begun.agreeing(asked.agreed)
        return located(asked, self._settings.gen_info_file)

    def _inputs(self) -> Mapping[str, Any]:
        """What the journal was begun with, where it is of this move: what a person agreed to later stands beside it."""
        for entry in self.journal:
            if entry.kind == "move" and self._begun().is_same(self.move):
                return dict(entry.facts["inputs"])
        return self.move.inputs()

    def agree(self, names: Iterable[str]) -> None:
        """Write down what a person agrees to (see AGREEMENTS), and the journal does not say yet. The lease is held."""
        if fresh := sorted(set(names) - self._begun().agreed):
            self.journal.append("agreed", to=fresh, by=psutil.Process().username())

    def _begun(self) -> Move:
        found = None
        for entry in self.journal:
            if entry.kind == "move":
                found = Move.of(entry.facts["inputs"])
            elif entry.kind == "agreed" and found is not None:
                found = found.agreeing(entry.facts["to"])
        if found is not None:
            return found
        raise StepRefused(f"no move was begun in {self.folder}: say what is moved, with --from and --to.")

    def _over(self, anew: bool) -> bool:
        """Whether the journal is about another move, which is no longer under way."""
        if self.journal.broken or not self.begun or self.move.is_same(self._begun()):
            return False
        phases = {one.phase for one in self.standings()}
        if phases == {Phase.DONE} and not anew:
            raise StepRefused(
                f"the move to {self._begun().base} is finished, and can be rolled back for as long as it is the last one: "
                "to begin another and leave that one as it is, say --anew."
            )
        return phases == {Phase.DONE} or phases <= {Phase.OPEN, Phase.UNDONE}

    def _steps(self) -> tuple[Step, ...]:
        move, shadow, clock = self.move, self.shadow, self.clock
        settings = [(self._settings.home / ".env", {_FOLDER: str(move.data)})]
        ours = Ours(self._settings.data_path, self._settings.home, self._settings.clock_file is not None)
        judged: dict[Listing, bytes] = {}  # a page that waits compares again and again
        steps: tuple[Step, ...] = (
            Prepare(move, clock, self.journal, ours),
            Copying(move, clock),
            NormalForm(move, clock),
            CatchUp(move, shadow, clock),
            Gate(move, shadow, clock, lambda: Nemweb(shadow.engine().client, judged)),
            Switch(move, shadow, clock, Private(self.journal.path), settings, overruled=self._overruled()),
            Watch(move, shadow, clock),
        )
        return (*steps, Finish(move, self.journal, steps))

    def _overruled(self) -> str:
        """Why the app would not follow what the switch writes into its settings; empty where it would."""
        if self._settings.origins.get(_FOLDER) != "environment" or self._settings.data_path == self.move.data:
            return ""
        return (
            f"{_FOLDER} is set in the environment that {self._what} was started in, where it wins over the settings that the "
            f"switch changes: after the move it would collect into {self._settings.data_path} again. Take it out there, "
            "start anew, then go on"
        )

    def _engine(self, folder: Path) -> Engine:
        return Engine(replace(self._settings, data_path=folder), self.clock, self._what)

    def __enter__(self) -> Self:
        """Raises LeaseHeld where another process is at this move."""
        with explained(self.folder):
            make_private_folder(self.folder)
        self._lease.take()
        return self

    @property
    def begun(self) -> bool:
        return any(entry.kind == "move" for entry in self.journal)

    def holder(self) -> str:
        """Which other process is at this move, empty where none is."""
        found = self._lease.other()
        return str(found) if found and found.pid != os.getpid() else ""

    def __exit__(self, *error: object) -> None:
        self.shadow.stop()
        self._lease.release()

    def go(self, progress: Progress, step: str | None, waits: Callable[[str], None]) -> None:
        """Go on to the end, or through one step, and wait for what only needs time: a quiet window, evidence, the hours of
        watching. `waits` hears each time for what. Raises what `Wizard.run` raises, but for NotYet.
        """
        if self.begun:
            self.agree(self.move.agreed)
        while True:
            try:
                self.wizard.run(progress, step)
                return
            except NotYet as reason:
                waits(str(reason))
                if not progress.pause(max(_LEAST_PAUSE, _PAUSE / self.clock.speed)):
                    raise Cancelled(
                        "stopped as asked; nothing was changed by that, and it can be gone on with."
                    ) from reason

    # what is known --------------------------------------------------------------------------------------------------------
    def standings(self) -> list[Standing]:
        return fold(self.journal, self.steps)

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def report(self, measured: bool = False) -> dict[str, object]:
        """The evidence so far. Raises StepRefused where nothing was begun."""
        self._begun()
        standings = self.standings()
        figures = next((one.evidence.get("figures") for one in standings if one.name == Finish.name), None)
        if figures is None:
            figures = before_and_after(self.move) if measured else ()
        return evidence.report(self.journal, standings, figures)

    def _was_tried(self) -> bool:
        """Whether the switch was begun since it was last done: what failed is then no later look at it, where two collect."""
        kinds = [entry.kind for entry in self.journal if entry.facts.get("step") == Switch.name]
        return [kind for kind in kinds if kind in ("intent", "done")][-1] == "intent"

    def alarm(self) -> str:
        """Loud where a switch stands half done, empty elsewhere: maybe nobody collects."""
        switch = next(one for one in self.standings() if one.name == Switch.name)
        if switch.phase is Phase.UNDOING:
            return (
                "A rollback was begun and not finished: MAYBE NOBODY COLLECTS. `aemo-ops migrate rollback` goes on with it, "
                "and fills what was missed."
            )
        if switch.phase not in (Phase.BEGUN, Phase.FAILED):
            return ""
        try:
            left = bool(Note(self.move.backup / NOTE).read())  # by a way back that failed too
        except StoreCorrupt as error:
            return f"A switch was begun and not finished: MAYBE NOBODY COLLECTS. {error}"
        away = switch.phase is Phase.BEGUN and not self.move.backup.is_dir()
        if not away and not (left and self._was_tried()):
            return ""
        return (
            "A switch was begun and not finished: MAYBE NOBODY COLLECTS. `aemo-ops migrate run` goes on with it, "
            "`aemo-ops migrate rollback` goes back to the old collector; both fill what was missed."
        )
