"""The cards of the Live page that hold charts. Their plots are built after the first paint: tiles must not wait for them."""

from __future__ import annotations

from functools import partial
from typing import Protocol

import panel as pn
import pyarrow as pa
from bokeh.models import Range1d
from markupsafe import Markup

from aemo_ops.market.catalogue import dataset
from aemo_ops.ops.snapshot import DatasetState
from aemo_ops.ui import charts, tiles
from aemo_ops.ui.board import Board, card
from aemo_ops.ui.model import Model

_NO_ROWS = Markup('<span class="empty">No rows in the last 24 h yet. The chart fills as cycles bring them.</span>')
_HEAD = Markup('<div data-slot="head"></div>')


class ChartCard(Protocol):
    """A card that is there from the start, its plots from `build` on."""

    names: tuple[str, ...]

    @property
    def view(self) -> pn.viewable.Viewable: ...

    def build(self) -> None: ...

    def read(self, name: str) -> None:
        """Fetches what the chart shows of one of its files, and draws it when it has come."""
        ...

    def grow(self) -> None:
        """Moves the chart on to now."""
        ...


def _holder(height: int) -> pn.Column:
    """A place of the plots' height, so that nothing jumps when they arrive."""
    return pn.Column(min_height=height, sizing_mode="stretch_width", margin=0)


class AgeCard:
    """The age of each file: a chart for each group of files that share a scale."""

    def __init__(self, model: Model, times: Range1d) -> None:
        self._model, self._times = model, times
        self._groups = _groups(model.snapshot.datasets)
        self._charts: dict[str, charts.AgeChart] = {}
        self._head = Board(_HEAD)
        self._holder = _holder(92 * len(self._groups) + 22)
        self.names = tuple(d.name for d in model.snapshot.datasets)
        self.view: pn.viewable.Viewable = card(self._head, self._holder)
        self._title()

    def build(self) -> None:
        last = list(self._groups)[-1]
        for title, group in self._groups.items():
            chart = charts.AgeChart(title, tuple(d.name for d in group), self._times, title == last)
            self._charts |= {d.name: chart for d in group}
            self._holder.append(charts.pane(chart.plot))

    def read(self, name: str) -> None:
        since = self._model.now - charts.DAY
        self._model.fetch(
            partial(self._model.console.history, name, since), partial(self._draw, name), f"ages of {name}"
        )

    def _draw(self, name: str, history: charts.History) -> None:
        self._charts[name].load(name, history, self._model.now)
        self.grow()

    def grow(self) -> None:
        known = {d.name: d for d in self._model.snapshot.datasets}
        for title, group in self._groups.items():
            chart = self._charts[group[0].name]
            chart.grow(self._model.now)
            chart.fit(title, tuple(known[d.name] for d in group if d.name in known))
        self._title()

    def _title(self) -> None:
        drawn = not self._charts or any(chart.drawn for chart in self._charts.values())
        kinds = {charts.line_colour(name): charts.kind(name) for name in self.names}
        key = tiles.legend((colour, kind, "") for colour, kind in kinds.items()) if drawn else _NO_ROWS
        note = "minutes since its newest interval ended; AEMO publishes it a little before. Dashed: late; dotted, once near: stale"
        self._head.fill({"head": tiles.heading("Age of each file, last 24 h", note, key)})
        self._holder.visible = drawn


class ValueCard:
    """A value of one file over the last day, with the last value of each line in its legend."""

    def __init__(self, model: Model, times: Range1d, look: charts.Strip) -> None:
        self._model, self._times, self._look = model, times, look
        self._chart: charts.ValueChart | None = None
        self._head = Board(_HEAD)
        self._holder = _holder(look.height)
        self.names: tuple[str, ...] = (look.dataset,)
        self.view: pn.viewable.Viewable = card(self._head, self._holder)
        self._title(tiles.EMPTY)

    def build(self) -> None:
        self._chart = charts.ValueChart(dataset(self._look.dataset).ids or (), self._look, self._times)
        self._holder.append(charts.pane(self._chart.plot))

    def read(self, name: str) -> None:
        since = self._model.now - charts.DAY
        self._model.fetch(partial(self._model.console.rows, name, since), self._draw, f"rows of {name}")

    def _draw(self, rows: pa.Table) -> None:
        if self._chart is not None:
            last = self._chart.load(rows)
            self._title(tiles.legend(last) if last else _NO_ROWS)
            self._holder.visible = bool(last)

    def grow(self) -> None:
        """Nothing of its own: the times it shares with the other charts move it."""

    def _title(self, key: Markup) -> None:
        self._head.fill({"head": tiles.heading(self._look.title, self._look.note, key)})


def _groups(datasets: tuple[DatasetState, ...]) -> dict[str, tuple[DatasetState, ...]]:
    """Files that share a scale of age: their cadence, and whether AEMO publishes them more than one cadence later."""
    groups: dict[tuple[int, bool], list[DatasetState]] = {}
    for d in datasets:
        behind = dataset(d.name).due_minutes >= d.cadence_minutes
        groups.setdefault((d.cadence_minutes, behind), []).append(d)
    return {_group_title(cadence, group): tuple(group) for (cadence, _), group in sorted(groups.items())}


def _group_title(cadence: int, group: list[DatasetState]) -> str:
    return group[0].name if len(group) == 1 else f"{cadence}-minute files"
