"""The card of values that look wrong: for a person to judge, never altered."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from aemo_ops.store.findings import Finding
from aemo_ops.ui import words
from aemo_ops.ui.board import Board, card
from aemo_ops.ui.table import Table

MOST = 200  # rows sent to the browser
_HEAD = Markup('<h2>Values that look wrong <small data-slot="note">never altered</small></h2>')
_COLUMNS = [
    ["Kind", "text"],
    ["Dataset", "text"],
    ["Id", "text"],
    ["From (interval end)", "text"],
    ["To", "text"],
    ["Detail", "wide"],
]
_NONE = (
    "No value looks wrong: none is frozen, out of bounds, or unlike the mean of its six. "
    "One that does is listed here for you to judge; the file keeps it as it is."
)


class FindingsCard:
    """`show` with every Survey's findings."""

    def __init__(self) -> None:
        self._head = Board(_HEAD)
        self._table = Table(columns=_COLUMNS, empty="Looking …")
        self.view = card(self._head, self._table, margin=(12, 0, 0, 0))

    def show(self, found: Sequence[Finding]) -> None:
        rows = [_cells(one) for one in found[:MOST]]
        self._table.empty = _NONE
        if rows != self._table.rows:
            self._table.rows = rows
        rest = len(found) - MOST
        told = f"{words.counted(len(found), 'finding')}, never altered" if found else "never altered"
        note = f"; the newest {MOST} are shown, {rest:,} older ones are not" if rest > 0 else ""
        self._head.fill({"note": Markup.escape(told + note)})


def _cells(one: Finding) -> list[object]:
    return [one.kind, one.dataset, one.id, f"{one.first:%Y-%m-%d %H:%M}", f"{one.last:%Y-%m-%d %H:%M}", one.detail]
