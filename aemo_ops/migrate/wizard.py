"""Carries a move from step to step: what is true is what the journal says, so a killed process or a closed page loses nothing.

For each step: check -> intent -> apply -> verify -> done. A step is begun only when all before it are done and still hold.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import psutil

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, Cancelled, NotYet, StepRefused, Unconfirmed, VerificationFailed
from aemo_ops.files import failpoint
from aemo_ops.masking import masked, masked_facts
from aemo_ops.migrate.step import Facts, Later, Phase, Standing, Step
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.journal import Entry, Journal

FRESH = timedelta(minutes=5)  # real time for which a confirmation holds
BACK = "ROLLBACK"  # what a person types to go back
_PHASES = {
    "intent": Phase.BEGUN,
    "done": Phase.DONE,
    "failed": Phase.FAILED,
    "undoing": Phase.UNDOING,
    "undone": Phase.UNDONE,
}


def fold(journal: Journal, steps: Sequence[Step]) -> list[Standing]:
    """How each step stands, by what the journal says of it; a journal of an earlier version may have secrets in clear."""
    found = {step.name: Standing(step.name, step.title) for step in steps}
    for entry in journal:
        phase, name = _PHASES.get(entry.kind), str(entry.facts.get("step", ""))
        if phase and name in found:
            known = {} if Phase.UNDONE in (phase, found[name].phase) else found[name].evidence
            evidence = masked_facts(entry.facts.get("evidence", known))
            reason = masked(str(entry.facts.get("reason", "")))
            found[name] = replace(found[name], phase=phase, reason=reason, evidence=evidence, at=entry.at)
    return list(found.values())


class Wizard:
    """One move, by one process at a time: whoever holds the lease of its folder.

    `inputs` say what is moved where; a move that was begun with others is refused. Raises StoreCorrupt for a journal that
    cannot be read.
    """

    def __init__(self, journal: Journal, steps: Sequence[Step], inputs: Facts) -> None:
        self._journal = journal
        self._steps = steps
        self._inputs = inputs
        self._awaited: Entry | None = (
            None  # a word that was typed in time, and for whose step the right time is awaited
        )
        self._held: dict[str, float] = {}  # step -> when it was last seen to hold, in monotonic seconds
        self._digest = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def standings(self) -> list[Standing]:
        """How each step stands: the fold of the journal."""
        return fold(self._journal, self._steps)

    def next(self) -> Step | None:
        """The first step that is not done; None when all are."""
        return next(
            (s for s, one in zip(self._steps, self.standings(), strict=True) if one.phase is not Phase.DONE), None
        )

    def confirm(self, name: str, word: str) -> None:
        """A person has typed the word of a step. Raises StepRefused for another word."""
        step = self._step(name)
        if not step.word or word != step.word:
            raise StepRefused(f"{step.title}: type {step.word!r}, in capitals as it stands there, to go on; nothing was changed."
                              if step.word else f"{step.title} asks for no word.")  # fmt: skip
        self._begin()
        self._journal.append("confirmed", step=name, word=word, by=psutil.Process().username())

    def confirm_back(self, word: str) -> None:
        """A person has typed the word of going back. Raises StepRefused for another one."""
        if word != BACK:
            raise StepRefused(
                f"Rolling back: type {BACK!r}, in capitals as it stands there, to go back; nothing was changed."
            )
        self._journal.append("confirmed", step="rollback", word=word, by=psutil.Process().username())

    def run(self, progress: Progress, only: str | None = None) -> list[Standing]:
        """Go on to the end, or through one step. What was done is verified again first, once by each Wizard; and before a
        step that asks for a word whatever was not verified within real minutes.

        Raises StepRefused (nothing was changed; NotYet where time alone mends it), VerificationFailed, Cancelled, and what
        a step raises; the journal says which step failed, and why.
        """
        self._begin()
        standings = self.standings()
        for step, one in zip(self._steps, standings, strict=True):
            if one.phase is Phase.DONE or self._holds_again(step, one):
                self._hold(step, one.evidence)
            elif one.phase is Phase.UNDOING:
                raise StepRefused(f"{step.title} is being undone; finish the rollback first.")
            else:
                if step.word:
                    self._hold_all(FRESH.total_seconds())
                self._do(step, progress)
            if step.name == only:
                break
            if progress.cancelled:
                raise Cancelled(f"stopped as asked after {step.title}; it can be gone on with.")
        return self.standings()

    def rollback_plan(self) -> list[str]:
        """What rolling back will do, a line a step, the last first. Changes nothing. Raises StepRefused where it cannot be."""
        return [
            f"{step.title}: {step.back(one.evidence)}"
            for step, one in reversed(list(zip(self._steps, self.standings(), strict=True)))
            if one.phase not in (Phase.OPEN, Phase.UNDONE)
        ]

    def rollback(self, progress: Progress) -> list[Standing]:
        """Undo what was begun, the last first. Killed in the middle it is gone on with by calling it again.

        Raises StepRefused, before anything is undone, where one of the steps cannot be.
        """
        self._begin()
        self.rollback_plan()  # raises: a step's undoing may rest on what that of a later one brought back
        for step, one in reversed(list(zip(self._steps, self.standings(), strict=True))):
            if one.phase in (Phase.OPEN, Phase.UNDONE):
                continue
            if one.phase is not Phase.UNDOING:
                self._journal.append("undoing", step=step.name)
            self._held.pop(step.name, None)
            failpoint(f"move.{step.name}.undoing")
            evidence = step.undo(progress)
            failpoint(f"move.{step.name}.undone")
            self._journal.append("undone", step=step.name, evidence=masked_facts(evidence))
        return self.standings()

    # one step -----------------------------------------------------------------------------------------------------------
    def _do(self, step: Step, progress: Progress) -> None:
        if reason := step.check():
            if not isinstance(reason, Later):
                raise StepRefused(f"{step.title}: {reason}")
            with suppress(
                Unconfirmed
            ):  # a word that was typed before is not asked for again when the right time has come
                self._awaited = self._check_confirmed(step)
            raise NotYet(f"{step.title}: {reason}")
        self._check_confirmed(step)
        self._journal.append("intent", step=step.name, plan=masked(step.plan()))
        failpoint(f"move.{step.name}.intended")
        try:
            evidence = step.apply(progress)
            failpoint(f"move.{step.name}.applied")
            if reason := step.verify(evidence):
                raise VerificationFailed(f"{step.title}: {reason}")
        except Cancelled:
            raise
        except AemoOpsError as error:
            self._journal.append("failed", step=step.name, reason=str(error))
            raise
        failpoint(f"move.{step.name}.verified")
        self._journal.append("done", step=step.name, evidence=masked_facts(evidence))
        self._held[step.name] = Clock.monotonic()
        failpoint(f"move.{step.name}.done")

    def _hold_all(self, seconds: float) -> None:
        """Verify again what is done and was not seen to hold within so many real seconds. Raises VerificationFailed."""
        for step, one in zip(self._steps, self.standings(), strict=True):
            if one.phase is Phase.DONE:
                self._hold(step, one.evidence, seconds)

    def _hold(self, step: Step, evidence: Facts, seconds: float = math.inf) -> None:
        """Raises VerificationFailed where what was done does not hold any more."""
        if step.name in self._held and Clock.monotonic() - self._held[step.name] <= seconds:
            return
        if reason := step.verify(evidence):
            self._journal.append("failed", step=step.name, reason=masked(reason))
            raise VerificationFailed(f"{step.title} was done, but does not hold any more: {reason}")
        self._held[step.name] = Clock.monotonic()

    def _holds_again(self, step: Step, one: Standing) -> bool:
        """Whether a step that was done and then did not hold does so now: it is not to be applied a second time."""
        if one.phase is not Phase.FAILED or not one.evidence or step.verify(one.evidence):
            return False
        self._journal.append("done", step=step.name, evidence=dict(one.evidence))
        self._held[step.name] = Clock.monotonic()
        return True

    def _check_confirmed(self, step: Step) -> Entry | None:
        """The step's word, typed since it last began or ended, within real minutes or awaited since; None where it has none.

        Raises Unconfirmed.
        """
        if not step.word:
            return None
        last: Entry | None = None
        for entry in self._journal:
            if entry.facts.get("step") == step.name:
                last = entry
        if last is None or last.kind != "confirmed":
            raise Unconfirmed(f"{step.title} waits for your word: type {step.word!r}.")
        age = Clock.utc() - datetime.fromisoformat(last.at)
        if last != self._awaited and not timedelta(seconds=-1) <= age <= FRESH:
            raise Unconfirmed(f"{step.title}: your word is {age.total_seconds() / 60:.0f} minutes old; type it again.")
        return last

    # the journal --------------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        """Write down what this move is about, once. Raises StepRefused where the journal is about another one."""
        begun = next((entry for entry in self._journal if entry.kind == "move"), None)
        if begun is None:
            self._journal.append("move", digest=self._digest, inputs=dict(self._inputs))
        elif begun.facts["digest"] != self._digest:
            changed = sorted(
                name
                for name in {*begun.facts["inputs"], *self._inputs}
                if str(begun.facts["inputs"].get(name)) != str(self._inputs.get(name))
            )
            raise StepRefused(
                f"this move was begun with other settings ({', '.join(changed)}); put them back, or roll it back first."
            )

    def _step(self, name: str) -> Step:
        for step in self._steps:
            if step.name == name:
                return step
        raise StepRefused(f"there is no step {name!r}; there are {', '.join(step.name for step in self._steps)}")
