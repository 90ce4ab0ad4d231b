"""Small shared views: markup for chips, headings, times and links, with every datum escaped by Markup.format."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from markupsafe import Markup

from aemo_ops.clock import stamp
from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.snapshot import Cycle, DatasetState, Event, JobState
from aemo_ops.ui import words

EMPTY = Markup("")
_ON_DISK = "On disk. A file also holds dead bytes, of rows that were written anew, until a quiet cycle removes them."
# Where an event of a kind, or a failure of a deed, is told about at length; of all others, on the collectors' page.
_PAGES = {
    HEAL: "gaps", "healed": "gaps", "replaced": "gaps", "checked": "gaps", "changed": "gaps", "settings": "gaps",
    "adopted": "settings", "compacted": "performance",
}  # fmt: skip
_TONES = {"suspicious": "late", "unknown": "stale", "empty": "calm"}


def chip(state: str, word: str = "") -> Markup:
    """A state as shape, word and colour."""
    tone = _TONES.get(state, state)
    shape = words.SHAPES.get(state, "●")
    text = word or state.capitalize()
    return Markup('<span class="chip {}"><span aria-hidden="true">{}</span> {}</span>').format(tone, shape, text)


def clock_time(nem: datetime | None, style: str = "%H:%M") -> Markup:
    """A NEM time that shows the reader's local time when hovered."""
    if nem is None:
        return Markup('<span class="muted">never</span>')
    return Markup('<time datetime="{}+10:00">{}</time>').format(stamp(nem), nem.strftime(style))


def moment(nem: datetime | None, now: datetime) -> Markup:
    """A NEM time, with its date where that is not today's."""
    return clock_time(nem, "%H:%M:%S" if nem is None or nem.date() == now.date() else "%d %b %H:%M")


def heading(title: str, note: str = "", legend: Markup = EMPTY) -> Markup:
    return Markup('<h2>{} <small>{}</small></h2><div class="legend">{}</div>').format(title, note, legend)


def legend(items: Iterable[tuple[str, str, str]]) -> Markup:
    """(colour, name, value) of each line of a chart."""
    key = Markup('<span class="key"><i style="background:{}"></i>{} <b>{}</b></span>')
    return EMPTY.join(key.format(colour, name, value) for colour, name, value in items)


def button(
    verb: str, text: str, subject: str = "", whom: str | None = None, kind: str = "", off: bool = False
) -> Markup:
    """A button of a Board; `whom` names the subject to a screen reader where the subject itself does not."""
    label = f"{text} {subject if whom is None else whom}".strip()
    return Markup(
        '<button type="button" class="{}" data-verb="{}" data-subject="{}" aria-label="{}"{}>{}</button>'
    ).format(kind, verb, subject, label, Markup(" disabled") if off else EMPTY, text)


def link(page: str, text: str) -> Markup:
    return Markup('<a href="?page={}" data-go="{}">{}</a>').format(page, page, text)


def tile(dataset: DatasetState, now: datetime) -> Markup:
    fresh = dataset.freshness
    if fresh.latest is None:
        why = fresh.reason or "no row yet"
        latest = Markup('<p class="big">--<span>{}</span></p>').format(why)
        times = Markup("<p>fed by {}</p>").format(dataset.collector or dataset.derived_from or "no collector")
    else:
        today = fresh.latest.date() == now.date()
        words_after = "latest interval" if today else f"{fresh.latest:%d %b %Y}, latest"
        latest = Markup('<p class="big">{}<span>{}</span></p>').format(clock_time(fresh.latest, "%H:%M"), words_after)
        due = clock_time(fresh.due) if fresh.due else EMPTY
        times = Markup("<p>age {} · due {}</p>").format(words.age(dataset, now), due)
    write = f"last write {dataset.write_ms:.0f} ms" if dataset.write_ms is not None else "not written since start"
    return Markup('<header><h3 title="{}">{}</h3>{}</header>{}{}<p>{}</p><p>{}</p>').format(
        f"{dataset.title}: {dataset.path}", dataset.name, chip(fresh.state), latest, times, _extent(dataset), write
    )


def _extent(dataset: DatasetState) -> Markup:
    if dataset.rows is None or dataset.size is None:
        return Markup("its rows are not known")
    if not dataset.size:
        return Markup("no file yet")
    told = '{:,} rows · <span title="{}">{}</span>'
    return Markup(told).format(dataset.rows, _ON_DISK, words.size(dataset.size))


def cycle(last: Cycle | None) -> Markup:
    if last is None:
        return Markup("<header><h3>This cycle</h3></header><p>None yet. The first one starts by itself.</p>")
    rejected = Markup('<b class="stale">rejected {:,}</b>' if last.rejected else "rejected {:,}").format(last.rejected)
    return Markup(
        "<header><h3>This cycle</h3></header><p>{}, {} s, number {:,}</p><p>{}, {}, {}</p>"
        "<p>inserted {:,} · updated {:,} · {}</p>"
    ).format(
        clock_time(last.nem, "%H:%M:%S"), f"{last.seconds:.1f}", last.number,
        words.counted(last.listings, "listing"), words.counted(last.files, "file"), words.size(last.downloaded),
        last.inserted, last.updated, rejected,
    )  # fmt: skip


def events(feed: Iterable[Event], now: datetime) -> Markup:
    """Newest first; each leads to the page that tells more of it."""
    row = Markup('<li><span class="when">{}</span><span class="kind {}">{}</span><span>{} {}</span></li>')
    items = [row.format(moment(e.nem, now), _tone(e.kind), e.kind, _where(e), e.text) for e in feed]
    empty = Markup('<p class="empty">Nothing has happened yet. The first cycle writes the first line here.</p>')
    return Markup('<ol class="feed">{}</ol>').format(EMPTY.join(items)) if items else empty


def _where(event: Event) -> Markup:
    page = _PAGES.get(event.subject if event.kind == "failed" else event.kind, "collectors")
    return link(page, event.subject if event.subject not in ("", HEAL) else page.capitalize())


def _tone(kind: str) -> str:
    if kind in {"rejected", "failed"}:
        return "stale"
    return "late" if kind in {"refused", "stopped"} else ""


def job(state: JobState) -> Markup:
    """A long deed with its progress in numbers, and Cancel while it can be."""
    share = min(100.0, 100 * state.done / state.total) if state.total else 0.0
    alive = state.state in {"waiting", "running"}
    cancel = button("cancel", "Cancel", str(state.number), state.title) if alive else EMPTY
    return Markup(
        '<li class="job"><div><b>{}</b> <span class="muted">{}, {:,} of {:,} {}{}</span></div>'
        '<div class="bar" role="progressbar" aria-valuenow="{:.0f}" aria-valuemin="0" aria-valuemax="100" '
        'aria-label="{}"><i style="width:{:.1f}%"></i></div>{}</li>'
    ).format(
        state.title, state.state, state.done, state.total, state.unit, f" · {state.text}" if state.text else "",
        share, state.title, share, cancel,
    )  # fmt: skip


def tone(state: str) -> str:
    """The colour class of a state."""
    return _TONES.get(state, state)
