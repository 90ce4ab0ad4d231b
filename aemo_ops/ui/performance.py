"""The Performance page: what a cycle costs, how fast the files answer, and what the move changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from statistics import median

from markupsafe import Markup

from aemo_ops.clock import Clock
from aemo_ops.migrate.step import Phase
from aemo_ops.ops.timing import Speed
from aemo_ops.ui import charts, tiles, words
from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.model import Model
from aemo_ops.ui.moving import pieces
from aemo_ops.ui.moving.finish import figures
from aemo_ops.ui.theme import LINES

_EVERY = 3.0  # real seconds between two reads
_SLOW = 60.0  # seconds of a cycle that deserve a word
_HEIGHT = 118
_LAYOUT = Markup(
    '<h1>Performance</h1><p class="lead" data-slot="sentence"></p>'
    '<section class="tiles" aria-label="The last 24 hours">'
    '<article class="tile" data-slot="seconds"></article><article class="tile" data-slot="written"></article>'
    '<article class="tile" data-slot="downloaded"></article><article class="tile" data-slot="memory"></article></section>'
)
_SPEEDS = Markup(
    '<h2>How fast the files answer <small data-slot="note"></small></h2><div data-slot="table"></div>'
    '<div class="deeds" data-slot="deeds"></div>'
)
_MOVED = Markup(
    '<h2>Before and after the move <small>the same questions to both folders</small></h2><div data-slot="rows"></div>'
)
Costs = list[tuple[datetime, float, int, int, int]]


class Performance:
    """Built when first opened; `refresh` on a new Snapshot, `tick` every second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._read_at = float("-inf")
        self._cycle = -1
        self._measuring = False
        self._top = Board(_LAYOUT)
        self._speeds = Board(_SPEEDS, on_click=lambda _verb, _subject: self._measure())
        self._moved = Board(_MOVED)
        self._times = charts.day_until(model.now)
        self._charts = (
            charts.CostChart("seconds a cycle", self._times, _HEIGHT, LINES[0]),
            charts.CostChart("MB written a cycle", self._times, _HEIGHT, LINES[1]),
            charts.CostChart("MB of memory", self._times, _HEIGHT, LINES[2]),
        )
        head = Board(tiles.heading("Every cycle of the last 24 h", "seconds are real ones; NEM time below"))
        plots = [charts.pane(chart.plot) for chart in self._charts]
        below = (12, 0, 0, 0)
        below_it = (card(one, margin=below) for one in (self._speeds, self._moved))
        self.view = stack(self._top, card(head, *plots, margin=below), *below_it)
        self._speeds.fill({"note": Markup("milliseconds, the median of up to three"), "deeds": _again(False)})
        self._show([])

    def refresh(self) -> None:
        snapshot, real = self._model.snapshot, Clock.monotonic()
        number = snapshot.cycle.number if snapshot.cycle else 0
        self._moved.fill({"rows": self._before_and_after()})
        if number != self._cycle and real - self._read_at > _EVERY:
            first = self._cycle < 0
            self._cycle, self._read_at = number, real
            self._model.fetch(partial(self._model.console.costs, self._model.now - charts.DAY), self._show, "costs")
            if first:
                self._measure()

    def tick(self) -> None:
        self.refresh()

    def _measure(self) -> None:
        if not self._measuring:
            self._measuring = True
            self._speeds.fill({"deeds": _again(True)})
            self._model.fetch(self._timed, self._show_speeds, "speeds")

    def _timed(self) -> list[Speed]:
        try:
            return self._model.console.speeds()
        finally:
            self._measuring = False

    def _show(self, costs: Costs) -> None:
        self._top.fill(
            {
                "sentence": Markup.escape(sentence(costs)),
                "seconds": _tile("A cycle", [row[1] for row in costs], lambda value: f"{value:.2f} s"),
                "written": _tile("Written a cycle", [row[3] for row in costs], words.size),
                "downloaded": _tile("Downloaded a cycle", [row[2] for row in costs], words.size),
                "memory": _tile("Memory", [row[4] for row in costs], words.size),
            }
        )
        if costs:
            charts.move(self._times, self._model.now)
            times = [row[0] for row in costs]
            for chart, values in zip(
                self._charts,
                ([row[1] for row in costs], [row[3] / 1e6 for row in costs], [row[4] / 1e6 for row in costs]),
                strict=True,
            ):
                chart.load(times, values)

    def _show_speeds(self, found: list[Speed]) -> None:
        rows = [
            (one.dataset, words.size(one.size), f"{one.access:,.2f}", f"{one.last:,.1f}", f"{one.year:,.1f}",
             f"{one.year_rows:,}")
            for one in found
        ]  # fmt: skip
        heads = (
            "File",
            "Size",
            "End of the file reached, ms",
            "Last interval read, ms",
            "Last year read, ms",
            "Rows of that year",
        )
        empty = Markup('<p class="empty">No file has a row yet.</p>')
        table = pieces.table(heads, rows, (1, 2, 3, 4, 5)) if rows else empty
        note = Markup.escape(f"milliseconds, the median of up to three; in {self._model.snapshot.folder}")
        self._speeds.fill({"table": table, "note": note, "deeds": _again(False)})

    def _before_and_after(self) -> Markup:
        done = [one for one in self._model.move.standings if one.name == "finish" and one.phase is Phase.DONE]
        if done:
            return figures(done[0].evidence["figures"])
        told = '<p class="empty">Measured when a move is finished; {}</p>'
        return Markup(told).format(tiles.link("migration", "see the Migration page."))


def sentence(costs: Costs) -> str:
    """Whether a cycle costs what it should."""
    if not costs:
        return "No cycle in the last 24 h yet: the first one fills this page."
    seconds = [row[1] for row in costs]
    worst = max(seconds)
    when = max(costs, key=lambda row: row[1])[0]
    told = f"A cycle takes {median(seconds):.1f} s, the longest of {len(costs):,} took {worst:.1f} s."
    if worst < _SLOW:
        return f"{told} Nothing to do."
    return f"{told} That one, at {when:%H:%M} NEM, was slow: the log says what it did; Settings says where it lies."


def _tile(title: str, values: Sequence[float], shown: Callable[[float], str]) -> Markup:
    if not values:
        return Markup("<header><h3>{}</h3></header><p class='big'>--</p><p>no cycle yet</p>").format(title)
    return Markup(
        "<header><h3>{}</h3></header><p class='big'>{}<span>median</span></p><p>last {} · most {}</p>"
    ).format(title, shown(median(values)), shown(values[-1]), shown(max(values)))


def _again(off: bool) -> Markup:
    return tiles.button("measure", "Measuring …" if off else "Measure again", off=off)
