"""The card of one file's days: the picture of the days, and below it one of them id by id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial

import panel as pn
from markupsafe import Markup
from panel_material_ui import TextInput

from aemo_ops.market.intervals import DAY
from aemo_ops.ops.gaps import Keys
from aemo_ops.ops.healing import subject_of
from aemo_ops.ops.request import Request
from aemo_ops.ui import charts, keyview, presence, theme, tiles
from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.day import Days, around
from aemo_ops.ui.folding import day_of
from aemo_ops.ui.model import Model
from aemo_ops.ui.survey import File, Survey

_HEAD = Markup(
    '<div class="top"><div><h2><span data-slot="title"></span> <small>one row a day, one column per interval; '
    'click a row to see it id by id</small></h2></div><div class="deeds" data-slot="deeds"></div></div><div data-slot="told"></div>'
)
_KEYS_HEAD = Markup('<div class="keys-head"><h2 data-slot="title"></h2><p class="note" data-slot="said"></p></div>')
_KEYS = Markup(
    '<div class="scroll keys" tabindex="0" role="region" aria-label="One day, id by id"><table>'
    '<thead><tr><th></th><th class="strip"><div><span>00:00</span><span>06:00</span><span>12:00</span><span>18:00</span>'
    "<span>24:00</span></div></th><th></th></tr></thead>"
    '<tbody data-slot="rows"></tbody></table></div>'
)


class Detail:
    """Hidden until `open` is called; `told(name, first, last)` hears which days are shown, `fills` a Fill and its Cancel."""

    def __init__(
        self, model: Model, picture: Days, told: Callable[[str, date, date], None], fills: Callable[[str, str], None]
    ) -> None:
        self._model, self._picture, self._told_days, self._fills = model, picture, told, fills
        self._barred = False
        self._survey: Survey | None = None
        self._name = ""
        self._days: list[date] = []
        self._day = date.min
        self._keys: Keys | None = None
        picture.on_day(self._choose)
        self._head = Board(_HEAD, on_click=self._click)
        self._keys_head = Board(_KEYS_HEAD)
        self._filter = TextInput(label="Search id", width=200, margin=0, **theme.FIELD)  # type: ignore[no-untyped-call]
        self._filter.param.watch(lambda _event: self._show_keys(), "value_input")
        self._table = Board(_KEYS)
        line = pn.Row(self._keys_head, self._filter, sizing_mode="stretch_width", margin=(10, 0, 6, 0))
        self._card = card(
            *(self._head, charts.pane(picture.plot), Board(presence.legend()), line, self._table),
            margin=(12, 0, 0, 0),
        )
        self.view = stack()

    def open(self, survey: Survey, name: str, first: date, last: date) -> None:
        """Shows the days first .. last of a file, the last of them id by id."""
        self._name, self._day = name, last
        self._days = around(first, last, day_of(survey.now))
        self.show(survey)
        if not self.is_open:
            self.view.append(self._card)

    def show(self, survey: Survey) -> None:
        """Draws what is open anew, from a new Survey."""
        self._survey = survey
        file = survey.file(self._name)
        if file is None:
            return
        self._picture.show(file, self._days, survey.now)
        first, last = self._days[0], self._days[-1]
        title = f"{self._name}, {first:%d %b} to {last:%d %b %Y}"
        self._head.fill({"title": Markup.escape(title), "deeds": self._deeds(file, survey.now)})
        self._told_days(self._name, first, last)
        self._read()

    @property
    def is_open(self) -> bool:
        return bool(self.view.objects)

    def say(self, told: Markup, barred: bool) -> None:
        """`told`: what came of a Fill that was pressed here. `barred`: nothing can be filled now."""
        self._head.fill({"told": told})
        if barred != self._barred:
            self._barred = barred
            if self._survey is not None and (file := self._survey.file(self._name)):
                self._head.fill({"deeds": self._deeds(file, self._survey.now)})

    def _deeds(self, file: File, now: datetime) -> Markup:
        after, until = datetime.combine(self._days[0], time()), datetime.combine(self._days[-1], time()) + DAY
        fillable = any(gap.fillable and gap.first <= until and gap.last > after for gap in file.gaps)
        subject = subject_of(Request((file.dataset,), after, until))
        return tiles.EMPTY.join(
            [
                tiles.button("earlier", "Earlier days"),
                tiles.button("later", "Later days", off=self._days[-1] >= day_of(now)),
                tiles.button("fill", "Fill these days", subject, self._name, "main", self._barred or not fillable),
                tiles.button("close", "Close", whom="the days"),
            ]
        )

    def _click(self, verb: str, subject: str) -> None:
        if self._survey is None:
            return
        if verb in ("fill", "cancel"):
            self._fills(verb, subject)
            return
        if verb == "close":
            self._name = ""
            self.view.clear()
            self._told_days("", date.min, date.min)
            return
        step = timedelta(days=len(self._days) if verb == "later" else -len(self._days))
        last = min(self._days[-1] + step, day_of(self._survey.now))
        self._days = [last - timedelta(days=back) for back in range(len(self._days) - 1, -1, -1)]
        self._day = last
        self.show(self._survey)

    def _choose(self, day: date) -> None:
        self._day = day
        self._read()

    def _read(self) -> None:
        if self._survey is None or (file := self._survey.file(self._name)) is None:
            return
        asked = self._name, self._day
        gaps, at = self._model.console.gaps, datetime.combine(self._day, time())
        self._model.fetch(lambda: gaps().keys(file.dataset, at), partial(self._got, asked), f"ids of {self._name}")

    def _got(self, asked: tuple[str, date], keys: Keys) -> None:
        if asked == (self._name, self._day):  # else another was asked for meanwhile
            self._keys = keys
            self._show_keys()

    def _show_keys(self) -> None:
        if self._keys is None or self._survey is None or (file := self._survey.file(self._name)) is None:
            return
        drawn, said = keyview.rows(file.dataset, self._keys, self._filter.value_input or "", self._survey.now)
        title = f"{self._name} by {keyview.kind(file.dataset)}, {self._day:%a %d %b %Y}"
        self._keys_head.fill({"title": Markup.escape(title), "said": Markup.escape(said)})
        self._table.fill({"rows": drawn})
