"""The Gaps page: what is missing, where, who can fill it, and what looks wrong."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from markupsafe import Markup

from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.market.intervals import FIVE_MINUTES, floor
from aemo_ops.ops.healing import HEAL, subject_of
from aemo_ops.ops.request import Request
from aemo_ops.ops.snapshot import Role, Snapshot
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

_EVERY = 3.0  # real seconds between two reads: a fast demo changes its files more often
_LAYOUT = Markup(
    '<div class="top"><div><h1>Gaps</h1><p class="lead" data-slot="sentence"></p></div>'
    '<div class="deeds" data-slot="deeds"></div></div><div data-slot="banner"></div><div data-slot="answer"></div>'
    '<div data-slot="progress"></div><div data-slot="result"></div>'
)


class GapsPage:
    """Built when first opened; `refresh` on a new Snapshot, `tick` every second. One read at a time, off the loop."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._survey: Survey | None = None
        self._reading = False
        self._read_mark: object = None
        self._read_at = float("-inf")
        self._asked = Asked()
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
        self._show()
        self._look()

    def tick(self) -> None:
        self.refresh()

    def _look(self) -> None:
        """Reads anew where a file, a heal or the number of due intervals changed, at most every few seconds."""
        mark, real = _mark(self._model.snapshot, self._model.now), Clock.monotonic()
        if self._reading or mark == self._read_mark or real - self._read_at < _EVERY:
            return
        self._reading, self._read_mark, self._read_at = True, mark, real
        if self._detail is None:
            self._model.fetch(self._read_first, self._got_first)
        else:
            self._model.fetch(self._read, self._got)

    def _read(self) -> Survey:
        try:
            return survey.read(self._model.console)
        finally:
            self._reading = False

    def _read_first(self) -> tuple[Survey, HeatMap, Days]:
        """The pictures take a moment to build, so they are built beside the loop as well."""
        found = self._read()
        return found, self._overview.draw(found), Days()

    def _got_first(self, result: tuple[Survey, HeatMap, Days]) -> None:
        found, drawn, days = result
        if self._detail is None:
            self._overview.place(drawn)
            self._detail = Detail(self._model, days, self._overview.mark, partial(self._click, DAYS))
            self._opened.append(self._detail.view)
        self._got(found)

    def _got(self, found: Survey) -> None:
        self._survey = found
        self._model.notices["gaps"] = survey.attention(found)
        self._overview.show(found)
        if self._detail is not None:
            self._detail.show(found)
        self._findings.show(found.findings)
        self._show()

    def _open(self, name: str, column: Column) -> None:
        if self._detail is not None and self._survey is not None:
            self._detail.open(self._survey, name, column.first, column.last)

    def _click(self, place: str, verb: str, subject: str) -> None:
        if verb == "show":
            name, _, last = subject.partition(" ")
            day = day_of(datetime.fromisoformat(last))
            self._open(name, Column(day, day))
            return
        self._asked.ask(verb, self._model.snapshot, place)
        self._show()
        if verb == "fill_all":
            subject = subject_of(Request(tuple(catalogue.dataset(d.name) for d in self._model.snapshot.datasets)))
        self._model.command(HEAL if verb in ("fill", "fill_all") else verb, subject)

    def _show(self) -> None:
        snapshot, now, found = self._model.snapshot, self._model.now, self._survey
        job = filling.running(snapshot)
        barred = job is not None or _nobody_fills(snapshot)
        told = (
            self._asked.answer(snapshot),
            filling.progress(job) if job else tiles.EMPTY,
            filling.result(found.filled_here, snapshot, now) if found and not job else tiles.EMPTY,
        )
        further = tiles.EMPTY.join(told)  # a button far down the page is answered there
        above = (tiles.EMPTY,) * 3 if self._asked.place in (LIST, DAYS) else told
        parts = {
            "sentence": Markup.escape(survey.sentence(found) if found else "Looking for gaps …"),
            "banner": tiles.banner(snapshot, self._model.problem) + (_unread(found) if found else tiles.EMPTY),
            "deeds": filling.switch(snapshot.auto_heal) + _fill_all(found, barred),
            **dict(zip(("answer", "progress", "result"), above, strict=True)),
        }
        self._top.fill(parts)
        self._list.show(found, barred, further if self._asked.place == LIST else tiles.EMPTY)
        if self._detail is not None:
            self._detail.say(further if self._asked.place == DAYS else tiles.EMPTY, barred)


def _mark(snapshot: Snapshot, now: datetime) -> object:
    """What changes whenever the page might say something else."""
    files = tuple((d.name, d.freshness.latest, d.rows, d.size) for d in snapshot.datasets)
    heals = tuple((job.number, job.state) for job in snapshot.jobs if job.kind == HEAL)
    return files, heals, snapshot.adopted, floor(now, FIVE_MINUTES)


def _nobody_fills(snapshot: Snapshot) -> bool:
    return snapshot.role is Role.OBSERVING and not snapshot.holder


def _fill_all(found: Survey | None, barred: bool) -> Markup:
    count = sum(one.fillable for one in found.gaps) if found else 0
    return tiles.button(
        "fill_all", f"Fill all {count:,}" if count else "Fill all", kind="main", off=barred or not count
    )


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
