"""What was asked on the Gaps page, from the click until its job runs, or its refusal is there."""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from aemo_ops.ops.snapshot import JobState, Snapshot
from aemo_ops.ui import filling, tiles
from aemo_ops.ui.model import Model

TOP, LIST, DAYS = "top", "list", "days"
_SAID = {
    "fill": "Fill asked for; it begins within a second.",
    "fill_all": "Fill all asked for; it begins within a second.",
    "cancel": "Cancelling: the file that is being read is finished first.",
    "auto_on": "Filling by itself is being switched on.",
    "auto_off": "Filling by itself is being switched off.",
}


class Asked:
    """The last click that asked the engine for something, followed by its command's number."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._verb = ""
        self._place = TOP
        self._filled = 0  # the number of the last command to fill
        self._number: int | None = None  # of the last command, once it is known
        self._answer: str | None = None

    def ask(self, verb: str, command: str, subject: str, place: str) -> None:
        """A Cancel stands, and is answered, where the Fill was."""
        self._place = self._place if verb == "cancel" else place
        self._verb, self._number, self._answer = verb, None, None
        self._model.command(command, subject, partial(self._told, verb))

    def follow(self) -> None:
        """Looks for the answer, as long as there is none."""
        if self._verb and self._number is not None and self._answer is None:
            number = self._number
            self._model.fetch(partial(self._model.console.answered, number), partial(self._answered, number), "answers")

    def place(self, job: JobState | None) -> str:
        """Where a filling's progress and result are told: on top, unless it was asked for elsewhere on this page."""
        waits = self._verb in ("fill", "fill_all") and self._number is None
        return self._place if waits or (job is not None and job.asked and job.asked == self._filled) else TOP

    @property
    def answered_at(self) -> str:
        return self._place

    def answer(self, snapshot: Snapshot) -> Markup:
        if not self._verb or self._done(snapshot):
            return tiles.EMPTY
        if self._answer is None or self._verb == "cancel":
            return Markup('<div class="banner calm" role="status"><p>{}</p></div>').format(_SAID[self._verb])
        return Markup('<div class="banner late" role="alert"><p>{}</p></div>').format(f"Not done: {self._answer}.")

    def _told(self, verb: str, number: int) -> None:
        if verb == self._verb:  # else another was asked for meanwhile
            self._number = number
            self._filled = number if verb in ("fill", "fill_all") else self._filled
            self.follow()

    def _answered(self, number: int, answer: str | None) -> None:
        if number == self._number:
            self._answer = answer

    def _done(self, snapshot: Snapshot) -> bool:
        match self._verb:
            case "cancel":
                return filling.running(snapshot) is None
            case "auto_on" | "auto_off":
                return snapshot.auto_heal == (self._verb == "auto_on")
            case _:
                return any(job.asked == self._number for job in snapshot.jobs)
