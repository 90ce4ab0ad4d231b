"""The list of gaps: newest first, filtered, at most some hundred rows, each with Show and Fill."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
from markupsafe import Markup
from panel_material_ui import Select, TextInput

from aemo_ops.market import catalogue
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.healing import subject_of
from aemo_ops.ops.listing import Gap
from aemo_ops.ops.request import Request
from aemo_ops.ops.tally import RULE, Tally
from aemo_ops.ui import keyview, theme, words
from aemo_ops.ui.board import Board, card
from aemo_ops.ui.survey import SOURCES, Survey
from aemo_ops.ui.table import Table

MOST = 200  # rows sent to the browser
_ANY = "any"
_SOFT = "single units"
_STATES = [_ANY, "missing", "partial", _SOFT, "absent at AEMO"]
_TONES = {Presence.MISSING: "stale", Presence.PARTIAL: "partial", Presence.ABSENT: "late"}
_IDS = 3  # told by name; the rest as a number
_COLUMNS = [
    ["Dataset", "text"],
    ["From (interval end)", "text"],
    ["To", "text"],
    ["Intervals", "number"],
    ["Of", "wide"],
    ["State", "fate"],
    ["Asked first", "text"],
    ["Actions", "actions"],
]
_HEAD = Markup(
    '<h2>Gaps <small data-slot="note"></small></h2><p class="note">{}</p><div data-slot="told"></div>'
).format(RULE)
_NONE = "Nothing is missing. A gap is listed here one interval after it should have arrived."


class GapList:
    """`show` with every Survey; `on_click` hears show and fill with their subjects."""

    def __init__(self, names: list[str], on_click: Callable[[str, str], None]) -> None:
        self._survey: Survey | None = None
        self._busy = False
        self._head = Board(_HEAD, on_click=on_click)
        self._file = Select(label="Dataset", options=[_ANY, *names], value=_ANY, width=170, margin=(0, 8, 0, 0), **theme.FIELD)  # type: ignore[no-untyped-call]  # fmt: skip
        self._state = Select(label="State", options=_STATES, value=_ANY, width=170, margin=(0, 8, 0, 0), **theme.FIELD)  # type: ignore[no-untyped-call]  # fmt: skip
        self._text = TextInput(label="Search id or date", width=220, margin=0, **theme.FIELD)  # type: ignore[no-untyped-call]
        self._table = Table(columns=_COLUMNS, empty="Looking for gaps …", on_click=on_click)
        for widget, name in ((self._file, "value"), (self._state, "value"), (self._text, "value_input")):
            widget.param.watch(lambda _event: self._draw(), name)
        filters = pn.Row(self._file, self._state, self._text, margin=(10, 0, 8, 0))
        self.view = card(self._head, filters, self._table, margin=(12, 0, 0, 0))

    def show(self, survey: Survey | None, busy: bool, told: Markup) -> None:
        """`busy`: gaps are being filled, so that no other Fill can begin. `told`: what came of a Fill that was pressed here."""
        self._head.fill({"told": told})
        if survey is not None and (survey is not self._survey or busy != self._busy):
            self._survey, self._busy = survey, busy
            self._draw()

    def _draw(self) -> None:
        if self._survey is None:
            return
        found = self._survey.gaps
        passed = [gap for gap in found if self._passes(gap)]
        self._table.empty = "No gap matches: clear the search or choose any." if found else _NONE
        rows = [cells(gap, self._busy) for gap in passed[:MOST]]
        if rows != self._table.rows:
            self._table.rows = rows
        note = counts(self._survey.tally)
        if len(passed) != len(found):
            note = f"{len(passed):,} rows pass, of {note}"
        if len(passed) > MOST:
            note += f"; the first {MOST} are shown, {len(passed) - MOST:,} more are not: narrow them down"
        self._head.fill({"note": Markup.escape(note if found else "")})

    def _passes(self, gap: Gap) -> bool:
        text = (self._text.value_input or "").strip().upper()
        states = (_ANY, _SOFT if gap.units else gap.state.words)
        if self._file.value not in (_ANY, gap.dataset) or self._state.value not in states:
            return False
        return not text or any(text in name.upper() for name in (*gap.keys, *_times(gap)))


def counts(told: Tally) -> str:
    """The rows of the list, each kind counted apart."""
    lots = (
        (told.certain, words.counted(told.certain.gaps, "gap")),
        (told.units, f"{words.counted(told.units.gaps, 'stretch', 'stretches')} of single units"),
        (told.absent, f"{told.absent.gaps:,} absent at AEMO"),
    )
    return ", ".join(what for lot, what in lots if lot.gaps)


def cells(gap: Gap, busy: bool) -> list[object]:
    """A row of the table."""
    first, last = _times(gap)
    whom = f"{gap.dataset} {first}"
    deeds = [["show", f"{gap.dataset} {gap.last.isoformat()}", "Show", f"Show {whom}", False]]
    if gap.fillable:
        deeds.append(["fill", subject(gap), "Fill", f"Fill {whom}", busy])
    state = [_TONES[gap.state], _SOFT if gap.units else gap.state.words]
    return [gap.dataset, first, last, gap.intervals, _whose(gap), state, _source(gap), deeds]


def subject(gap: Gap) -> str:
    """The command that fills a gap: its span's beginning is exclusive."""
    dataset = catalogue.dataset(gap.dataset)
    return subject_of(Request((dataset,), gap.first - dataset.cadence, gap.last))


def _times(gap: Gap) -> tuple[str, str]:
    return f"{gap.first:%Y-%m-%d %H:%M}", f"{gap.last:%Y-%m-%d %H:%M}"


def _whose(gap: Gap) -> str:
    what = keyview.kind(catalogue.dataset(gap.dataset))
    if not gap.keys:
        told = f"all {what}s" if gap.state is not Presence.PARTIAL else f"means over all {what}s"
    else:
        rest = len(gap.keys) - _IDS
        told = ", ".join(gap.keys[:_IDS]) + (f" and {words.counted(rest, 'more ' + what)}" if rest > 0 else "")
    return f"{told}: {gap.reason}" if gap.reason else told


def _source(gap: Gap) -> str:
    if gap.state is Presence.ABSENT:
        return "nobody: AEMO has none"
    if gap.opens:
        return f"not before {gap.opens:%d %b}"
    return SOURCES.get(gap.source, gap.source)
