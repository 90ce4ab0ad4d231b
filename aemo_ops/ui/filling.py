"""Filling gaps as the page shows it: progress with rate and time left, what came of it, and the switch. Markup only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from markupsafe import Markup

from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.snapshot import JobState, Snapshot
from aemo_ops.ui import tiles, words

_REASONS = 4  # told of one dataset; the rest as a number
_ALIVE = {"waiting", "running"}


def last(snapshot: Snapshot) -> JobState | None:
    """The newest heal."""
    return next((job for job in snapshot.jobs if job.kind == HEAL), None)


def running(snapshot: Snapshot) -> JobState | None:
    """The heal that is under way."""
    return next((job for job in snapshot.jobs if job.kind == HEAL and job.state in _ALIVE), None)


def progress(job: JobState) -> Markup:
    """A heal that runs: files, what it does, rate, time left, Cancel."""
    share = min(100.0, 100 * job.done / job.total) if job.total else 0.0
    done = f"{job.done:,} of {words.counted(job.total, 'file')}" if job.total else "finding out what to ask for"
    parts = [done, job.text, pace(job)]
    cancel = tiles.button("cancel", "Cancel", str(job.number), whom="filling")
    return Markup(
        '<div class="banner calm" role="status"><div class="job"><div><b>{}</b> <span class="muted">{}</span></div>'
        '<div class="bar" role="progressbar" aria-valuenow="{:.0f}" aria-valuemin="0" aria-valuemax="100" '
        'aria-label="{}"><i style="width:{:.1f}%"></i></div>{}</div><p class="note">Collection goes on meanwhile.</p></div>'
    ).format(job.title, " · ".join(part for part in parts if part), share, job.title, share, cancel)


def pace(job: JobState) -> str:
    """Rate and time left, once there is something to judge by."""
    if not job.done or job.seconds < 1:
        return ""
    rate = job.done / job.seconds
    told = f"{rate:.1f} files/s" if rate >= 1 else f"{60 * rate:.1f} files/min"
    left = (job.total - job.done) / rate
    return f"{told} · {words.seconds(left)} left" if left > 0 else told


def result(filled: dict[str, Any], snapshot: Snapshot, now: datetime) -> Markup:
    """What came of the last heal, dataset by dataset, and whether it came to its end."""
    job = last(snapshot)
    blocks = [_failure(job)] if job and job.state == "failed" else []
    if filled:
        when = tiles.moment(datetime.fromisoformat(filled["nem"]), now)
        cancelled = job is not None and job.state == "cancelled"
        lines = tiles.EMPTY.join(_line(told) for told in filled["datasets"] if told["requested"] or told["units"])
        first = "Filling was cancelled" if cancelled else "Filled" if lines else "Looked for gaps to fill"
        block = Markup('<div class="banner calm" role="status"><p><b>{}</b> at {}</p><ul class="result">{}</ul></div>')
        blocks.append(block.format(first, when, lines or Markup("<li>There was no gap to fill.</li>")))
    return tiles.EMPTY.join(blocks)


def _failure(job: JobState) -> Markup:
    advice = "What had been filled before stays; Fill asks for the rest again."
    return Markup('<div class="banner stale" role="alert"><p><b>Filling failed.</b> {} {}</p></div>').format(
        job.text, advice
    )


def _line(told: dict[str, Any]) -> Markup:
    """One dataset's result."""
    sources = ", ".join(f"{count:,} from {source}" for source, count in told["by_source"].items())
    filled = f"{told['filled']:,} of {words.counted(told['requested'], 'interval')} filled"
    if not told["requested"]:
        filled = "no whole interval was missing"
    rest = (("absent", "absent at AEMO"), ("failed", "failed"), ("open", "still open: not every source was asked yet"))
    parts = [
        f"{filled} ({sources})" if sources else filled,
        *(f"{told[key]:,} {what}" for key, what in rest if told[key]),
        *([f"in {told['units_left']:,} single units have no row"] if told["units_left"] else []),
    ]
    reasons = told["reasons"]
    more = f" and {len(reasons) - _REASONS:,} more" if len(reasons) > _REASONS else ""
    why = Markup("<small>{}{}</small>").format("; ".join(reasons[:_REASONS]), more) if reasons else tiles.EMPTY
    line = Markup('<li><b>{}</b> <span class="{}">{}</span>{}</li>')
    return line.format(told["dataset"], "stale" if told["failed"] else "", ", ".join(parts), why)


def switch(on: bool) -> Markup:
    """Whether gaps are filled without being asked; a click asks for the other."""
    verb = "auto_off" if on else "auto_on"
    return Markup(
        '<button type="button" class="switch" role="switch" aria-checked="{}" data-verb="{}" data-subject=""'
        ' title="After start, after a sleep and daily in a quiet hour; single units are left to you">'
        '<i aria-hidden="true"></i>Fill gaps by itself: {}</button>'
    ).format("true" if on else "false", verb, "on" if on else "off")
