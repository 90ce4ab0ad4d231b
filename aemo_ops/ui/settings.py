"""The Settings page: every effective value and where it came from, and the folders that are written to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.model import Model
from aemo_ops.ui.table import Table

_TOP = Markup('<h1>Settings</h1><p class="lead" data-slot="sentence"></p>')
_HEAD = Markup("<h2>{} <small>{}</small></h2>")
_WHOLE = ".scroll { max-height: none; }"  # there is no end to be found by scrolling
_VALUES = [["Variable", "text"], ["Value", "wide"], ["Where it came from", "wide"]]
_PLACES = [["What", "text"], ["Path", "wide"], ["There", "text"]]
Effective = Sequence[tuple[str, str, str]]


class SettingsPage:
    """Read anew with every Snapshot while it is in sight: a switchover, or a person, changes a file of settings."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._top = Board(_TOP)
        self._values = Table(stylesheets=[_WHOLE], columns=_VALUES, empty="Reading …")
        self._places = Table(stylesheets=[_WHOLE], columns=_PLACES, empty="Reading …")
        below = (12, 0, 0, 0)
        values = Board(
            _HEAD.format("Every value", "the environment wins over .env in AEMO_OPS_HOME, that over .env here")
        )
        places = Board(_HEAD.format("Folders and files", "absolute paths"))
        self.view = stack(self._top, card(values, self._values, margin=below), card(places, self._places, margin=below))

    def refresh(self) -> None:
        self._model.fetch(self._model.console.effective, self._show, "settings")

    def tick(self) -> None:
        """Nothing here moves on by the second."""

    def _show(self, found: Effective) -> None:
        values = {name: value for name, value, _ in found}
        folder = self._model.snapshot.folder
        told = [
            [what, str(path), "yes" if path.exists() else "not yet"]
            for what, path in places(Path(values["AEMO_OPS_HOME"]), Path(folder))
        ]
        for table, rows in ((self._values, [list(row) for row in found]), (self._places, told)):
            if rows != table.rows:
                table.rows = rows
        self._top.fill({"sentence": Markup.escape(sentence(found, folder))})


def places(home: Path, data: Path) -> list[tuple[str, Path]]:
    return [
        ("Data files (collected into now)", data),
        ("State of the program", home),
        ("Its settings", home / ".env"),
        ("Settings of the folder it was started in, after those", Path.cwd() / ".env"),
        ("Log", home / "logs" / "aemo-ops.log"),
        ("Ledger of every file met", home / "ledger.sqlite"),
        ("Wishes, events, costs", home / "state.sqlite"),
        ("Journals of moves", home / "move"),
    ]


def sentence(found: Effective, folder: str) -> str:
    """Whether anything here wants a look."""
    chosen = [name for name, _, origin in found if origin != "default"]
    values = {name: value for name, value, _ in found}
    told = f"{len(found)} settings, {len(chosen)} of them not at their default; no secret is among them."
    if values["AEMO_DATA_PATH"] != folder:
        return f"{told} A move is under way: files are collected into {folder}, not into AEMO_DATA_PATH."
    return f"{told} To change one, edit a .env file or the environment, and start again."
