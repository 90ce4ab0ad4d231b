"""Copy & verify: every file read, hashed, flushed and read back; what is not in its dataset's form is rewritten beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.ui import tiles, words
from aemo_ops.ui.moving import pieces


def show(status: Status) -> Markup:
    copied, normal = status.standing("copy"), status.standing("normal")
    parts = []
    if normal.phase is not Phase.DONE:
        step = "copy" if copied.phase is not Phase.DONE else "normal"
        text = "Copy & verify" if step == "copy" else "Go on: normal form"
        ask = tiles.button("go", text, "normal", "", kind="main", off=not pieces.ready(status, step))
        inside = pieces.checks(status, step) + _agreements(status, step) + pieces.plan(status, step) + ask
        parts.append(pieces.card("Copy & verify", inside, "the old collector goes on meanwhile"))
    if copied.phase is Phase.DONE:
        parts.append(_copied(copied.evidence, normal.evidence if normal.phase is Phase.DONE else {}))
    return tiles.EMPTY.join(parts)


def _agreements(status: Status, step: str) -> Markup:
    """Buttons for what a person must agree to before the copies can have their datasets' form."""
    if status.look is None or status.look.step != step or not status.look.agree:
        return tiles.EMPTY
    off = status.doing is not None or bool(status.elsewhere)
    text = {"drop_columns": "Agree: leave these columns out", "accept_loss": "Agree: leave these rows out"}
    buttons = [tiles.button("agree", text[name], name, "", off=off) for name in status.look.agree]
    return Markup('<div class="deeds">{}</div>').format(tiles.EMPTY.join(buttons))


def _copied(copied: Mapping[str, Any], normal: Mapping[str, Any]) -> Markup:
    rewritten = {one["name"]: one for one in normal.get("files", ())}
    rows = [
        (
            one["name"],
            words.size(one["size"]),
            f"{one['rows']:,}" if one["rows"] is not None else "",
            Markup('<code title="{}">{}…</code>').format(one["sha256"], one["sha256"][:12]),
            _changed(rewritten.get(one["name"])),
        )
        for one in copied["files"]
    ]
    whole = sum(one["size"] for one in copied["files"])
    note = f"{len(rows)} files, {words.size(whole)}; SHA-256 of what was read equals SHA-256 of what is on the disk"
    table = pieces.table(("File", "Size", "Rows", "SHA-256", "Normal form"), rows, (1, 2))
    return pieces.card("Copied & verified", table, note)


def _changed(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "as it was"
    named = (
        ("duplicates_identical", "identical duplicates"),
        ("duplicates_differing", "differing duplicates"),
        ("off_grid", "rows off the grid"),
        ("null_keys", "rows without a key"),
        ("values_unreadable", "values unreadable"),
    )
    parts = [f"{one[name]:,} {what}" for name, what in named if one[name]]
    parts += [f"column {name} left out" for name in one["columns_dropped"]]
    parts += [f"column {name} added" for name in one["columns_added"]]
    return f"rewritten: {'; '.join(parts)}" if parts else "rewritten: types and order only"
