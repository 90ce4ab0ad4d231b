"""The overview: a heat map of file x day. HoloViews builds it once, in a reader's thread; afterwards only its source changes."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import Event, Tap
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, Rect
from bokeh.plotting import figure

from aemo_ops.ops.completeness import Presence
from aemo_ops.ui import folding
from aemo_ops.ui.drawing import figure_of
from aemo_ops.ui.presence import COLOURS, HATCHES
from aemo_ops.ui.survey import Survey

hv.extension("bokeh", logo=False)

ROW, AXIS = 24, 34  # pixels
_WIDTH, _HEIGHT = 0.9, 0.78  # of a cell
_ALPHAS = ("c8", "e4", "ff")
PALETTE = [
    COLOURS[state] if state is Presence.NOT_DUE else COLOURS[state] + alpha for state in Presence for alpha in _ALPHAS
]
TIP = '<div style="font: 12px/18px system-ui, sans-serif; max-width: 320px">{}</div>'
_TIP = TIP.format("<b>@file</b> @when<br>@words")
_NO_MARK: dict[str, Any] = {"x": [], "y": [], "width": []}
_LABELS = 9  # at most, along the time axis


def frame(plot: figure, height: int) -> None:
    """What every picture of this page looks like: no toolbar, no grid, quiet axes."""
    plot.update(
        height=height, sizing_mode="stretch_width", toolbar_location=None, outline_line_color=None,
        output_backend="canvas",
        min_border_left=96, min_border_right=14, min_border_top=4, background_fill_alpha=0, border_fill_alpha=0,
    )  # fmt: skip
    plot.grid.visible = False
    for axis in plot.axis:
        axis.update(
            axis_label="", axis_line_color=None, major_tick_line_color=None, minor_tick_line_color=None,
            major_label_text_font_size="11px",
        )  # fmt: skip


def label(axis: Any, places: list[float], texts: list[str]) -> None:
    axis.ticker = FixedTicker(ticks=places)
    axis.major_label_overrides = dict(zip(places, texts, strict=True))


class HeatMap:
    """Draws a Survey over some days; calls `chosen(dataset's name, Column)` for a click on a cell."""

    def __init__(self, survey: Survey, days: int | None, chosen: Callable[[str, folding.Column], None]) -> None:
        self._chosen = chosen
        self._survey = survey
        self._over = folding.columns(survey, days)
        told = folding.cells(survey, self._over)
        self.plot, drawn = _drawn(told)
        self._source: ColumnDataSource = drawn.data_source
        self._hatched = {pattern: _hatching(self.plot, pattern) for pattern in HATCHES.values()}
        self._hatch(told)
        self._mark = ColumnDataSource(_NO_MARK)
        self._marked = ("", date.min, date.min)
        outline = Rect(x="x", y="y", width="width", height=0.98, fill_alpha=0, line_color="#0b66d0", line_width=2)
        self.plot.add_glyph(self._mark, outline)
        self.plot.add_tools(HoverTool(tooltips=_TIP, renderers=[drawn]))
        self.plot.on_event(Tap, self._tapped)
        self._lay()

    def show(self, survey: Survey, days: int | None) -> None:
        """Draws anew what differs."""
        over = folding.columns(survey, days)
        moved = over != self._over or len(survey.files) != len(self._survey.files)
        self._survey, self._over = survey, over
        told = folding.cells(survey, over)
        shown = self._source.data
        self._hatch(told)
        if moved or len(shown["x"]) != len(told["x"]):
            self._source.data = _complemented(told)
            self.mark(*self._marked)
            self._lay()
            return
        changes = {
            name: [(at, new) for at, (old, new) in enumerate(zip(shown[name], values, strict=True)) if old != new]
            for name, values in told.items()
            if name in shown
        }
        if any(changes.values()):
            self._source.patch({name: several for name, several in changes.items() if several})

    def _hatch(self, told: dict[str, list[Any]]) -> None:
        """Lays each kind of hatching over the cells that have it."""
        for pattern, source in self._hatched.items():
            cells = [(x, y) for x, y, own in zip(told["x"], told["y"], told["hatch"], strict=True) if own == pattern]
            places: dict[str, Any] = {"x": [x for x, _ in cells], "y": [y for _, y in cells]}
            if places != source.data:
                source.data = places

    def mark(self, name: str, first: date, last: date) -> None:
        """Outlines the cells of a file that hold these days, whatever is drawn from now on; none for an unknown file."""
        self._marked = (name, first, last)
        rows = [row for row, file in enumerate(self._survey.files) if file.dataset.name == name]
        xs = [x for x, column in enumerate(self._over) if column.first <= last and column.last >= first]
        middle: dict[str, Any] = (
            {"x": [(xs[0] + xs[-1]) / 2], "y": rows, "width": [len(xs) + 0.1]} if rows and xs else _NO_MARK
        )
        if middle != self._mark.data:
            self._mark.data = middle

    def _lay(self) -> None:
        names = [file.dataset.name for file in self._survey.files]
        frame(self.plot, ROW * len(names) + AXIS)
        self.plot.x_range.update(start=-0.5, end=len(self._over) - 0.5)
        self.plot.y_range.update(start=len(names) - 0.5, end=-0.5)
        label(self.plot.yaxis[0], list(range(len(names))), names)
        label(self.plot.xaxis[0], *_times(self._over))

    def _tapped(self, event: Event) -> None:
        if not isinstance(event, Tap) or event.x is None or event.y is None:
            return
        x, y = round(event.x), round(event.y)
        if 0 <= x < len(self._over) and 0 <= y < len(self._survey.files):
            self._chosen(self._survey.files[y].dataset.name, self._over[x])


def _drawn(told: dict[str, list[Any]]) -> tuple[figure, Any]:
    """HoloViews' heat map with our columns in its source."""
    seed = hv.HeatMap(([0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]), ["x", "y"], ["zvalues"])
    top = len(PALETTE) - 0.5
    plot = figure_of(seed.opts(cmap=PALETTE, clim=(-0.5, top), default_tools=[]))
    plot.x_range, plot.y_range = Range1d(), Range1d()
    drawn = plot.renderers[0]
    drawn.data_source.data = _complemented(told)
    drawn.glyph.update(line_color=None)
    drawn.hover_glyph = drawn.nonselection_glyph = drawn.selection_glyph = drawn.muted_glyph = None
    return plot, drawn


def _hatching(plot: figure, pattern: str) -> ColumnDataSource:
    """Hatching that doubles a colour. A glyph for each pattern: a browser takes seconds for a pattern of each cell's own."""
    source = ColumnDataSource({"x": [], "y": []})
    glyph = Rect(x="x", y="y", width=_WIDTH, height=_HEIGHT, fill_alpha=0, line_color=None)
    glyph.update(hatch_pattern=pattern, hatch_color="#ffffff", hatch_alpha=0.4, hatch_scale=7, hatch_weight=1)
    plot.add_glyph(source, glyph)
    return source


def _complemented(told: dict[str, list[Any]]) -> dict[str, Any]:
    size = len(told["x"])
    columns = {name: values for name, values in told.items() if name != "hatch"}
    return {**columns, "width": np.full(size, _WIDTH, np.float32), "height": np.full(size, _HEIGHT, np.float32)}


def _times(over: list[folding.Column]) -> tuple[list[float], list[str]]:
    """Labels that do not crowd: every so many columns, with the year where a year or more is shown."""
    every = max(1, -(-len(over) // _LABELS))
    at = list(range(0, len(over), every))
    long = (over[-1].last - over[0].first).days > 330 if over else False
    style = "{0.day} {1} {0.year}" if long else "{0.day} {1}"
    return list(map(float, at)), [style.format(over[x].first, calendar.month_abbr[over[x].first.month]) for x in at]
