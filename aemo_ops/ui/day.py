"""The days of one file in detail: a row per day, a column per interval, in the states' colours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import Event, Tap
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool, Range1d
from bokeh.plotting import figure

from aemo_ops.market.intervals import DAY, nanoseconds
from aemo_ops.ops.completeness import Completeness, Presence
from aemo_ops.ops.listing import ESTIMATE
from aemo_ops.ui import heatmap
from aemo_ops.ui.drawing import figure_of
from aemo_ops.ui.presence import ESTIMATED, NO_FILE, PALETTE, WORDS
from aemo_ops.ui.survey import File

WEEK, MOST_ROWS = 7, 31
_AROUND = timedelta(days=3)
_LOW_ROW, _HIGH_ROW, _AXIS = 16, 24, 28  # pixels
_HOURS = (0, 6, 12, 18, 24)
_TIP = heatmap.TIP.format("@dw{custom}<br><b>@image{custom}</b>, @present of @expected there")
_PART = "return word.data.words[value]"
_WHEN = """
const [minutes, end] = [Number(word.tags[0]), Math.floor(special_vars.x) + 1]
const clock = (n) => `${String(Math.floor(n / 60)).padStart(2, "0")}:${String(n % 60).padStart(2, "0")}`
return `${rows.data.day[Math.floor(special_vars.y)]}, interval ending ${clock(end * minutes)}`
"""


def around(first: date, last: date, today: date) -> list[date]:
    """The days that a click on first .. last shows: those, or the week around one."""
    if first == last:
        last = min(first + _AROUND, today)
        first = last - timedelta(days=WEEK - 1)
    days = min((last - first).days + 1, MOST_ROWS)
    return [first + timedelta(days=n) for n in range(days)]


def states(file: File, days: list[date], now: datetime) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """State, keys present and keys expected: a row per day, a column per interval of a day."""
    per = int(DAY / file.dataset.cadence)
    size = len(days) * per
    shown = np.full(size, NO_FILE, np.uint8), np.zeros(size, np.int32), np.zeros(size, np.int32)
    step = file.dataset.step
    ends = nanoseconds(datetime.combine(days[0], time())) + step * np.arange(1, size + 1)
    shown[0][ends > nanoseconds(now)] = Presence.NOT_DUE
    if file.found is not None and len(file.found.ends):
        _copy(file.found, ends, step, shown)
        for gap in (gap for gap in file.gaps if gap.reason == ESTIMATE):
            shown[0][(ends >= nanoseconds(gap.first)) & (ends <= nanoseconds(gap.last))] = ESTIMATED
    return tuple(one.reshape(len(days), per) for one in shown)  # type: ignore[return-value]


def _copy(found: Completeness, ends: np.ndarray, step: int, shown: tuple[np.ndarray, ...]) -> None:
    at = (ends - found.ends[0]) // step
    inside = (at >= 0) & (at < len(found.ends))
    told: tuple[np.ndarray, ...] = (found.states, found.present, found.expected)
    for target, values in zip(shown, told, strict=True):
        target[inside] = values[at[inside]]


class Days:
    """Draws some days of a file; a click on a row tells its day."""

    def __init__(self) -> None:
        self._chosen: Callable[[date], None] = lambda _day: None
        self._days: list[date] = []
        self._per = 0
        self._words = ColumnDataSource({"words": WORDS})
        self._rows = ColumnDataSource({"day": []})
        self.plot, self._source = _drawn()
        heatmap.frame(self.plot, _HIGH_ROW * WEEK + _AXIS)
        # A hover's formatters follow the column that they format, so each line of the hover has a column of its own.
        args = {"word": self._words, "rows": self._rows}
        formatters: dict[str, Any] = {
            "@image": CustomJSHover(args=args, code=_PART),
            "@dw": CustomJSHover(args=args, code=_WHEN),
        }
        self.plot.add_tools(HoverTool(tooltips=_TIP, formatters=formatters))
        self.plot.on_event(Tap, self._tapped)

    def on_day(self, chosen: Callable[[date], None]) -> None:
        self._chosen = chosen

    def show(self, file: File, days: list[date], now: datetime) -> None:
        state, present, expected = states(file, days, now)
        rows, per = state.shape
        self._words.tags = [int(file.dataset.cadence.total_seconds()) // 60]
        self._rows.data = {"day": [f"{day:%a %d %b %Y}" for day in days]}
        self._source.data = {
            "image": [state], "present": [present], "expected": [expected], "x": [0], "y": [0], "dw": [per], "dh": [rows],
        }  # fmt: skip
        if days != self._days or self._per != per:
            self._days, self._per = days, per
            self._lay(rows, per)

    def _lay(self, rows: int, per: int) -> None:
        heatmap.frame(self.plot, (_HIGH_ROW if rows <= WEEK else _LOW_ROW) * rows + _AXIS)
        self.plot.x_range.update(start=0, end=per)
        self.plot.y_range.update(start=rows, end=0)
        heatmap.label(self.plot.yaxis[0], [row + 0.5 for row in range(rows)], [f"{d:%a %d %b}" for d in self._days])
        heatmap.label(self.plot.xaxis[0], [hour * per / 24 for hour in _HOURS], [f"{hour:02d}:00" for hour in _HOURS])
        self.plot.ygrid.update(
            visible=True, ticker=list(range(rows + 1)), grid_line_color="#0f151c", grid_line_alpha=0.4, level="overlay"
        )

    def _tapped(self, event: Event) -> None:
        if isinstance(event, Tap) and event.y is not None and 0 <= event.y < len(self._days):
            self._chosen(self._days[int(event.y)])


def _drawn() -> tuple[figure, ColumnDataSource]:
    """HoloViews' image with a source of ours: the palette's index is the state."""
    seed = hv.Image(np.zeros((WEEK, 288), np.uint8), bounds=(0, 0, 288, WEEK))
    options: dict[str, Any] = {"cmap": PALETTE, "clim": (-0.5, len(PALETTE) - 0.5), "default_tools": []}
    plot = figure_of(seed.opts(**options))
    plot.x_range, plot.y_range = Range1d(), Range1d()
    return plot, plot.renderers[0].data_source
