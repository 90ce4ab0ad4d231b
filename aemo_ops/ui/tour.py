"""The short tour of the demo: a few sentences on top of the page, one at a time, gone for good when dismissed."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from aemo_ops.ui import tiles
from aemo_ops.ui.board import Board

# (page, what to see there)
STOPS = (
    ("live", "This market is made up and runs fast. Each tile is one file of the app; below you see its age, and that it lives."),
    ("gaps", "The app was closed for two and a half hours, some days ago. Click a red cell to see the day; Fill asks AEMO's "
             "Archive for what is missing. Single units come and go by themselves."),
    ("migration", "An old collector writes a pretend iCloud folder. Press Look at it, Prepare, then Copy: its files are "
                  "only read."),
    ("migration", "In the parallel run both collect and every difference gets a name. Then type SWITCH: the old one ends, no "
                  "interval is lost."),
    ("migration", "Roll back whenever you like, and go forward again. The report has the evidence of all of it."),
    ("performance", "What a cycle costs, and how fast the files answer. That is all; look around as you like."),
)  # fmt: skip
OVER = "over"
_LAYOUT = Markup('<div class="tour" role="region" aria-label="Tour of the demo" data-slot="stop"></div>')


class Tour:
    """`came`: how far the visitor came before, as `comes` was told: the number of a stop, or OVER."""

    def __init__(self, came: str, comes: Callable[[str], object]) -> None:
        self._comes = comes
        self._at = min(int(came), len(STOPS) - 1) if came.isdecimal() else 0
        self.view = Board(_LAYOUT, on_click=self._click)
        self._show()

    def _click(self, verb: str, _subject: str) -> None:
        self._at = self._at + 1 if verb == "next" else self._at - 1 if verb == "back" else len(STOPS)
        self._comes(OVER if self._at >= len(STOPS) else str(self._at))
        self._show()

    def _show(self) -> None:
        if self._at >= len(STOPS):
            self.view.styles = {"display": "none"}
            return
        _, text = STOPS[self._at]
        forth = self._button("next", "Next" if self._at + 1 < len(STOPS) else "Done", self._at + 1)
        back = self._button("back", "Back", self._at - 1) if self._at else tiles.EMPTY
        told = Markup("<p><b>Tour, {} of {}.</b> {}</p><div class='deeds'>{}{}{}</div>")
        close = tiles.button("dismiss", "Dismiss", whom="the tour")
        self.view.fill({"stop": told.format(self._at + 1, len(STOPS), text, back, forth, close)})

    def _button(self, verb: str, text: str, stop: int) -> Markup:
        """Goes to the page of another stop."""
        page = STOPS[stop][0] if 0 <= stop < len(STOPS) else ""
        kind = "main" if verb == "next" else ""
        whole = '<button type="button" class="{}" data-verb="{}" data-subject="" data-go="{}">{}</button>'
        return Markup(whole).format(kind, verb, page, text)
