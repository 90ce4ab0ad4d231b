"""Switchover: the old collector ends, ours is the one that counts; and the way back, which is offered at every stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.wizard import BACK
from aemo_ops.ui import tiles
from aemo_ops.ui.moving import pieces


def show(status: Status, answer: str) -> Markup:
    """`answer`: what was said to the last word."""
    switch = status.standing("switch")
    if switch.phase is Phase.DONE:
        return pieces.card("Switched over", _done(switch.evidence), "seen to work before this was called done")
    inside = pieces.checks(status, "switch") + pieces.plan(status, "switch")
    form = pieces.asked("switch", Switch.word, "Switch over", off=not _may(status), answer=answer)
    why = Markup(
        '<p class="note">A quiet moment is waited for. If anything fails, it goes back by itself to what is now, the old '
        "collector running.</p>"
    )
    return pieces.card("End the old collector, let ours count", inside + form + why, "both collect until then")


def _may(status: Status) -> bool:
    """What only waits for a quiet window does not bar the word: it is waited for."""
    look = status.look
    waits = look is not None and look.step == "switch" and look.later
    return pieces.ready(status, "switch") or (waits and status.doing is None and not status.elsewhere)


def back(status: Status, answer: str) -> Markup:
    """What rolling back will do, written out, and the word that it wants; `answer`: what was said to the last one."""
    listed = pieces.listed(status.back) if status.back else Markup("<p>looking …</p>")
    off = status.doing is not None or bool(status.elsewhere)
    form = pieces.asked("rollback", BACK, "Roll back", off=off, answer=answer)
    never = tiles.button("close_back", "Leave it as it is")
    note = Markup(
        '<p class="note">No row is lost: what was collected since the switchover goes into the old files first.</p>'
    )
    inside = listed + note + form + never
    return Markup('<section class="card danger-card" role="region" aria-label="Rollback"><h2>Roll back: this will be done</h2>{}'
                  "</section>").format(inside)  # fmt: skip


def _done(evidence: Mapping[str, Any]) -> Markup:
    gap = evidence["gap_intervals"]
    arrived = ", ".join(f"{name} {when[11:16]}" for name, when in evidence["arrived"].items())
    carried = ", ".join(f"{name} {rows:,}" for name, rows in evidence["carried"].items() if rows)
    lines = [
        pieces.mark("ok", f"switched at {evidence['at']} NEM time, in {evidence['seconds']:.0f} s"),
        pieces.mark("ok" if gap == 0 else "bad", f"{gap} intervals missing around the switch"),
        pieces.mark("ok", f"first new intervals in the new files: {arrived}"),
        pieces.mark("ok", "no old file has changed since"),
        *(pieces.mark("ok", f"ended: {one}") for one in evidence["ended"]),
        pieces.mark("note", f"rows taken over at the last moment: {carried or 'none were left'}"),
        *(pieces.mark("note", f"{name} was torn by its writer; ours is whole") for name in evidence["torn"]),
    ]
    diffs = [
        Markup("<p><code>{}</code></p><pre class='diff'>{}</pre>").format(path, "\n".join(changed))
        for path, changed in evidence["settings"].items()
    ]
    return pieces.marks(lines) + tiles.EMPTY.join(diffs)
