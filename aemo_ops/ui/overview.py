"""The card of the overview: its heat map, and the choice of how many days it shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import panel as pn
from markupsafe import Markup

from aemo_ops.ui import charts, heatmap, presence, tiles
from aemo_ops.ui.board import Board, card
from aemo_ops.ui.folding import Column
from aemo_ops.ui.heatmap import HeatMap
from aemo_ops.ui.survey import Survey

RANGES: dict[str, tuple[str, int | None]] = {
    "30": ("30 days", 30),
    "90": ("90 days", 90),
    "365": ("1 year", 365),
    "all": ("All", None),
}
_HEAD = Markup(
    '<div class="top"><div><h2>Completeness by day <small>click a day</small></h2></div>'
    '<div class="choice" role="group" aria-label="Days shown" data-slot="ranges"></div></div>'
)


class OverviewCard:
    """`draw` in a reader's thread, then `place`; `show` with every later Survey. `chosen(name, Column)`: a click."""

    def __init__(self, files: int, chosen: Callable[[str, Column], None]) -> None:
        self._chosen = chosen
        self._range = "90"
        self._map: HeatMap | None = None
        self._survey: Survey | None = None
        self._head = Board(_HEAD, on_click=self._click)
        height = heatmap.ROW * files + heatmap.AXIS
        self._holder = pn.Column(min_height=height, sizing_mode="stretch_width", margin=(6, 0, 0, 0))
        self.view = card(self._head, self._holder, Board(presence.legend()), margin=(12, 0, 0, 0))
        self._show_ranges()

    def draw(self, found: Survey) -> HeatMap:
        """The heat map; it takes a moment to build."""
        return HeatMap(found, RANGES[self._range][1], self._chosen)

    def place(self, drawn: HeatMap) -> None:
        self._map = drawn
        self._holder.append(charts.pane(drawn.plot))

    def show(self, found: Survey) -> None:
        self._survey = found
        if self._map is not None:
            self._map.show(found, RANGES[self._range][1])

    def mark(self, name: str, first: date, last: date) -> None:
        """Outlines the days that are open in detail; none for an empty name."""
        if self._map is not None:
            self._map.mark(name, first, last)

    def _click(self, _verb: str, subject: str) -> None:
        if subject in RANGES:
            self._range = subject
            self._show_ranges()
            if self._survey is not None:
                self.show(self._survey)

    def _show_ranges(self) -> None:
        choice = Markup('<button type="button" data-verb="range" data-subject="{}" aria-pressed="{}">{}</button>')
        buttons = [
            choice.format(key, "true" if key == self._range else "false", text) for key, (text, _) in RANGES.items()
        ]
        self._head.fill({"ranges": tiles.EMPTY.join(buttons)})
