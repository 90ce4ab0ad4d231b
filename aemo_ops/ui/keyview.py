"""One day of one file id by id: a strip of states per region, unit or interconnector, those that lack something first."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
from markupsafe import Markup

from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.gaps import Keys
from aemo_ops.ui import presence, tiles, words

_TOLD = 3  # stretches that a row tells in words
_KINDS = {"duid": "unit", "regionid": "region", "interconnectorid": "interconnector"}
Run = tuple[int, int, Presence]


def kind(dataset: Dataset) -> str:
    """What an id of a dataset is called."""
    return _KINDS.get(dataset.key[-1], "id")


def rows(dataset: Dataset, keys: Keys, text: str, now: datetime) -> tuple[Markup, str]:
    """The table's rows of the ids that hold `text`, and what they are in words."""
    if not keys.ids:
        return tiles.EMPTY, "No interval of this day is in the file's time."
    lacking = np.isin(keys.states, (Presence.MISSING, Presence.PARTIAL)).sum(axis=1)
    absent = (keys.states == Presence.ABSENT).sum(axis=1)
    order = sorted(range(len(keys.ids)), key=lambda row: (-lacking[row], -absent[row], keys.ids[row]))
    chosen = [row for row in order if text.strip().upper() in keys.ids[row].upper()]
    count, what = int(np.count_nonzero(lacking)), words.counted(len(keys.ids), kind(dataset))
    shown = f" {len(chosen):,} shown." if text.strip() else ""
    if count == 0:
        gone = int(np.count_nonzero(absent))
        but = f", {gone:,} of them but for what AEMO has none of either" if gone else ""
        return _markup(keys, chosen, now), f"None of {what} lacks an interval{but}.{shown}"
    have = "lacks" if count == 1 else "lack"
    return _markup(keys, chosen, now), f"{count:,} of {what} {have} something; shown first.{shown}"


def _markup(keys: Keys, chosen: list[int], now: datetime) -> Markup:
    row = Markup('<tr><th scope="row">{}</th><td class="strip"><div>{}</div></td><td>{}</td></tr>')
    drawn = []
    for at in chosen:
        runs = _runs(keys.states[at])
        strip = tiles.EMPTY.join(_piece(keys, run, now) for run in runs)
        drawn.append(row.format(keys.ids[at], strip, _told(keys, runs, now)))
    return tiles.EMPTY.join(drawn)


def _runs(states: np.ndarray) -> list[Run]:
    """(first, last, state) of each stretch of one state."""
    cuts = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
    return [(low, high - 1, Presence(int(states[low]))) for low, high in itertools.pairwise(cuts)]


def _piece(keys: Keys, run: Run, now: datetime) -> Markup:
    first, last, state = run
    piece = Markup('<i class="{}" style="flex:{}" title="{}, {}: {}"></i>')
    length = last - first + 1
    counted = words.counted(length, "interval")
    return piece.format(presence.css_class(state), length, _span(keys, run), counted, _word(keys, run, now))


def _word(keys: Keys, run: Run, now: datetime) -> str:
    """Nothing is due of a unit beyond its own rows, today as long ago."""
    if run[2] is Presence.NOT_DUE and keys.ends[run[1]] < now - timedelta(hours=2):
        return "not expected"
    return keys.partial if run[2] is Presence.PARTIAL else run[2].words


def _span(keys: Keys, run: Run) -> str:
    first, last = keys.ends[run[0]], keys.ends[run[1]]
    until = "24:00" if last.date() != keys.ends[0].date() else f"{last:%H:%M}"
    return f"{first:%H:%M} to {until}" if run[0] != run[1] else until


def _told(keys: Keys, runs: list[Run], now: datetime) -> str:
    told = [run for run in runs if run[2] not in (Presence.COMPLETE, Presence.NOT_DUE)]
    if not told:
        return "complete" if any(run[2] is Presence.COMPLETE for run in runs) else _word(keys, runs[0], now)
    parts = [f"{_word(keys, run, now)} {_span(keys, run)} ({run[1] - run[0] + 1})" for run in told[:_TOLD]]
    return ", ".join(parts) + (f" and {len(told) - _TOLD} more" if len(told) > _TOLD else "")
