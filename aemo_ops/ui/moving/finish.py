"""Watch & finish: a list that ticks itself from what is observed; then the evidence, and what a person may want to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from aemo_ops.migrate import evidence
from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.ui import tiles
from aemo_ops.ui.moving import pieces


def show(status: Status) -> Markup:
    watch, finish = status.standing("watch"), status.standing("finish")
    look = status.look
    live: Sequence[Mapping[str, Any]] = look.lines if look and look.step == "watch" else ()
    lines = watch.evidence.get("lines", ()) if watch.phase is Phase.DONE else live
    parts = [pieces.card("Since the switchover", _lines(lines), "each line is what was observed")]
    if finish.phase is not Phase.DONE:
        step = "watch" if watch.phase is not Phase.DONE else "finish"
        ask = tiles.button(
            "go", "Finish, and write the evidence", "finish", "", kind="main", off=not pieces.ready(status, step)
        )
        parts.insert(0, pieces.card("Before it is finished", pieces.checks(status, step) + ask))
    else:
        parts.append(pieces.card("The evidence", _evidence(finish.evidence), "nothing was removed, here or anywhere"))
        if todo := evidence.left_to_do(status.standings):
            listed = Markup("<pre class='diff'>{}</pre>").format("\n".join(todo))
            parts.append(pieces.card("What you may want to do now", listed, "none of it was done"))
    return tiles.EMPTY.join(parts)


def _lines(lines: Sequence[Mapping[str, Any]]) -> Markup:
    if not lines:
        return pieces.marks([pieces.mark("wait", "looking …")])
    return pieces.marks(
        pieces.mark("ok" if one["ok"] else "bad", f"{one['what']}: {one['measured']} (should be {one['limit']})")
        for one in lines
    )


def _evidence(found: Mapping[str, Any]) -> Markup:
    lines = [pieces.mark("ok", f"written to {found['folder']}")]
    note = Markup('<p class="note">Median of three tries. Of small files a few milliseconds are chance.</p>')
    return pieces.marks(lines) + figures(found["figures"]) + note


def figures(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """How fast the same questions are answered from the old files and the new ones, in milliseconds."""
    told = [
        (one["file"], one["what"], _milliseconds(one["old_seconds"]), _milliseconds(one["new_seconds"])) for one in rows
    ]
    return pieces.table(("File", "Question", "Old folder, ms", "New folder, ms"), told, (2, 3))


def _milliseconds(seconds: float | None) -> str:
    return "cannot be read" if seconds is None else f"{1000 * seconds:,.1f}"
