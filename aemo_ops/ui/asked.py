"""What was asked on the Gaps page, from the click until its job runs, or its refusal is there."""

from __future__ import annotations

from markupsafe import Markup

from aemo_ops.ops.snapshot import JobState, Snapshot
from aemo_ops.ui import filling, tiles
from aemo_ops.ui.answer import Answer
from aemo_ops.ui.model import Model

TOP, LIST, DAYS = "top", "list", "days"
_FILLS = ("fill", "fill_all")
_SAID = {
    "fill": "Fill asked for; it begins within a second.",
    "fill_all": "Fill all asked for; it begins within a second.",
    "cancel": "Cancelling: the file that is being read is finished first.",
    "auto_on": "Filling by itself is being switched on.",
    "auto_off": "Filling by itself is being switched off.",
}


class Asked:
    """The last click that asked the engine for something, and the last Fill, each followed to its answer."""

    def __init__(self, model: Model) -> None:
        self._fill, self._other = (Answer(model, lambda: None) for _ in range(2))
        self._last = self._other
        self._verb = ""  # empty when nothing was asked for, or it is done
        self._place = TOP

    def ask(self, verb: str, command: str, subject: str, place: str) -> None:
        """A Cancel stands, and is answered, where the Fill was."""
        self._place = self._place if verb == "cancel" else place
        self._verb, self._last = verb, self._fill if verb in _FILLS else self._other
        self._last.ask(command, subject)

    def follow(self) -> None:
        """Looks for the answer, as long as there is none."""
        self._last.follow()

    def place(self, job: JobState | None) -> str:
        """Where a filling's progress and result are told: on top, unless it was asked for elsewhere on this page."""
        waits = self._verb in _FILLS and self._fill.number is None
        mine = job is not None and job.asked != 0 and job.asked == self._fill.number
        return self._place if waits or mine else TOP

    @property
    def answered_at(self) -> str:
        return self._place

    def answer(self, snapshot: Snapshot) -> Markup:
        if self._verb and self._done(snapshot):
            self._verb = ""
        if not self._verb:
            return tiles.EMPTY
        if self._last.text is None or self._verb == "cancel":
            return Markup('<div class="banner calm" role="status"><p>{}</p></div>').format(_SAID[self._verb])
        return Markup('<div class="banner late" role="alert"><p>{}</p></div>').format(f"Not done: {self._last.text}.")

    def _done(self, snapshot: Snapshot) -> bool:
        match self._verb:
            case "cancel":
                return filling.running(snapshot) is None
            case "auto_on" | "auto_off":
                return snapshot.auto_heal == (self._verb == "auto_on")
            case _:
                return any(job.asked == self._fill.number for job in snapshot.jobs)
