"""Parallel run: both collect, and what they collected is compared; each difference has a name, AEMO's own file decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from aemo_ops.market import catalogue
from aemo_ops.migrate.comparison import Reason
from aemo_ops.migrate.labels import minute
from aemo_ops.migrate.status import Status
from aemo_ops.migrate.step import Phase
from aemo_ops.ui import tiles, words
from aemo_ops.ui.moving import pieces

Fact = Mapping[str, Any]
_KINDS = (("same", "fresh"), ("old missed", "partial"), ("old wrong", "late"), ("unexplained or new wrong", "stale"))
_VERDICTS = {"pass": ("fresh", "explained"), "block": ("stale", "blocks"), "insufficient": ("calm", "not enough yet")}


def show(status: Status, opened: str) -> Markup:
    """`opened`: the dataset whose differing rows are shown."""
    if status.standing("catch_up").phase is not Phase.DONE:
        ask = tiles.button(
            "go", "Start the parallel run", "catch_up", "", kind="main", off=not pieces.ready(status, "catch_up")
        )
        inside = pieces.checks(status, "catch_up") + pieces.plan(status, "catch_up") + ask
        return pieces.card("Catch up, then both collect", inside, "the old collector goes on")
    compared = status.standing("compare")
    facts: Sequence[Fact] = compared.evidence.get("datasets", ()) if compared.phase is Phase.DONE else status.compared
    gate = tiles.EMPTY if compared.phase is Phase.DONE else pieces.card("Before the switchover may open", _gate(status))
    note = "rows of intervals that ours read from AEMO itself; the newest half hour is left out"
    side = pieces.card("Old and new, side by side", _side_by_side(facts), note)
    shown = next((one for one in facts if one["dataset"] == opened), None)
    rows = _rows(shown) if shown else tiles.EMPTY
    carried = pieces.card(
        "Caught up", _carried(status.standing("catch_up").evidence), "rows that came over from the old files"
    )
    both = Markup('<div class="split">{}{}</div>').format(side, gate) if gate else side
    return rows + both + carried


def _gate(status: Status) -> Markup:
    look = status.look
    if look and look.step == "compare" and look.reason and not look.counts:
        return pieces.checks(status, "compare")
    counts = look.counts if look and look.step == "compare" else {}
    lines = [
        pieces.mark(
            "ok" if count >= wanted else "wait",
            f"{name}: {words.counted(count, 'interval')} that both have; {wanted} are enough",
        )
        for name, (count, wanted) in counts.items()
    ] or [pieces.mark("wait", "looking …")]
    bad = [one["dataset"] for one in status.compared if one["verdict"] == "block"]
    if status.compared:
        lines.append(
            pieces.mark("bad" if bad else "ok", f"differences unexplained, or ours wrong: {', '.join(bad) or 'none'}")
        )
    ask = tiles.button(
        "go", "Compare, and open the switchover", "compare", "", kind="main", off=not pieces.ready(status, "compare")
    )
    return pieces.marks(lines) + pieces.plan(status, "compare") + ask


def counts(fact: Fact) -> tuple[int, int, int, int]:
    """Keys: same, old missed, old wrong, unexplained or new wrong."""
    missed = wrong = bad = 0
    for name, number in fact["reasons"].items():
        reason = Reason(name)
        if not reason.explained:
            bad += number
        elif reason is Reason.MISSED:
            missed += number
        else:
            wrong += number
    return fact["equal"], missed, wrong, bad


def _side_by_side(facts: Sequence[Fact]) -> Markup:
    if not facts:
        return Markup(
            '<p class="empty">Nothing to compare yet: it takes some dispatch intervals that both collected.</p>'
        )
    rows = []
    for one in facts:
        same, missed, wrong, bad = counts(one)
        tone, word = _VERDICTS[one["verdict"]]
        if one["verdict"] == "pass" and not missed + wrong:
            word = "same"
        see = tiles.button("rows", "Rows", one["dataset"]) if one["samples"] else tiles.EMPTY
        numbers = (f"{same:,}", f"{missed:,}", f"{wrong:,}", f"{bad:,}")
        named = Markup("{}{}").format(one["dataset"], _bar((same, missed, wrong, bad)))
        rows.append((named, *numbers, tiles.chip(tone, word), see))
    heads = ("Dataset", "Same", "Old missed", "Old wrong", "Unexplained or new wrong", "Verdict", "")
    key = Markup('<span class="key"><i class="seg {}"></i>{}</span>')
    legend = tiles.EMPTY.join(key.format(tone, name) for name, tone in _KINDS)
    reasons = [
        Markup("<li><b>{}</b>: {}</li>").format(
            one["dataset"], ", ".join(f"{n:,} x {why}" for why, n in one["reasons"].items())
        )
        for one in facts
        if one["reasons"]
    ]
    told = Markup('<ul class="plan">{}</ul>').format(tiles.EMPTY.join(reasons)) if reasons else tiles.EMPTY
    note = Markup('<span class="note">counted in rows: an interval end of a region, interconnector or unit</span>')
    return (
        Markup('<div class="legend">{}{}</div>').format(legend, note) + pieces.table(heads, rows, (1, 2, 3, 4)) + told
    )


def _bar(numbers: Sequence[int]) -> Markup:
    whole = sum(numbers) or 1
    segment = Markup('<i class="seg {}" style="width:{:.1f}%"></i>')
    parts = [segment.format(tone, 100 * n / whole) for (_, tone), n in zip(_KINDS, numbers, strict=True) if n]
    told = ", ".join(f"{n:,} {name}" for (name, _), n in zip(_KINDS, numbers, strict=True))
    return Markup('<div class="share" role="img" aria-label="{}" title="{}">{}</div>').format(
        told, told, tiles.EMPTY.join(parts)
    )


def _rows(fact: Fact) -> Markup:
    """The differing rows themselves: what the old file says, what ours says, what AEMO says."""
    rows = [
        (minute(one["settlementdate"]), one["id"], one["reason"],
         *(_values(one[whose], fact["dataset"]) for whose in ("old", "new", "aemo")))
        for one in fact["samples"]
    ]  # fmt: skip
    table = pieces.table(("Interval end (NEM)", "Id", "What it is", "Old", "New", "AEMO"), rows)
    close = tiles.button("rows", "Close", "")
    return pieces.card(
        f"{fact['dataset']}: rows that differ",
        table + close,
        f"{len(rows)} of them; what would block the move first, then by time",
    )


def _values(values: Mapping[str, float | None] | None, name: str) -> str:
    if values is None:
        return "no row"
    units = {column.name: column.unit for column in catalogue.dataset(name).columns}
    told = {key: "empty" if value is None else f"{value:,.10g} {units.get(key, '')}" for key, value in values.items()}
    return ", ".join(f"{key} {value}" for key, value in told.items())


def _carried(evidence: Mapping[str, Any]) -> Markup:
    rows = [
        (one["dataset"], minute(one["mark"]), f"{one['inserted']:,}", f"{one['off_grid']:,}")
        for one in evidence.get("datasets", ())
    ]
    return pieces.table(("Dataset", "Copied up to (NEM)", "Rows since", "Rows off the grid, left behind"), rows, (2, 3))
