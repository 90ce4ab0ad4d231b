"""The Gaps page: what is missing, where, who can fill it, and what looks wrong."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from markupsafe import Markup

from aemo_ops.market import catalogue
from aemo_ops.ops.healing import HEAL, subject_of
from aemo_ops.ops.request import Request
from aemo_ops.ops.snapshot import JobState, Role, Snapshot
from aemo_ops.ui import filling, survey, tiles
from aemo_ops.ui.asked import DAYS, LIST, TOP, Asked
from aemo_ops.ui.board import Board, stack
from aemo_ops.ui.day import Days
from aemo_ops.ui.detail import Detail
from aemo_ops.ui.findings import FindingsCard
from aemo_ops.ui.folding import Column, day_of
from aemo_ops.ui.gaplist import GapList
from aemo_ops.ui.heatmap import HeatMap
from aemo_ops.ui.model import Model
from aemo_ops.ui.overview import OverviewCard
from aemo_ops.ui.survey import Survey

_LAYOUT = Markup(
    '<div class="top"><div><h1>Gaps</h1><p class="lead" data-slot="sentence"></p><p class="note" data-slot="asks"></p></div>'
    '<div class="deeds" data-slot="deeds"></div></div><div data-slot="unread"></div><div data-slot="answer"></div>'
    '<div data-slot="progress"></div><div data-slot="result"></div>'
)


class GapsPage:
    """Built when first opened; `refresh` on a new Snapshot or Survey, `tick` every second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._survey: Survey | None = None
        self._building = False
        self._asked = Asked(model)
        names = [dataset.name for dataset in model.snapshot.datasets]
        self._top = Board(_LAYOUT, on_click=partial(self._click, TOP))
        self._overview = OverviewCard(len(names), self._open)
        self._detail: Detail | None = None
        self._opened = stack()
        self._list = GapList(names, partial(self._click, LIST))
        self._findings = FindingsCard()
        self.view = stack(self._top, self._overview.view, self._opened, self._list.view, self._findings.view)
        self._show()

    def refresh(self) -> None:
        self._asked.follow()
        found = self._model.survey
        if self._detail is None:
            self._build(found)
        elif found is not None and found is not self._survey:
            self._draw(found)
        self._show()

    def tick(self) -> None:
        self._show()

    def _build(self, found: Survey | None) -> None:
        """The pictures take a moment to build, so they are built beside the loop."""
        if found is not None and not self._building:
            self._building = True
            self._model.fetch(lambda: (found, self._overview.draw(found), Days()), self._built, "pictures")

    def _built(self, made: tuple[Survey, HeatMap, Days]) -> None:
        found, drawn, days = made
        self._overview.place(drawn)
        self._detail = Detail(self._model, days, self._overview.mark, partial(self._click, DAYS))
        self._opened.append(self._detail.view)
        self._draw(self._model.survey or found)
        self._show()

    def _draw(self, found: Survey) -> None:
        self._survey = found
        self._overview.show(found)
        if self._detail is not None:
            self._detail.show(found)
        self._findings.show(found.findings)

    def _open(self, name: str, column: Column) -> None:
        if self._detail is not None and self._survey is not None:
            self._detail.open(self._survey, name, column.first, column.last)

    def _click(self, place: str, verb: str, subject: str) -> None:
        if verb == "show":
            name, _, last = subject.partition(" ")
            day = day_of(datetime.fromisoformat(last))
            self._open(name, Column(day, day))
            return
        if verb == "fill_all":
            subject = subject_of(Request(tuple(catalogue.dataset(d.name) for d in self._model.snapshot.datasets)))
        self._asked.ask(verb, HEAL if verb in ("fill", "fill_all") else verb, subject, place)
        self._show()

    def _show(self) -> None:
        snapshot, found = self._model.snapshot, self._survey
        job = filling.running(snapshot)
        barred = job is not None or _nobody_fills(snapshot)
        told = self._told(snapshot, found, job)
        parts = {
            "sentence": Markup.escape(survey.sentence(found) if found else "Looking for gaps …"),
            "asks": Markup.escape(survey.fill_all(found) if found else ""),
            "unread": _unread(found) + _new(found) if found else tiles.EMPTY,
            "deeds": filling.switch(snapshot.auto_heal) + _fill_all(found, barred),
            **told[TOP],
        }
        self._top.fill(parts)
        self._list.show(found, barred, tiles.EMPTY.join(told[LIST].values()))
        if self._detail is not None:
            self._detail.say(tiles.EMPTY.join(told[DAYS].values()), barred)

    def _told(self, snapshot: Snapshot, found: Survey | None, job: JobState | None) -> dict[str, dict[str, Markup]]:
        """Place -> what is told there: a button far down the page is answered where it is, as long as that place is open."""
        filled = filling.result(found.filled_here, snapshot, self._model.now) if found and not job else tiles.EMPTY
        answered, done = self._asked.answered_at, self._asked.place(filling.last(snapshot))
        if self._detail is None or not self._detail.is_open:
            answered, done = (TOP if place == DAYS else place for place in (answered, done))
        told = {
            place: {"answer": tiles.EMPTY, "progress": tiles.EMPTY, "result": tiles.EMPTY}
            for place in (TOP, LIST, DAYS)
        }
        told[answered]["answer"] = self._asked.answer(snapshot)
        told[done] |= {"progress": filling.progress(job) if job else tiles.EMPTY, "result": filled}
        return told


def _nobody_fills(snapshot: Snapshot) -> bool:
    return snapshot.role is Role.OBSERVING and not snapshot.holder


def _fill_all(found: Survey | None, barred: bool) -> Markup:
    asks = survey.fill_all(found) if found else ""
    return tiles.button("fill_all", "Fill all", kind="main", off=barred or not asks)


def _unread(found: Survey) -> Markup:
    """Files that cannot be read; the page shows the others."""
    block = Markup('<div class="banner stale" role="alert"><p><b>{}</b> {} {}</p></div>')
    advice = (
        "Its gaps are not known; the file was not touched. Restore it from a backup, or move it away to collect anew."
    )
    blocks = [block.format(f"{f.dataset.name} cannot be read.", f.problem, advice) for f in found.files if f.problem]
    if found.problem:
        blocks.append(
            block.format("Not everything could be read.", found.problem, "It is tried again; nothing was changed.")
        )
    return tiles.EMPTY.join(blocks)


def _new(found: Survey) -> Markup:
    """The ids that the market added."""
    block = Markup('<div class="banner calm" role="status"><p><b>{} in {}</b> is {}.</p></div>')
    return tiles.EMPTY.join(block.format(one.id, one.dataset, one.detail) for one in found.new_ids)
