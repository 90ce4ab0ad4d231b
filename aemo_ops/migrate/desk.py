"""The move as the app works at it: one deed at a time in a thread of its own, and how it stands, as data for any page.

What is true stands in the journal. The desk only adds what is going on now, what came of the last deed, and what a look at
the step that is next found.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, LeaseHeld, StepRefused, StoreError
from aemo_ops.migrate import evidence, stages
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.stages import Stage
from aemo_ops.migrate.status import Doing, Look, Status
from aemo_ops.migrate.step import Later, Phase, Step
from aemo_ops.migrate.steps.catch_up import CatchUp
from aemo_ops.migrate.steps.comparing import Gate
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.steps.watching import Watch
from aemo_ops.migrate.undertaking import Undertaking
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.settings import Settings

log = logging.getLogger(__name__)
_LOOKS = 2.0  # real seconds between two looks at the next step
_COMPARES = 8.0  # and between two comparisons
_SHARE = 10.0  # and at least so many times as long as the last one took: large old files may be read for it
_BARRED = 10.0  # and at the most, while a move cannot begin
_LOOK_ENDS = 120.0  # real seconds for a look to end before a deed begins: it may be reading large files
_TELLS = 0.2  # and between two tellings of progress


class Desk:
    """`shadow` makes the engine of a move; `goes_to` sets the process's own engine to a folder; `tell` hears of every change."""

    def __init__(
        self,
        load: Callable[[], Settings],
        shadow: Callable[[Path], Shadow],
        goes_to: Callable[[Path], Engine],
        tell: Callable[[], None],
    ) -> None:
        self._load, self._shadow, self._goes_to, self._tell = load, shadow, goes_to, tell
        self._lock = threading.Lock()
        self._work: Undertaking | None = None
        self._before: Undertaking | None = None  # the last one that was begun, while another is considered
        self._anew = False
        self._held = False
        self._progress: Progress | None = None
        self._looking = False
        self._look_ends = threading.Condition(self._lock)
        self._rest = _LOOKS
        self._looked = self._compared = self._told = self._counting = float("-inf")
        self._status = Status()
        try:
            self._work = self._undertaking(None)
            self._fold()
        except StepRefused:
            return  # no move was begun
        except StoreError as error:  # the app collects all the same, and its page says why the move stands still
            self._status = Status(broken=str(error))

    def status(self) -> Status:
        return self._status

    def folder(self) -> Path:
        """Which folder the process's engine is for: the new one from the parallel run on."""
        status = self._status
        if self._work is None or status.move is None or not status.under_way:
            return self._load().data_path
        begun = status.standing(CatchUp.name).phase in (Phase.BEGUN, Phase.DONE, Phase.FAILED)
        return status.move.data if begun else self._load().data_path

    # what a person asks -----------------------------------------------------------------------------------------------------
    def consider(self, move: Move, anew: bool = False) -> None:
        """Look at a move that may be begun. Raises StepRefused where another is under way, StoreCorrupt."""
        self._check_free()
        if self._status.under_way:
            raise StepRefused("a move is under way; roll it back, or go on with it.")
        last = self._status.move.base if self._status.move and self._status.finished else self._status.gives_up
        work = self._undertaking(move, anew)
        if self._work is not None and self._work.begun:
            self._before = self._work
        self._work, self._anew = work, anew
        self._status = Status(gives_up=last)
        self._fold()
        self._looked = float("-inf")
        self._tell()

    def go(self, step: str, word: str = "") -> None:
        """Go on through a step, in the background. Raises StepRefused, at once, where it cannot be or for a wrong word."""
        work = self._hold()
        named = work.step(step)
        if named.word and self._status.standing(step).phase is not Phase.DONE:
            work.wizard.confirm(step, word.strip())
        self._start(stages.of_step(step), lambda progress: self._through(work, named, progress))

    def agree(self, to: str) -> None:
        """A person agrees that what the normal form cannot keep is left out: `drop_columns` or `accept_loss`.

        Raises StepRefused.
        """
        work = self._hold()
        work.agree([to])
        self._leave()
        self._work = self._undertaking(None)
        self._fold()
        self._looked = float("-inf")
        self._tell()

    def go_back(self, word: str) -> None:
        """Roll everything back, in the background. Raises StepRefused, at once, for a wrong word."""
        work = self._hold()
        work.wizard.confirm_back(word.strip())
        self._start(None, lambda progress: self._back(work, progress))

    def cancel(self) -> None:
        """Ask what is going on to stop at its next safe point."""
        with self._lock:
            if self._progress is None or self._status.doing is None:
                return
            self._progress.cancel()
            self._status = replace(self._status, doing=replace(self._status.doing, cancelling=True))
        self._tell()

    def report(self) -> tuple[str, str]:
        """The evidence so far: the page, and JSON. Raises StepRefused where nothing was begun."""
        work = self._at_hand()
        return evidence.forms(self._with_history(work).report(measured=True))

    def look(self) -> None:
        """Look at the next step, in the background, unless that was done just now: a page calls it every second."""
        now = Clock.monotonic()
        with self._lock:
            idle = self._status.doing is None and not self._looking
            if self._work is None or not idle or now - self._looked < self._rest:
                return
            self._looking, self._looked = True, now
        threading.Thread(target=self._have_a_look, name="move-look", daemon=True).start()

    # deeds ------------------------------------------------------------------------------------------------------------------
    def _through(self, work: Undertaking, step: Step, progress: Progress) -> str:
        work.go(progress, step.name, lambda reason: progress.tell(0, 0, reason))
        stage = stages.of_step(step.name)
        if step.name == stage.steps[-1]:
            return f"{stage.title}: done and verified."
        after = work.step(stage.steps[stage.steps.index(step.name) + 1])
        return f"{step.title}: done and verified. {stage.title} goes on with: {after.title}."

    def _back(self, work: Undertaking, progress: Progress) -> str:
        standings = work.wizard.rollback(progress)
        return " ".join([evidence.sentence(standings), *evidence.left_after_rollback(work.journal, standings)])

    def _start(self, stage: Stage | None, deed: Callable[[Progress], str]) -> None:
        doing = Doing(stage.title, stage.key) if stage else Doing("Rolling back", stages.ALL)
        with self._lock:
            self._check_free()
            self._progress = Progress(self._heard)
            self._counting = Clock.monotonic()
            self._status = replace(self._status, doing=doing, said="", failed=False)
        threading.Thread(target=self._do, args=(deed, self._progress), name="move", daemon=True).start()
        self._tell()

    def _do(self, deed: Callable[[Progress], str], progress: Progress) -> None:
        try:
            self._await_look()
            said, failed = deed(progress), False
        except AemoOpsError as error:
            said, failed = str(error), True
        except Exception as error:
            log.exception("a deed of the move failed")
            said, failed = f"unexpected: {error!r}; the log has the details. The journal says how far it came.", True
        self._settle()
        with self._lock:
            self._progress = None
            self._status = replace(self._status, doing=None, said=said, failed=failed)
        self._looked = self._compared = float("-inf")
        self._tell()

    def _await_look(self) -> None:
        """A look may ask the engine of the new folder, and make one: none may be made while a deed takes it away.

        Raises StepRefused.
        """
        with self._lock:
            if not self._look_ends.wait_for(lambda: not self._looking, _LOOK_ENDS):
                raise StepRefused(
                    f"the files are still being looked at, for {_LOOK_ENDS:.0f} s; nothing was changed. Try again in a minute."
                )

    def _settle(self) -> None:
        """After a deed: the engine is where the journal says, and a move that is over is left to whoever comes next."""
        self._fold()
        if self._status.over:
            self._leave()
        try:
            self._goes_to(self.folder())
        except AemoOpsError:
            log.exception("the engine cannot be set to its folder")

    def _heard(self, done: int, total: int, text: str) -> None:
        now = Clock.monotonic()
        with self._lock:
            doing = self._status.doing
            if doing is None or (now - self._told < _TELLS and done < total):
                return
            if done < doing.done or total != doing.total:
                self._counting = now
            self._told = now
            doing = replace(doing, done=done, total=total, text=text, seconds=now - self._counting)
            self._status = replace(self._status, doing=doing)
        self._fold()
        self._tell()

    # the journal --------------------------------------------------------------------------------------------------------------
    def _undertaking(self, move: Move | None, anew: bool = False) -> Undertaking:
        return Undertaking(self._load(), move, "the app", anew, self._shadow)

    def _at_hand(self) -> Undertaking:
        self._check_free()
        if self._work is None:
            raise StepRefused("no move was begun: say what is moved, from where and to where.")
        return self._work

    def _check_free(self) -> None:
        if self._status.doing is not None:
            raise StepRefused(f"{self._status.doing.title} is going on; wait for it, or cancel it.")

    def _hold(self) -> Undertaking:
        """The move, its lease ours. Raises StepRefused where another process works at it."""
        work = self._at_hand()
        if self._held:
            return work
        work = self._undertaking(work.move, self._anew)  # another process may have gone on with it
        try:
            work.__enter__()
        except LeaseHeld as error:
            raise StepRefused(f"{error}. It is carried on there; this page shows how it stands.") from error
        self._work, self._held = work, True
        return work

    def _leave(self) -> None:
        if self._held and self._work is not None:
            self._work.__exit__()
            self._held = False

    def _fold(self) -> None:
        """What the journal says now."""
        work = self._work
        if work is None:
            return
        standings = tuple(work.standings())
        told = self._with_history(work)
        with self._lock:
            self._status = replace(
                self._status,
                move=work.move,
                asked=work.asked,
                considered=not work.begun,
                standings=standings,
                alarm=work.alarm(),
                broken=work.journal.broken,
                happened=evidence.happened(told.journal, told.steps)[::-1],
                sentence=evidence.sentence(standings),
            )

    def _with_history(self, work: Undertaking) -> Undertaking:
        """Whose history there is to tell: of the last move that was begun, while another is only considered."""
        return work if work.begun or self._before is None else self._before

    # looking ------------------------------------------------------------------------------------------------------------------
    def _have_a_look(self) -> None:
        begun, work = Clock.monotonic(), self._work
        assert work is not None
        try:
            self._follow_elsewhere()
            work = self._work or work
            if not self._status.elsewhere:
                self._seen(work)
        except Exception as error:
            log.exception("a look at the move failed")
            step = work.wizard.next()
            self._saw(work, Look(step.name if step else "", f"it could not be looked at: {error!r}", False, ""))
        finally:
            self._rest = min(max(_LOOKS, _SHARE * (Clock.monotonic() - begun)), self._longest_rest())
            with self._lock:
                self._looking = False
                self._look_ends.notify_all()
        self._tell()

    def _longest_rest(self) -> float:
        """Real seconds to the next look at the most: what bars the beginning of a move may pass at any moment."""
        look = self._status.look
        return _BARRED if self._status.considered and look is not None and look.reason else math.inf

    def _follow_elsewhere(self) -> None:
        """Another process may work at the move: its journal is read again."""
        work = self._work
        if work is None or self._held:
            return
        holder = work.holder()
        if holder or self._status.elsewhere:
            with suppress(StepRefused):
                self._work = self._undertaking(None)
            self._fold()
        with self._lock:
            self._status = replace(self._status, elsewhere=holder)

    def _found_since(self, work: Undertaking) -> Undertaking:
        """The move that is considered, with places for the files that came, or were moved, since it was last looked at."""
        if work.begun:
            return work
        fresh = self._undertaking(work.asked, self._anew)
        if fresh.move == work.move:
            return work
        with self._lock:
            if work is not self._work:
                return work
            self._work = fresh
        self._fold()
        return fresh

    def _seen(self, work: Undertaking) -> None:
        work = self._found_since(work)
        step = work.wizard.next()
        look = None
        if step is not None:
            try:
                reason = step.check()
                counts = step.counts() if isinstance(step, Gate) else {}
                lines = tuple(asdict(one) for one in step.lines()) if isinstance(step, Watch) else ()
                files = tuple(step.files()) if isinstance(step, Prepare) else ()
                agree = step.asks() if isinstance(step, NormalForm) else {}
                later = isinstance(reason, Later)
                look = Look(step.name, str(reason or ""), later, step.plan(), counts, lines, files, agree)
            except AemoOpsError as error:
                look = Look(step.name, str(error), error.transient, "")
        compared = self._status.compared
        if step is not None and step.name == Gate.name and Clock.monotonic() - self._compared > _COMPARES:
            self._compared = Clock.monotonic()
            with suppress(AemoOpsError):
                compared = tuple(step.apply(Progress())["datasets"])
        try:
            back = tuple(work.wizard.rollback_plan())
        except AemoOpsError as error:
            back = (str(error),)
        self._saw(work, look, compared=compared, back=back)

    def _saw(self, work: Undertaking, look: Look | None, **more: Any) -> None:
        """Unless another move is considered by now, or a deed has begun."""
        with self._lock:
            if self._status.doing is None and work is self._work:
                self._status = replace(self._status, look=look, **more)
