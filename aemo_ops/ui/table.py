"""Table: rows of text that fill their width and sort by a click; cells are set as text, never as markup.

A cell of kind `actions` holds buttons, each [verb, subject, text, label, off]; `on_click` is called with verb and subject.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from aemo_ops.ui.board import Click


class Table(JSComponent):
    """`columns`: [heading, kind], kind one of text, wide (may wrap), number, fate, actions; `rows`: a list of cells each."""

    columns = param.List(default=[])
    rows = param.List(default=[])
    empty = param.String(doc="what to do when there is no row")

    _esm = Path(__file__).parent / "table.js"
    _bundle = _esm
    _stylesheets: ClassVar[list[Any]] = [Path(__file__).parent / "ui.css"]

    def __init__(self, on_click: Click | None = None, **params: Any) -> None:
        params.setdefault("sizing_mode", "stretch_width")
        super().__init__(margin=0, **params)  # type: ignore[no-untyped-call]
        self._on_click = on_click

    def _handle_msg(self, data: Any) -> None:
        if self._on_click is not None:
            self._on_click(data["verb"], data["subject"])
