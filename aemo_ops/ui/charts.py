"""Charts of the Live page, as Bokeh figures: the age of each file, and values of a file over the last day.

Bokeh and not HoloViews here: measured, one such chart takes 20 ms to build against 110 to 340, on the loop that answers
clicks, and moves on in 1 against 25. HoloViews draws the heat maps and images.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import panel as pn
import pyarrow as pa
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    DatetimeTicker,
    DatetimeTickFormatter,
    HoverTool,
    Range1d,
)
from bokeh.models.annotations import Span, Title
from bokeh.plotting import figure

from aemo_ops.ops.snapshot import DatasetState
from aemo_ops.ui.theme import LINES

DAY = timedelta(days=1)
History = list[tuple[datetime, datetime]]
_KINDS = ("prices", "scada", "transmission", "rooftop")
_LATE, _STALE = "#b7791f", "#dc4c41"


def kind(name: str) -> str:
    """`prices` of prices5 and prices30."""
    return name.rstrip("0123456789")


def line_colour(name: str) -> str:
    """One colour per kind of data, so that prices5 and prices30 look alike in every chart."""
    return LINES[_KINDS.index(kind(name))] if kind(name) in _KINDS else LINES[-1]


def _milliseconds(nem: datetime) -> float:
    """NEM time as Bokeh counts it: as if it were UTC, so that the axis shows NEM time in every browser."""
    return nem.replace(tzinfo=UTC).timestamp() * 1000


def _times(nem: list[datetime]) -> np.ndarray:
    return np.array([_milliseconds(time) for time in nem], dtype=np.float64)


def _frame(height: int, times: Range1d, ticks: int) -> figure:
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        x_range=times,
        toolbar_location=None,
        tools="",
        outline_line_color=None,
        min_border_left=44,
        min_border_right=14,
    )
    hours = "%H:%M"
    plot.xaxis.formatter = DatetimeTickFormatter(
        minutes=hours, hourmin=hours, hours=hours, days="%d %b", months="%d %b"
    )
    plot.xaxis.ticker = DatetimeTicker(desired_num_ticks=6)
    plot.xgrid.visible = False
    plot.yaxis.minor_tick_line_color = plot.xaxis.minor_tick_line_color = None
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=ticks)
    return plot


def day_until(now: datetime) -> Range1d:
    """An x range of the day before `now`, shared by the charts of a page."""
    return Range1d(start=_milliseconds(now - DAY), end=_milliseconds(now))


def move(times: Range1d, now: datetime) -> None:
    times.update(start=_milliseconds(now - DAY), end=_milliseconds(now))


@dataclass(frozen=True)
class Strip:
    """What a ValueChart shows: a dataset's `value` in `unit` for each `key`; `height` of the plot in pixels."""

    dataset: str
    key: str
    value: str
    unit: str
    title: str
    note: str
    height: int


class AgeChart:
    """The age of files that share a cadence and thresholds: a sawtooth that falls when an interval arrives."""

    def __init__(self, title: str, names: tuple[str, ...], times: Range1d, last: bool) -> None:
        self._sources = {name: ColumnDataSource({"time": [], "age": []}) for name in names}
        self._last_seen: dict[str, datetime] = {}
        self.plot = _frame(114 if last else 92, times, ticks=3)
        self._heading = Title(text=title, standoff=2)
        self.plot.title = self._heading
        self.plot.xaxis.visible = last
        self.plot.y_range = Range1d(start=-1, end=1)
        for name, source in self._sources.items():
            self.plot.line("time", "age", source=source, color=line_colour(name), line_width=1, name=name)
        tips = [("file", "$name"), ("age", "@age{0} min"), ("at", "@time{%d %b %H:%M} NEM")]
        self.plot.add_tools(HoverTool(tooltips=tips, formatters={"@time": "datetime"}, line_policy="nearest"))
        self._late = self._threshold(_LATE, "dashed")
        self._stale = self._threshold(_STALE, "dotted")

    def _threshold(self, colour: str, dash: str) -> Span:
        span = Span(dimension="width", location=0, line_color=colour, line_dash=dash, line_width=1.2)
        self.plot.add_layout(span)
        return span

    def load(self, name: str, history: History, now: datetime) -> None:
        """Draws a file's last day anew."""
        if not history:
            return
        time, age = [], []
        for (noticed, latest), before in zip(history, [None, *history[:-1]], strict=True):
            if before is not None:
                time.append(noticed)
                age.append((noticed - before[1]).total_seconds() / 60)
            time.append(noticed)
            age.append((noticed - latest).total_seconds() / 60)
        self._last_seen[name] = history[-1][1]
        time.append(now)
        age.append((now - history[-1][1]).total_seconds() / 60)
        self._sources[name].data = {"time": _times(time), "age": np.array(age, dtype=np.float32)}

    @property
    def drawn(self) -> bool:
        return bool(self._last_seen)

    def grow(self, now: datetime) -> None:
        """Moves each line's end to `now`: one point patched, nothing drawn anew."""
        for name, latest in self._last_seen.items():
            source = self._sources[name]
            end = len(source.data["time"]) - 1
            age = (now - latest).total_seconds() / 60
            source.patch({"time": [(end, _milliseconds(now))], "age": [(end, age)]})

    def fit(self, title: str, datasets: tuple[DatasetState, ...]) -> None:
        """Sets the thresholds, and a range in which every age and the first of them are seen; the other, once one is near it."""
        limits = [d.freshness for d in datasets if d.freshness.latest and d.freshness.late and d.freshness.stale]
        if not limits:
            return
        late = [(f.late - f.latest).total_seconds() / 60 for f in limits]  # type: ignore[operator]
        stale = [(f.stale - f.latest).total_seconds() / 60 for f in limits]  # type: ignore[operator]
        self._late.location, self._stale.location = max(late), max(stale)
        self._heading.text = f"{title}: late after {_span(late)}, stale after {_span(stale)}"
        ages = np.concatenate([np.asarray(s.data["age"], dtype=float) for s in self._sources.values()])
        top, bottom = (ages.max(), ages.min()) if len(ages) else (0.0, 0.0)
        self.plot.y_range.update(start=min(0.0, bottom) * 1.15, end=max(top * 1.05, self._late.location * 1.2))


class ValueChart:
    """A value of a file over the last day, a line per id (region or interconnector), each with its own colour."""

    def __init__(self, ids: tuple[str, ...], look: Strip, times: Range1d) -> None:
        self._ids, self._look = ids, look
        self._source = ColumnDataSource({"time": [], **{name: [] for name in ids}})
        self.plot = _frame(look.height, times, ticks=5)
        self.plot.y_range = Range1d(start=0, end=1)
        for name, colour in zip(ids, LINES, strict=False):
            self.plot.line("time", name, source=self._source, color=colour, line_width=1.4, name=name)
        tips = [("", "$name"), (look.value, f"@$name{{0,0.0}} {look.unit}"), ("at", "@time{%d %b %H:%M} NEM")]
        self.plot.add_tools(HoverTool(tooltips=tips, formatters={"@time": "datetime"}, line_policy="nearest"))

    def load(self, rows: pa.Table) -> list[tuple[str, str, str]]:
        """Draws the rows anew; returns (colour, id, last value) of each line, none where there is no row."""
        nanoseconds = rows["settlementdate"].cast(pa.int64()).to_numpy()
        times = np.unique(nanoseconds)
        names = rows[self._look.key].to_numpy()
        values = rows[self._look.value].to_numpy()
        data: dict[str, Any] = {"time": times / 1e6}
        for name in self._ids:
            mine = names == name
            data[name] = np.full(len(times), np.nan, dtype=np.float32)
            data[name][np.searchsorted(times, nanoseconds[mine])] = values[mine]
        self._source.data = data
        known = values[~np.isnan(values)]
        if len(known):
            low, high = min(0.0, known.min()), max(0.0, known.max())
            margin = (high - low) * 0.06 or 1.0
            self.plot.y_range.update(start=low - margin * (low < 0), end=high + margin)
        colours = zip(self._ids, LINES, strict=False)
        return [(colour, name, _last(data[name], self._look.unit)) for name, colour in colours if len(times)]


class CostChart:
    """A number of each cycle over the last day; `title` says what, with its unit."""

    def __init__(self, title: str, times: Range1d, height: int, colour: str) -> None:
        self._source = ColumnDataSource({"time": [], "value": []})
        self.plot = _frame(height, times, ticks=3)
        self.plot.title = Title(text=title, standoff=2)
        self.plot.y_range = Range1d(start=0, end=1)
        self.plot.line("time", "value", source=self._source, color=colour, line_width=1.4)
        tips = [(title, "@value{0,0.00}"), ("at", "@time{%d %b %H:%M} NEM")]
        self.plot.add_tools(HoverTool(tooltips=tips, formatters={"@time": "datetime"}, line_policy="nearest"))

    def load(self, times: list[datetime], values: list[float]) -> None:
        self._source.data = {"time": _times(times), "value": np.array(values, dtype=np.float32)}
        self.plot.y_range.update(end=max(values) * 1.1 or 1.0)


def _span(minutes: list[float]) -> str:
    least, most = f"{min(minutes):.0f}", f"{max(minutes):.0f}"
    return f"{most} min" if least == most else f"{least} to {most} min"


def _last(values: np.ndarray, unit: str) -> str:
    known = values[~np.isnan(values)]
    return f"{known[-1]:,.{0 if unit == 'MW' else 2}f}" if len(known) else "no value"


def pane(plot: figure) -> pn.viewable.Viewable:
    return pn.pane.Bokeh(plot, sizing_mode="stretch_width", margin=0)  # type: ignore[no-untyped-call]
