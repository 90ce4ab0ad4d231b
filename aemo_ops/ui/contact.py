"""Contact: lets the browser know that the app is there, beat by beat, so that a page of a server that ended says so by itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import param
from panel.custom import JSComponent


class Contact(JSComponent):
    """`beat` every second. Without it, or when the socket is closed, contact.js tells in the header of when the page is,
    dims it, and loads it anew once the app answers again.
    """

    beats = param.Integer(doc="how many there were")
    seen = param.String(doc="NEM time of the last one, as the page shows it")

    _esm = Path(__file__).parent / "contact.js"
    _bundle = _esm

    def __init__(self, now: datetime) -> None:
        super().__init__(seen=f"{now:%H:%M}")  # type: ignore[no-untyped-call]

    def beat(self, now: datetime) -> None:
        self.param.update(beats=self.beats + 1, seen=f"{now:%H:%M}")
