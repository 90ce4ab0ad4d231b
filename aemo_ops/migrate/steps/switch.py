"""The sixth step: the old collector ends, ours is the one that counts. What goes wrong here goes back to the state before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, Cancelled, StepRefused, VerificationFailed
from aemo_ops.files import failpoint
from aemo_ops.host import processes
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import FIVE_MINUTES, intervals
from aemo_ops.migrate import env, programs, quiet, torn
from aemo_ops.migrate.carry import carry, lost
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import NOTE, Note
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.programs import Program
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Facts, Later
from aemo_ops.migrate.steps.back import DASHBOARD_LOG, Back
from aemo_ops.migrate.steps.copying import copied_until
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.watch import identity

Setting = tuple[Path, Mapping[str, str]]
STILL = 15.0  # seconds without a change: its cycle is over
_PATIENCE = 900.0  # real seconds until that must have come
_TO_END = 30.0  # real seconds from SIGTERM on
_OBSERVED = timedelta(minutes=20)  # market time for the next interval to arrive
_LOOKED_BACK = timedelta(minutes=15)  # before the end of the old collector: none may be missing from there on
_LOOK = 0.5


class Switch:
    """Its note says what was running and when it was ended, before anything is: a killed switch can go on, or back."""

    name, title, word = "switch", "Switchover", "SWITCH"

    def __init__(
        self,
        move: Move,
        shadow: Shadow,
        clock: Clock,
        private: Private,
        settings: Sequence[Setting] = (),
        still: float = STILL,
        overruled: str = "",
    ) -> None:
        """`settings`: further files of settings, and what each is to say from the switch on; `overruled`: why that would be
        in vain."""
        self._overruled = overruled
        self._move = move
        self._shadow = shadow
        self._clock = clock
        reader = [(move.env_file, env.paths(move.base))] if move.env_file else []
        self._settings = [*reader, *settings]
        self._still = still
        self._note = Note(move.backup / NOTE)
        self._private = private
        self._back = Back(move, shadow, self._note, private, clock)

    def check(self) -> str | None:
        if not self._note.read() and (why := quiet.turning(self._clock.now())):
            return Later(why)
        if self._overruled:
            return self._overruled
        for one in self._running():
            if one.held_by:
                return (
                    f"{one}. Ended, it would be started again: end that first ({'; '.join(one.stop)}). "
                    f"To bring it back later: {'; '.join(one.start)}"
                )
        self._changes()
        return None

    def plan(self) -> str:
        running = self._running()
        lines = ["Wait until the old files are still, take over what they got, then:"]
        lines += [f"end {one} (SIGTERM, never a kill)" for one in running] or ["no old collector runs: nothing to end"]
        lines.append(f"take over the rest; from then on {self._move.data} is what counts")
        for change in self._changes():
            lines += [f"write {change.path}, the old one kept in {self._move.backup / env.FOLDER}:", *change.shown]
            lines += change.warnings
        if self._move.dashboard and (reader := self._move.dashboard.running()):
            lines.append(f"end the dashboard ({reader}) and start it again with these settings")
        lines.append("see the next interval arrive in the new files and none in the old; else go back to what is now")
        if self._note.read():
            lines.insert(0, "A switch was begun and not finished; it is gone on with.")
        return "\n".join(lines)

    def apply(self, progress: Progress) -> Facts:
        try:
            return self._switched(progress)
        except BaseException as error:
            try:
                self._back.go(Progress(), asked=False)
            except AemoOpsError as second:
                raise VerificationFailed(
                    f"{error} And going back failed: {second} Nobody may be writing the old files: "
                    "`aemo-ops migrate rollback` tries to go back again."
                ) from error
            raise

    def verify(self, evidence: Facts) -> str | None:
        """Ours collects, nobody writes the old files, and no key of theirs is lost."""
        try:
            self._shadow.engine()
        except AemoOpsError as error:
            return f"our engine does not collect: {error}"
        if why := self._written(evidence["old_files_as_left"]):
            return why
        for dataset in self._move.datasets:
            old, new = self._move.old(dataset), self._move.data / dataset.file_name
            if not old.exists() or dataset.name in evidence["torn"]:
                continue
            if gone := lost(dataset, old, new, self._clock.now(), copied_until(self._move, dataset)):
                return f"{new} lacks rows that {old} has: {'; '.join(gone)}"
        return None

    def back(self, evidence: Facts) -> str:
        return self._back.plan(evidence)

    def undo(self, progress: Progress) -> Facts:
        """What was collected since goes into the old files by key, and the old collector is started as it was found."""
        return self._back.go(progress, asked=True)

    # its parts ----------------------------------------------------------------------------------------------------------
    def _switched(self, progress: Progress) -> dict[str, Any]:
        speed = max(self._clock.speed, 1.0)  # a fast clock has short pauses between cycles
        waited = quiet.await_still(self._old_files(), self._still / speed, _PATIENCE, progress)
        self._carried(progress, torn.known(self._move))  # of a switch that was killed and goes on
        note = self._note.read()
        old = programs.noted([self._private.of(facts) for facts in note.get("collectors", ())], self._running())
        at = note.get("at") or stamp(self._clock.now())
        self._private.keep(old)
        self._note.write(at=at, collectors=[one.facts() for one in old], starting=False)
        failpoint("switch.noted")
        begun = Clock.monotonic()
        for one in old:
            self._end(one)
        failpoint("switch.stopped")
        left_torn = torn.look(self._move)
        self._note.write(torn=left_torn)
        carried = self._carried(progress, left_torn)
        failpoint("switch.carried")
        shown = self._settled()
        failpoint("switch.settings")
        left = self._stats()
        arrived, gap = self._observed(datetime.fromisoformat(at), left, progress)
        self._note.write(switched=stamp(self._clock.now()))
        return {
            "at": at,
            "waited_seconds": round(waited, 1),
            "ended": [str(one) for one in old],
            "torn": left_torn,
            "carried": carried,
            **shown,
            "old_files_as_left": left,
            "arrived": arrived,
            "gap_intervals": gap,
            "seconds": round(Clock.monotonic() - begun, 1),
        }

    def _end(self, one: Program) -> None:
        if not processes.stop(one.identity, _TO_END):
            raise StepRefused(
                f"{one} was asked to end and did not within {_TO_END:.0f} s; it was not killed. Everything is as before. "
                "End it yourself, then switch again."
            )

    def _carried(self, progress: Progress, left_out: Sequence[str]) -> dict[str, int]:
        """dataset -> rows that the new file got from the old one."""
        found, ground = {}, self._shadow.ground()
        for dataset in self._move.datasets:
            old = self._move.old(dataset)
            if dataset.name in left_out or not old.exists():
                continue
            done = carry(dataset, old, ground.store, copied_until(self._move, dataset), progress, ground.turn)
            ground.wrote(dataset)
            found[dataset.name] = done.inserted
        return found

    def _settled(self) -> dict[str, Any]:
        """The settings say where the files are now, and who reads them was started with them."""
        dashboard, log = self._move.dashboard, self._move.base / "logs" / DASHBOARD_LOG
        before = dashboard.measure() if dashboard else None
        reader = dashboard.end() if dashboard else None
        known = self._note.read().get("reader")
        if reader:
            self._private.keep([reader])
            self._note.write(reader=reader.facts())
        elif known:  # of a switch that was killed between the two
            reader = self._private.of(known)
        changed = self._set()
        if dashboard is None or reader is None:
            return {"settings": changed}
        after = dashboard.begin(reader, log)
        return {"settings": changed, "dashboard": [{"when": "before"} | (before or {}), {"when": "after"} | after]}

    def _changes(self) -> list[env.Change]:
        """Raises StepRefused where a file of settings cannot be changed."""
        changes = [env.change(path, values, self._move.source) for path, values in self._settings]
        return [change for change in changes if not change.nothing]

    def _set(self) -> dict[str, list[str]]:
        """File of settings -> its changed lines: paths only, never a secret."""
        changes = self._changes()
        if changes:  # of a switch that was killed here and goes on, those left
            before = self._note.read().get("settings", {})
            for change in changes:
                if str(change.path) not in before:
                    env.set_aside(change.path, self._move.backup)
            self._note.write(settings={str(change.path): change.path.exists() for change in changes} | before)
        for change in changes:
            env.write(change, self._move.backup)
        return {str(change.path): list(change.shown) for change in changes}

    def _observed(self, at: datetime, left: Facts, progress: Progress) -> tuple[dict[str, str], int]:
        """dataset -> the first interval that AEMO published since the old collector ended; and how many are missing around
        that moment: none."""
        ends = self._clock.now() + _OBSERVED
        fives = [dataset for dataset in self._move.datasets if dataset.cadence == FIVE_MINUTES]
        # Not those after `at`: AEMO publishes an interval some minutes before it ends.
        before = {dataset.name: max(self._had(dataset, at), default=at) for dataset in fives}
        while True:
            if why := self._written(left):
                raise StepRefused(why)
            news = {dataset.name: self._news(dataset, at, before[dataset.name]) for dataset in fives}
            if all(not missing and arrived for arrived, missing in news.values()):
                gap = sum(len(missing) for _, missing in news.values())
                return {name: stamp(arrived) for name, (arrived, _) in news.items() if arrived}, gap
            waiting = [
                f"{name} lacks {', '.join(map(stamp, missing[:3]))}" if missing else f"{name} got nothing new yet"
                for name, (arrived, missing) in news.items()
                if missing or not arrived
            ]
            if self._clock.now() > ends:
                raise VerificationFailed(f"within {_OBSERVED} of market time {'; '.join(waiting)}.")
            progress.tell(
                len(fives) - len(waiting),
                len(fives),
                f"the old collector has ended; AEMO's next interval is awaited, some minutes: {'; '.join(waiting)}",
            )
            if not progress.pause(_LOOK):
                raise Cancelled("stopped as asked; the old collector was started again.")

    def _had(self, dataset: Dataset, at: datetime) -> set[datetime]:
        """The new file's interval ends from shortly before `at` on; one that cannot have come yet is no interval's."""
        times = self._shadow.ground().store.read(dataset, _shortly_before(at))[dataset.key[0]]
        latest = catalogue.latest_possible(dataset, self._clock.now())
        return {end for end in times.cast("timestamp[us]").to_pylist() if end <= latest}

    def _news(self, dataset: Dataset, at: datetime, before: datetime) -> tuple[datetime | None, list[datetime]]:
        """The first interval after `before`, and what is missing up to the newest from shortly before `at` on."""
        had = self._had(dataset, at)
        begin = _shortly_before(at)
        missing = [end for end in intervals(begin, max(had, default=begin), dataset.cadence) if end not in had]
        return min((end for end in had if end > before), default=None), missing

    def _written(self, left: Facts) -> str | None:
        """Whether anybody writes the old files again, in words."""
        if running := self._running():
            return f"an old collector runs again: {running[0]}. Two programs collect; end it, and what starts it."
        now = self._stats()
        changed = [name for name, was in left.items() if now[name] != was]
        if changed:
            return (
                f"{', '.join(changed)} in {self._move.source} changed with no local writer: another computer may be "
                "writing there. End its collector."
            )
        return None

    def _running(self) -> list[Program]:
        return self._move.collectors()

    def _old_files(self) -> list[Path]:
        return [self._move.old(dataset) for dataset in self._move.datasets]

    def _stats(self) -> dict[str, list[int] | None]:
        """Size and time of the last change of each old file, as JSON can hold them; None of one that is not there."""
        found = {path.name: identity(path) for path in self._old_files()}
        return {name: list(known[1:]) if known else None for name, known in found.items()}


def _shortly_before(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0) - _LOOKED_BACK
