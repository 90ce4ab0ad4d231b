"""Board: a piece of page whose named slots are filled with escaped markup and replaced only where they changed.

One component for a dozen tiles or a table of buttons keeps the page light (a widget per button costs some 3 kB and a
view each), keeps focus and selection where nothing changed, and lets the browser answer a click before we do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param
from markupsafe import Markup
from panel.custom import JSComponent
from panel_material_ui.layout.base import Paper

from aemo_ops.ui import theme

Click = Callable[[str, str], None]


def card(*inside: Any, **params: Any) -> Paper:
    """A framed piece of page that may hold boards, charts and widgets."""
    return Paper(  # type: ignore[no-untyped-call]
        *inside, **{"elevation": 0, "sx": theme.CARD, "margin": 0, "sizing_mode": "stretch_width", **params}
    )


def stack(*parts: Any, **params: Any) -> pn.Column:
    """Parts of a page below each other, over its whole width."""
    return pn.Column(*parts, **{"stylesheets": [theme.WHOLE], "sizing_mode": "stretch_width", "margin": 0, **params})


class Board(JSComponent):
    """`layout` holds elements with data-slot; a button with data-verb and data-subject calls `on_click` with them."""

    layout = param.String(doc="markup with the empty slots")
    parts = param.Dict(default={}, doc="slot -> markup")

    _esm = Path(__file__).parent / "board.js"
    _bundle = _esm
    _stylesheets: ClassVar[list[Any]] = [Path(__file__).parent / "ui.css"]

    def __init__(self, layout: Markup, on_click: Click | None = None, **params: Any) -> None:
        params.setdefault("sizing_mode", "stretch_width")
        super().__init__(layout=str(layout), margin=0, **params)  # type: ignore[no-untyped-call]
        self._on_click = on_click

    def fill(self, parts: dict[str, Markup]) -> None:
        """Fills slots; sends nothing where nothing changed."""
        merged = {**self.parts, **{name: str(part) for name, part in parts.items()}}
        if merged != self.parts:
            self.parts = merged

    def _handle_msg(self, data: Any) -> None:
        if self._on_click is not None:
            self._on_click(data["verb"], data["subject"])
