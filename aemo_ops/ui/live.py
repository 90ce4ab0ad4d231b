"""The Live page: is everything fresh, is there anything to do, and does the data live."""

from __future__ import annotations

from datetime import datetime

import panel as pn
from markupsafe import Markup

from aemo_ops.ops.snapshot import Snapshot
from aemo_ops.ui import charts, theme, tiles, words
from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.cards import AgeCard, ChartCard, ValueCard
from aemo_ops.ui.model import Model

EVENTS = 12
_GRID = """
:host { display: grid !important; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); grid-auto-rows: max-content;
  gap: 12px; }
@media (max-width: 1100px) { :host { grid-template-columns: minmax(0, 1fr); } }
"""
_WHOLE_ROW = ":host { grid-column: 1 / -1; }"
_STRIPS = (
    charts.Strip("prices5", "regionid", "rrp", "$/MWh", "Price by region, last 24 h", "$/MWh, 5 min", 276),
    charts.Strip(
        "transmission5",
        "interconnectorid",
        "meteredmwflow",
        "MW",
        "Flow by interconnector, last 24 h",
        "metered MW",
        220,
    ),
    charts.Strip("rooftop30", "regionid", "power", "MW", "Rooftop solar by region, last 24 h", "MW, 30 min", 220),
)


class Live:
    """Built when first opened; `refresh` on a new Snapshot, `tick` every second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._top = Board(_layout(model.snapshot))
        self._feed = Board(Markup('<h2>What happened</h2><div data-slot="feed"></div>'))
        self._times = charts.day_until(model.now)
        kept = {d.name for d in model.snapshot.datasets}
        strips: list[ChartCard] = [ValueCard(model, self._times, look) for look in _STRIPS if look.dataset in kept]
        self._unbuilt: list[ChartCard] = [AgeCard(model, self._times), *strips]
        self._cards: list[ChartCard] = []
        self._latest: dict[str, datetime | None] = {}
        self._minute: datetime | None = None
        views = [*(chart.view for chart in self._unbuilt), card(self._feed, stylesheets=[_WHOLE_ROW])]
        grid = pn.Column(*views, stylesheets=[theme.WHOLE, _GRID], sizing_mode="stretch_width", margin=(12, 0, 0, 0))
        self.view = stack(self._top, grid)
        self._show()

    def refresh(self) -> None:
        """A new Snapshot: tiles and feed now, charts when what they need has been read."""
        self._show()
        if self._unbuilt:
            self._model.later(self._build)
        for d in self._model.snapshot.datasets:
            if d.name not in self._latest or self._latest[d.name] != d.freshness.latest:
                self._latest[d.name] = d.freshness.latest
                for chart in self._cards:
                    if d.name in chart.names:
                        chart.read(d.name)

    def tick(self) -> None:
        """A second later: words move on; charts once a minute, since a day is 1,440 of them wide."""
        self._show()
        minute = self._model.now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            charts.move(self._times, minute)
            for chart in self._cards:
                chart.grow()

    def _build(self) -> None:
        """One card's plots per turn of the loop, so that a click is answered in between."""
        if not self._unbuilt:
            return
        chart = self._unbuilt.pop(0)
        chart.build()
        self._cards.append(chart)
        for name in chart.names:
            chart.read(name)
        self._model.later(self._build)

    def _show(self) -> None:
        snapshot, now = self._model.snapshot, self._model.now
        board = {d.name: tiles.tile(d, now) for d in snapshot.datasets}
        board["cycle"] = tiles.cycle(snapshot.cycle)
        notices = self._model.notices
        told = [words.todo(snapshot, now, notices.get("gaps", "")), notices.get("new ids", "")]
        board["sentence"] = Markup.escape(" ".join(filter(None, told)))
        self._top.fill(board)
        self._feed.fill({"feed": tiles.events(snapshot.events[: -EVENTS - 1 : -1], now)})


def _layout(snapshot: Snapshot) -> Markup:
    places = [Markup('<article class="tile" data-slot="{}"></article>').format(d.name) for d in snapshot.datasets]
    return Markup(
        '<h1>Live</h1><p class="lead" data-slot="sentence"></p>'
        '<section class="tiles" aria-label="Datasets">{}'
        '<article class="tile cycle" data-slot="cycle"></article></section>'
    ).format(tiles.EMPTY.join(places))
