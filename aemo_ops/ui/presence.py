"""The states of an interval as colour, hatching, shape and words: the same in every picture of the Gaps page."""

from __future__ import annotations

from markupsafe import Markup

from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.listing import ESTIMATE
from aemo_ops.ui import tiles

NO_FILE = len(Presence)  # before the file's first row: nothing was ever expected there
ESTIMATED = NO_FILE + 1  # partial: a value of it is an estimate

# At least 3:1 on both surfaces, so that a picture keeps its colours when the theme is toggled; not due yet may be faint.
COLOURS = {
    Presence.COMPLETE: "#24966a",
    Presence.PARTIAL: "#6f7ee0",
    Presence.MISSING: "#d6453b",
    Presence.ABSENT: "#bd7d14",
    Presence.NOT_DUE: "#8b98a640",
}
CLEAR = "#00000000"
HATCHES = {Presence.PARTIAL: "+", Presence.ABSENT: "/", Presence.MISSING: "x"}
PALETTE = [*(COLOURS[state] for state in Presence), CLEAR, COLOURS[Presence.PARTIAL]]
WORDS = [*(state.words for state in Presence), "before the file's first row", ESTIMATE]
# From worst to best: what a span of intervals is called that holds several states.
WORST = (Presence.MISSING, Presence.PARTIAL, Presence.ABSENT, Presence.COMPLETE, Presence.NOT_DUE)
_MEANINGS = {
    Presence.COMPLETE: "complete",
    Presence.PARTIAL: "partial (some regions or units)",
    Presence.MISSING: "missing",
    Presence.NOT_DUE: "not due yet",
    Presence.ABSENT: "absent at AEMO (counts as fine)",
}


def css_class(state: Presence) -> str:
    """The class of ui.css that draws a state with its colour and hatching."""
    return f"is-{state.name.lower().replace('_', '-')}"


def legend() -> Markup:
    """Every state with its shape and its words."""
    key = Markup('<span class="key"><i class="{}"></i>{}</span>')
    keys = tiles.EMPTY.join(key.format(css_class(state), words) for state, words in _MEANINGS.items())
    return Markup('<div class="legend">{}</div>').format(keys)
