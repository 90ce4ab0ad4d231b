"""The notice above every page: what stands between the operator and a collecting app, and what failed."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from aemo_ops.migrate.status import Status
from aemo_ops.ops.snapshot import Role, Snapshot
from aemo_ops.ui import tiles
from aemo_ops.ui.answer import Answer
from aemo_ops.ui.board import Board
from aemo_ops.ui.model import Model


class Notice:
    """`show` whenever the model changed. Its one button adopts the folder; a refusal is told here."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._answer = Answer(model, self._fill)
        self.view = Board(Markup('<div class="notice" data-slot="notice"></div>'), on_click=self._answer.ask)

    def show(self) -> None:
        self._answer.follow()
        self._fill()

    def _fill(self) -> None:
        snapshot = self._model.snapshot
        refused = "" if snapshot.adopted else self._answer.text
        problem = " ".join(filter(None, (self._model.problem, refused)))
        self.view.fill({"notice": markup(snapshot, problem, is_moved(self._model.move, snapshot))})


def is_moved(move: Status, snapshot: Snapshot) -> bool:
    """Whether a move decides who writes to the folder: it is then no person's to adopt."""
    if move.doing is not None:
        return True
    ends = (move.move.data, move.move.source) if move.move is not None and move.under_way else ()
    return Path(snapshot.folder) in ends


def markup(snapshot: Snapshot, problem: str, moved: bool = False) -> Markup:
    """Empty when nothing is in the way. `moved`: a move decides who writes to the folder."""
    blocks = [_observing(snapshot, moved)] if snapshot.role is Role.OBSERVING else []
    blocks += [Markup('<div class="banner late" role="status"><p>{}</p></div>').format(p) for p in snapshot.problems]
    if problem:
        blocks.append(Markup('<div class="banner stale" role="alert"><p>{}</p></div>').format(problem))
    return tiles.EMPTY.join(blocks)


def _observing(snapshot: Snapshot, moved: bool) -> Markup:
    holder = Markup("<p>{}</p>").format(snapshot.holder) if snapshot.holder else tiles.EMPTY
    adopt = tiles.EMPTY
    if not snapshot.adopted and moved:
        adopt = Markup("<p>A move is under way, which says who writes there: see the Migration page.</p>")
    elif not snapshot.adopted:
        adopt = Markup(
            "<p>Adopting writes a small marker into <code>{}</code> and starts collection into the files there; rows "
            "already in them stay. Do it only if no other program writes to this folder.</p>{}"
        ).format(snapshot.folder, tiles.button("adopt", "Adopt this folder", kind="main"))
    return Markup(
        '<div class="banner calm" role="status"><p><b>This window observes; it writes nothing.</b> {}</p>{}{}</div>'
    ).format(snapshot.reason, holder, adopt)
