"""The way back from the switch: what was collected since goes into the old files by key, and the old collector runs again."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, StepRefused, UnreadableNow, VerificationFailed
from aemo_ops.files import explained, failpoint
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate import env, programs, torn
from aemo_ops.migrate.carry import carry_back, lost
from aemo_ops.migrate.copy import VerifiedCopy, copy_verified
from aemo_ops.migrate.foreign import Foreign
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.programs import Program
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Facts
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.parquet import Store

KEPT = "before-going-back"  # the old files as they were, each verified, before anything is put into them
TORN = "torn"
GONE_BACK = "switch-undone.json"
LOG = "old-collector.log"
DASHBOARD_LOG = "dashboard.log"
_AGAIN = timedelta(hours=2)  # before the end of the old collector: its last cycle may not have been its best
_ALIVE = 120.0  # real seconds for a collector that was started again to write something
_LOOK = 0.2


class Back:
    """Nothing where no switch was begun. Killed in the middle it is gone on with by calling it again.

    The one deed of the move that writes into the old folder (and only there where a verified copy exists).
    """

    def __init__(self, move: Move, shadow: Shadow, note: Note, private: Private, clock: Clock) -> None:
        self._move = move
        self._shadow = shadow
        self._clock = clock
        self._note = note
        self._private = private

    def plan(self, done: Facts) -> str:
        """What going back will do, in words; `done` is what the journal says of a switch that was done. Raises StepRefused."""
        note = self._known(done)
        if not note:
            return "nothing: no collector was ended"
        lines = ["our engine stops collecting; the settings get back what they said"]
        lines.append(
            "each old file is copied and proved, then gets, by key, every row that only the new one has, of whatever time"
        )
        known = [self._private.of(facts) for facts in note["collectors"]]
        lines += [f"start again: {one.line}" for one in programs.to_start(known, ())]
        return "; ".join(lines)

    def go(self, progress: Progress, asked: bool) -> Facts:
        """What it took. `asked`: a person wants it, and every row; else a switch failed, and who runs again is left alone.

        Raises StepRefused where somebody writes the old files, where one of them cannot be read, or the new folder is away.
        """
        note = self._known({})
        if not note:
            self._private.forget()  # a way back that was killed at its end
            return {}
        if asked and (other := self._shadow.elsewhere()):
            raise StepRefused(f"{other} collects into {self._move.data}: end it, then roll back again.")
        alone = asked and not self._running()  # one that was begun again fetches what is new by itself
        unfilled = self._shadow.fill(datetime.fromisoformat(note["at"]) - _AGAIN, progress) if alone else ""
        self._shadow.stop()
        known = [self._private.of(facts) for facts in note["collectors"]]
        still = [one for one in known if one.running]
        ended = [one for one in known if one not in still]
        others = [one for one in self._running() if one.identity not in [two.identity for two in known]]
        ours = self._begun_again(note, ended, others)
        others = [one for one in others if one not in ours]
        began = ended or "switched" in note  # there are rows that no old collector got
        if asked and (writers := others + (still if began else [])):
            raise StepRefused(
                f"an old collector runs: {writers[0]}. Nothing can be put into its files while it writes them: end it, "
                "then roll back again."
            )
        facts: dict[str, Any] = {"settings_restored": self._settings_back(note), "unfilled": unfilled}
        comes_back = (ended or asked) and not (others or ours or still)
        if comes_back:
            facts |= self._rows_back(datetime.fromisoformat(note["at"]), note, asked, progress)
        if not others:
            facts |= self._started(programs.to_start(ended, ours + still), ours)
        facts |= self._reader_back(note)
        facts["runs"] = bool(self._running())
        if asked or comes_back or "switched" not in note:  # else a rollback still owes the rows since then
            self._note.set_aside(self._gone_back)
            self._private.forget()
        return facts

    def _begun_again(self, note: Facts, ended: list[Program], others: list[Program]) -> list[Program]:
        """Those of the others that a way back, which did not come to its end, began: they count while they have every row.

        Where ours collected on since, its rows are theirs no more: the way back is to begin from its beginning.
        """
        deeds = [one.deed for one in ended]
        ours = [one for one in others if note.get("starting") and one.deed in deeds]
        return ours if not ours or self._has_all() else []

    def _has_all(self) -> bool:
        """Whether every row of the new files is in the old ones. Raises UnreadableNow."""
        pairs = [(one, self._move.data / one.file_name, self._move.old(one)) for one in self._move.datasets]
        return not any(lost(dataset, new, old, self._clock.now()) for dataset, new, old in pairs if new.exists())

    def _running(self) -> list[Program]:
        return self._move.collectors()

    def _known(self, done: Facts) -> dict[str, Any]:
        """What was noted, empty where nothing is to be gone back from. Raises StepRefused where that cannot be told."""
        if away := [folder for folder in (self._move.data, self._move.backup) if not folder.is_dir()]:
            raise StepRefused(
                f"{away[0]} is not there, with all that was collected since the switch: is its disk unplugged? Nothing was "
                "undone and nothing removed. Put the disk back, then roll back again."
            )
        note = self._note.read()
        if not note and done and Note(self._gone_back).read().get("at") != done["at"]:
            raise StepRefused(
                f"{self._note.path} is not there any more. It says what the switch ended and which settings it changed, and "
                "without it nothing can be brought back. Nothing was undone and nothing removed. Bring it back from a "
                "backup, then roll back again."
            )
        return note

    @property
    def _gone_back(self) -> Path:
        """What the note said of the last switch that was gone back from: a killed rollback knows by it that this is over."""
        return self._note.path.with_name(GONE_BACK)

    def _settings_back(self, note: Facts) -> list[str]:
        """Files of settings that are again as they were before the switch; one that was not there goes."""
        for name, was_there in note.get("settings", {}).items():
            if not env.restore(Path(name), self._move.backup) and not was_there:
                Path(name).unlink(missing_ok=True)
        return list(note.get("settings", ()))

    def _reader_back(self, note: Facts) -> dict[str, Any]:
        """The dashboard reads the old settings again, where it had been started with the new ones; where it will not, that
        is told, and is no reason to stay."""
        dashboard = self._move.dashboard
        if dashboard is None or "reader" not in note:
            return {}
        try:
            dashboard.end()
            return {
                "dashboard": dashboard.begin(self._private.of(note["reader"]), self._move.base / "logs" / DASHBOARD_LOG)
            }
        except AemoOpsError as error:
            return {"dashboard": f"not started again: {error}"}

    # rows ---------------------------------------------------------------------------------------------------------------
    def _rows_back(self, at: datetime, note: Facts, asked: bool, progress: Progress) -> dict[str, Any]:
        """Where a person goes back the new files are removed next: of all time then, for holes of years were filled too."""
        since, left_torn = None if asked else at - _AGAIN, torn.known(self._move)
        kept = dict(note.get("kept", {}))
        told: dict[str, int] = {}
        store = Store(self._move.data, clock=self._clock)
        for dataset in self._move.shared:
            old = self._move.old(dataset)
            if not (self._move.data / dataset.file_name).exists():
                continue
            if dataset.name not in kept:
                kept[dataset.name] = self._kept(at, dataset, old, dataset.name in left_torn, progress)
                self._note.write(kept=kept)
            failpoint("back.kept")
            progress.tell(0, 0, f"putting rows back into {old.name}")
            told[dataset.name] = self._carried_back(dataset, store, old, since)
            if gone := lost(dataset, self._move.data / dataset.file_name, old, self._clock.now(), since):
                raise VerificationFailed(f"{old} lacks rows that were put into it: {'; '.join(gone)}")
            failpoint("back.carried")
        return {"rows_back": told, "kept": kept}

    @staticmethod
    def _carried_back(dataset: Dataset, store: Store, old: Path, since: datetime | None) -> int:
        """The rows that went in; no lock of ours stays beside a file that is not ours."""
        lock = old.with_name(f"{old.name}.lock")
        there = lock.exists()
        try:
            return carry_back(dataset, store, old, since).inserted
        finally:
            if not there:
                lock.unlink(missing_ok=True)

    def _kept(
        self, at: datetime, dataset: Dataset, old: Path, torn_at_its_end: bool, progress: Progress
    ) -> dict[str, Any]:
        """The old file, copied and proved. One that its writer left torn makes way for a copy of the new one."""
        folder = self._move.backup / f"{KEPT}-{at:%Y%m%dT%H%M%S}"
        with explained(folder):
            folder.mkdir(exist_ok=True)
        try:
            Foreign(old).span()
        except UnreadableNow as error:
            return self._replaced(dataset, old, torn_at_its_end, error, progress)
        copy = copy_verified(old, folder / old.name, progress)
        return _fact(copy)

    def _replaced(
        self, dataset: Dataset, old: Path, torn_at_its_end: bool, error: UnreadableNow, progress: Progress
    ) -> dict[str, Any]:
        new = self._move.data / dataset.file_name
        if not torn_at_its_end:
            raise StepRefused(
                f"{error} Nothing was put into the old files. {new} holds all of its rows and is whole: put a copy of it "
                "there, then roll back again."
            ) from error
        aside = self._move.backup / TORN
        with explained(aside):
            aside.mkdir(exist_ok=True)
            if old.exists():
                shutil.move(old, aside / old.name)
        return _fact(copy_verified(new, old, progress)) | {"replaced": "torn when its writer was ended"}

    # the collector --------------------------------------------------------------------------------------------------------
    def _started(self, wanted: list[Program], ours: list[Program]) -> dict[str, Any]:
        """Start what is wanted; that, and what an earlier way back began, must write."""
        log = self._move.base / "logs" / LOG
        before, started, without = self._written(), list(ours), set[str]()
        self._note.write(starting=True)
        failpoint("back.starting")
        unknown = [one for one in wanted if one.masked]  # for a person to start: no reason to keep the rows back
        for one in [one for one in wanted if not one.masked]:
            again, missing = one.again(log)
            without |= set(missing)
            started.append(again)
            failpoint("back.started")
        if started:
            self._await_writing(started, before, log)
        return {"started": [str(one) for one in started], "without": sorted(without)} | (
            {"not_started": [str(one) for one in unknown]} if unknown else {}
        )

    def _await_writing(self, started: list[Program], before: float, log: Path) -> None:
        ends = Clock.monotonic() + _ALIVE
        pause = Progress()
        while self._written() <= before:
            dead = [one for one in started if not one.running]
            if dead or Clock.monotonic() > ends:
                what = f"{dead[0]} ended again" if dead else f"{started[0]} wrote nothing within {_ALIVE:.0f} s"
                raise VerificationFailed(f"{what}; {log} has what it said. The old files are whole and have every row.")
            pause.pause(_LOOK)

    def _written(self) -> float:
        """When one of the old files was last written."""
        paths = [self._move.old(dataset) for dataset in self._move.datasets]
        return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def _fact(copy: VerifiedCopy) -> dict[str, Any]:
    return {
        "path": str(copy.path),
        "sha256": copy.sha256,
        "rows": copy.rows,
        "last": stamp(copy.last) if copy.last else None,
    }
