"""Report: opens the evidence of the move in a tab of its own, or saves it; made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

Deliver = Callable[[str, str, str], None]


class Report(JSComponent):
    """`make` is called with what takes the page, the JSON, and why there are none, once that is known."""

    _esm = Path(__file__).parent / "report.js"
    _bundle = _esm
    _stylesheets: ClassVar[list[Any]] = [Path(__file__).parent / "ui.css"]

    name_of_file = param.String(default="aemo-ops-move")

    def __init__(self, make: Callable[[Deliver], None], **params: Any) -> None:
        super().__init__(sizing_mode="stretch_width", margin=(12, 0, 0, 0), **params)  # type: ignore[no-untyped-call]
        self._make = make

    def _handle_msg(self, data: Any) -> None:
        wanted = str(data["wanted"])

        def deliver(page: str, told: str, problem: str) -> None:
            self._send_msg({"wanted": wanted, "text": told if wanted == "json" else page, "problem": problem})

        self._make(deliver)
