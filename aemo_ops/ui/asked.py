"""What was asked on the Gaps page, from the click until its job, its result or its refusal is there."""

from __future__ import annotations

from markupsafe import Markup

from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.snapshot import Event, Snapshot
from aemo_ops.ui import filling, tiles

TOP, LIST, DAYS = "top", "list", "days"
_SAID = {
    "fill": "Fill asked for; it begins within a second.",
    "fill_all": "Fill all asked for; it begins within a second.",
    "cancel": "Cancelling: the file that is being read is finished first.",
    "auto_on": "Filling by itself is being switched on.",
    "auto_off": "Filling by itself is being switched off.",
    "adopt": "Adopting asked for.",
}


class Asked:
    """The last click that asked the engine for something."""

    def __init__(self) -> None:
        self._verb = ""
        self._after = 0
        self.place = ""  # where on the page it was asked, and is answered

    def ask(self, verb: str, snapshot: Snapshot, place: str = TOP) -> None:
        """A Cancel stands, and is answered, where the Fill was."""
        self.place = self.place if verb == "cancel" else place
        self._verb, self._after = verb, snapshot.events[-1].number if snapshot.events else 0

    def answer(self, snapshot: Snapshot) -> Markup:
        if not self._verb:
            return tiles.EMPTY
        later = [event for event in snapshot.events if event.number > self._after]
        refused = next((event for event in later if _refuses(event)), None)
        if refused is not None:
            return Markup('<div class="banner late" role="alert"><p>{}</p></div>').format(f"Not done: {refused.text}.")
        if self._done(snapshot, later):
            self._verb = ""
            return tiles.EMPTY
        return Markup('<div class="banner calm" role="status"><p>{}</p></div>').format(_SAID.get(self._verb, ""))

    def _done(self, snapshot: Snapshot, later: list[Event]) -> bool:
        runs = filling.running(snapshot) is not None
        match self._verb:
            case "cancel":
                return not runs
            case "auto_on" | "auto_off":
                return snapshot.auto_heal == (self._verb == "auto_on")
            case "adopt":
                return snapshot.adopted
            case _:
                return runs or any(event.kind == "healed" for event in later)


def _refuses(event: Event) -> bool:
    """A refused heal is told under its subject, the request as JSON, or under its verb."""
    return event.kind == "failed" and (event.subject == HEAL or event.subject.startswith("{"))
