"""What the stages have in common: lines with a mark, plans, progress, forms that want a typed word, times and sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup

from aemo_ops.clock import to_nem
from aemo_ops.migrate.labels import clock
from aemo_ops.migrate.status import Doing, Status
from aemo_ops.ui import tiles, words

_BYTES = 10_000  # a total above it counts bytes
_MARKS = {"ok": ("✓", "fresh"), "bad": ("✗", "stale"), "wait": ("…", "late"), "note": ("·", "muted")}


def mark(kind: str, text: str | Markup) -> Markup:
    """A line with a mark: ok, bad, wait or note; the mark is doubled by its word for a screen reader."""
    sign, tone = _MARKS[kind]
    said = {"ok": "good", "bad": "not good", "wait": "waiting", "note": "note"}[kind]
    line = Markup('<li><span class="{}" role="img" aria-label="{}">{}</span> <span>{}</span></li>')
    return line.format(tone, said, sign, text if isinstance(text, Markup) else clock(text))


def marks(lines: Iterable[Markup]) -> Markup:
    return Markup('<ul class="marks">{}</ul>').format(tiles.EMPTY.join(lines))


def checks(status: Status, step: str) -> Markup:
    """Whether the step can be done now, and why not; while nobody has looked yet, that."""
    look = status.look
    if status.doing:
        return tiles.EMPTY
    if look is None or look.step != step:
        return marks([mark("wait", "looking …")])
    if not look.reason:
        return marks([mark("ok", "nothing stands in the way")])
    return marks(mark("wait" if look.later else "bad", part) for part in look.reason.split("; "))


def plan(status: Status, step: str) -> Markup:
    """What the step will do, line by line."""
    if status.look is None or status.look.step != step or not status.look.plan:
        return tiles.EMPTY
    return Markup("<h3>What this step does</h3>{}").format(listed(status.look.plan.splitlines()))


def listed(lines: Iterable[str]) -> Markup:
    """What will be done, as a list."""
    items = tiles.EMPTY.join(Markup("<li>{}</li>").format(clock(line)) for line in lines)
    return Markup('<ul class="plan">{}</ul>').format(items)


def ready(status: Status, step: str) -> bool:
    """Whether the step's button may be pressed."""
    look = status.look
    return status.doing is None and not status.elsewhere and look is not None and look.step == step and not look.reason


def progress(doing: Doing) -> Markup:
    """What goes on: how much, how fast, how long still, and Cancel."""
    share = min(100.0, 100 * doing.done / doing.total) if doing.total else 0.0
    parts = [counted(doing), doing.text, "stopping at the next safe point" if doing.cancelling else pace(doing)]
    cancel = tiles.button("cancel", "Cancel", whom=doing.title, off=doing.cancelling)
    return Markup(
        '<div class="banner calm" role="status"><div class="job"><div><b>{}</b> <span class="muted">{}</span></div>'
        '<div class="bar{}" role="progressbar" aria-valuenow="{:.0f}" aria-valuemin="0" aria-valuemax="100" '
        'aria-label="{}"><i style="width:{:.1f}%"></i></div>{}</div></div>'
    ).format(
        doing.title, " · ".join(part for part in parts if part), "" if doing.total else " unknown",
        share, doing.title, share, cancel,
    )  # fmt: skip


def counted(doing: Doing) -> str:
    if not doing.total:
        return ""
    if doing.total > _BYTES:
        return f"{words.size(doing.done)} of {words.size(doing.total)}"
    return f"{doing.done:,} of {doing.total:,}"


def pace(doing: Doing) -> str:
    """Rate and time left, once there is something to judge by."""
    if not doing.done or doing.total <= _BYTES or doing.seconds < 0.3:
        return ""
    rate = doing.done / doing.seconds
    left = (doing.total - doing.done) / rate
    return f"{words.size(rate)}/s · {words.seconds(left)} left"


def asked(verb: str, word: str, text: str, off: bool, answer: str = "") -> Markup:
    """A field for the word that a person must type, and the button that sends it, which opens when the word is right.

    The server looks at the word again. `answer`: what it said to the last one, told beside the field.
    """
    told = Markup('<p class="answer stale" role="alert">{}</p>').format(answer) if answer else tiles.EMPTY
    return Markup(
        '<div class="typed" data-form data-word="{}"{}><label><span>Type <b>{}</b> to go on</span>'
        '<input name="word" autocomplete="off" spellcheck="false" size="12"{}></label>'
        '<button type="button" class="danger" data-verb="{}" data-subject="" data-sends="form" disabled>{}</button>'
        '{}<p class="answer" role="status" data-hint></p></div>'
    ).format(word, Markup(" data-off") if off else tiles.EMPTY, word, _off(off), verb, text, told)


def _off(off: bool) -> Markup:
    return Markup(" disabled") if off else tiles.EMPTY


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[int] = ()) -> Markup:
    """A table of text; `numbers`: columns set to the right."""
    styles = ["number" if at in numbers else "" for at in range(len(headings))]
    head = tiles.EMPTY.join(
        Markup('<th class="{}">{}</th>').format(s, h) for s, h in zip(styles, headings, strict=True)
    )
    body = tiles.EMPTY.join(
        Markup("<tr>{}</tr>").format(
            tiles.EMPTY.join(Markup('<td class="{}">{}</td>').format(s, c) for s, c in zip(styles, row, strict=True))
        )
        for row in rows
    )
    whole = '<div class="wide"><table class="tight"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    return Markup(whole).format(head, body)


def when(at: str) -> Markup:
    """A real time of the journal, shown as NEM time, with the reader's own in the hover."""
    return tiles.clock_time(to_nem(datetime.fromisoformat(at)), "%d %b %H:%M:%S") if at else tiles.EMPTY


def evidence(status: Status, step: str) -> Mapping[str, Any]:
    """What a done step proved, empty where it is not done."""
    found = next((one for one in status.standings if one.name == step), None)
    return found.evidence if found else {}


def card(title: str, inside: Markup, note: str = "") -> Markup:
    return Markup('<section class="card"><h2>{} <small>{}</small></h2>{}</section>').format(title, note, inside)
