"""The Collectors page: what each collector does, its deeds, every file it met, and the log."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import panel as pn
from markupsafe import Markup
from panel_material_ui import Select, TextInput

from aemo_ops.ops.snapshot import CollectorState, Snapshot
from aemo_ops.store.ledger import Fate, LedgerRow
from aemo_ops.ui import theme, tiles, words
from aemo_ops.ui.answer import Answer
from aemo_ops.ui.board import Board, card, stack
from aemo_ops.ui.model import Model
from aemo_ops.ui.table import Table

FILES, LINES = 200, 80
_ANY = "any"
_BELOW = (12, 0, 0, 0)
_FATES = [_ANY, *Fate]
_TONES = {Fate.MERGED: "fresh", Fate.REJECTED: "stale", Fate.QUARANTINED: "stale", Fate.GONE: "late"}
_COLUMNS = [
    ["File", "file"],
    ["Dataset", "text"],
    ["Fate", "fate"],
    ["Met (NEM)", "text"],
    ["Rows", "number"],
    ["Bytes", "number"],
    ["Reason", "wide"],
]
_DEEDS = {
    "start": "Start",
    "stop": "Stop",
    "run_now": "Run now",
    "dry_run": "Dry run",
    "cancel": "Cancel",
    "retry": "Retry",
}


class Collectors:
    """Built when first opened; `refresh` on a new Snapshot, `tick` every second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._asked = ""
        self._result = Answer(model, self._show)
        self._cycle_read: tuple[int, int] | None = None
        self._top = Board(_LAYOUT, on_click=self._click)
        self._log = Board(Markup('<h2>Log <small>newest last</small></h2><div class="log" data-slot="log"></div>'))
        self._text = TextInput(label="Search name or reason", width=260, margin=(0, 8, 0, 0), **theme.FIELD)  # type: ignore[no-untyped-call]
        self._report = Select(
            label="Collector", options=[_ANY], value=_ANY, width=180, margin=(0, 8, 0, 0), **theme.FIELD
        )  # type: ignore[no-untyped-call]
        self._fate = Select(label="Fate", options=_FATES, value=_ANY, width=160, margin=0, **theme.FIELD)  # type: ignore[no-untyped-call]
        self._files = Table(columns=_COLUMNS, empty="Reading the ledger …")
        for widget, name in ((self._text, "value_input"), (self._report, "value"), (self._fate, "value")):
            widget.param.watch(self._search, name)
        self.view = self._view()
        self._show()

    def _view(self) -> pn.viewable.Viewable:
        filters = pn.Row(self._text, self._report, self._fate, margin=(10, 0, 8, 0))
        head = Board(
            Markup(f"<h2>Files <small>met, and what became of them; the {FILES} newest that match</small></h2>")
        )
        ledger = card(head, filters, self._files, margin=_BELOW)
        log = card(self._log, margin=_BELOW)
        return stack(self._top, ledger, log)

    def refresh(self) -> None:
        self._show()
        self._result.follow()
        self._model.fetch(partial(self._model.console.log, LINES), self._show_log, "log")
        snapshot = self._model.snapshot
        mark = (snapshot.cycle.number if snapshot.cycle else 0, len(snapshot.events) and snapshot.events[-1].number)
        if mark != self._cycle_read:
            self._cycle_read = mark
            self._search()

    def tick(self) -> None:
        self._show()

    def _click(self, verb: str, subject: str) -> None:
        """Says at once what was asked; what came of it follows."""
        whom = f"job {subject}" if verb == "cancel" else subject or "all collectors"
        self._asked = f"{_DEEDS.get(verb, verb)} asked for {whom} at {self._model.now:%H:%M:%S}."
        self._result.ask(verb, subject)
        self._show()

    def _show(self) -> None:
        snapshot, now = self._model.snapshot, self._model.now
        names = [_ANY, *(c.name for c in snapshot.collectors)]
        if names != self._report.options:  # a folder that was adopted meanwhile
            self._report.options = names
        rows = [_row(c, now) for c in snapshot.collectors]
        jobs = [tiles.job(job) for job in snapshot.jobs]
        working = Markup('<section class="card"><h2>Jobs <small>newest first</small></h2><ul>{}</ul></section>').format(
            tiles.EMPTY.join(jobs)
        )
        self._top.fill(
            {
                "sentence": Markup.escape(_sentence(snapshot)),
                "all": _all(snapshot) if snapshot.collectors else tiles.EMPTY,
                "answer": self._answer(),
                "rows": tiles.EMPTY.join(rows) or _NONE,
                "jobs": working if jobs else tiles.EMPTY,
            }
        )

    def _answer(self) -> Markup:
        if not self._asked:
            return tiles.EMPTY
        lines = (self._result.text or "").splitlines() or ["Its result appears here."]
        said = tiles.EMPTY.join(Markup("<p>{}</p>").format(line) for line in (self._asked, *lines))
        return Markup('<div class="banner calm" role="status">{}</div>').format(said)

    def _wanted(self) -> tuple[str, str, str]:
        """Text, report and fate; empty where all pass."""
        report, fate = ("" if choice == _ANY else str(choice) for choice in (self._report.value, self._fate.value))
        return self._text.value_input or "", report, fate

    def _search(self, *_events: object) -> None:
        text, report, fate = self._wanted()
        read = partial(self._model.console.files, text, report, fate, FILES)
        self._model.fetch(read, partial(self._show_files, (text, report, fate)), "ledger")

    def _show_files(self, asked: tuple[str, str, str], found: list[LedgerRow]) -> None:
        if asked != self._wanted():  # another was asked for meanwhile
            return
        filtered = any(asked)
        self._files.empty = (
            "No file matches: clear the search or choose any."
            if filtered
            else "No file met yet: the first cycle fills this."
        )
        rows = [_cells(row) for row in found]
        if rows != self._files.rows:
            self._files.rows = rows

    def _show_log(self, lines: list[str]) -> None:
        empty = "The log is empty: it fills with the first cycle."
        self._log.fill({"log": Markup("<pre>{}</pre>").format("\n".join(lines) or empty)})


_LAYOUT = Markup(
    '<div class="top"><div><h1>Collectors</h1><p class="lead" data-slot="sentence"></p></div>'
    '<div class="deeds" data-slot="all"></div></div>'
    '<div data-slot="answer"></div>'
    '<section class="card spaced"><table><thead><tr><th>Collector</th><th>State</th><th>Last run</th><th>Next run</th>'
    '<th class="number">Files</th><th class="number">Rows in</th><th class="number">Waiting</th><th>Actions</th></tr>'
    '</thead><tbody data-slot="rows"></tbody></table></section><div class="spaced" data-slot="jobs"></div>'
)
_NONE = Markup('<tr><td colspan="8" class="empty">Each report that feeds a dataset gets its collector here.</td></tr>')
_STATES = {"idle": "fresh", "running": "fresh", "stopped": "calm", "refused": "late", "failed": "stale"}
_WORDS = {"idle": "Waiting", "running": "Running", "stopped": "Stopped", "refused": "Refused", "failed": "Failed"}


def _sentence(snapshot: Snapshot) -> str:
    if not snapshot.adopted:
        return words.NOT_ADOPTED
    if not snapshot.collectors:
        return (
            "No collector runs yet; the notice above says why." if snapshot.reason else "The collectors are starting."
        )
    stopped = [c for c in snapshot.collectors if not c.wanted]
    failed = [c for c in snapshot.collectors if c.error]
    if failed:
        return f"{failed[0].name} has a problem: {failed[0].error}"
    if stopped:
        return f"{words.counted(len(stopped), 'collector')} stopped: {', '.join(c.name for c in stopped)}."
    return f"All {words.counted(len(snapshot.collectors), 'collector')} run on schedule. Nothing to do."


def _all(snapshot: Snapshot) -> Markup:
    running = [c for c in snapshot.collectors if c.wanted]
    start = tiles.button("start", "Start all", off=len(running) == len(snapshot.collectors))
    stop = tiles.button("stop", "Stop all", off=not running)
    return start + stop + tiles.button("dry_run", "Dry run all") + tiles.button("run_now", "Run all now", kind="main")


def _row(c: CollectorState, now: datetime) -> Markup:
    took = Markup("<small>{} s</small>").format(f"{c.seconds:.1f}") if c.seconds is not None else tiles.EMPTY
    coming = tiles.moment(c.next_run, now) if c.wanted and c.next_run else Markup('<span class="muted">none</span>')
    held = tiles.EMPTY
    if c.quarantined:
        held = Markup('<small class="stale">{:,} held back</small>').format(c.quarantined)
        held += tiles.button("retry", "Retry", c.name)
    state = tiles.chip(_STATES.get(c.state, "calm"), _WORDS.get(c.state, c.state))
    cells = Markup(
        "<tr><td><b>{}</b><small>{}</small><small>feeds {}</small></td><td>{}</td><td>{}{}</td><td>{}</td>"
        '<td class="number">{:,}</td><td class="number">{:,}<small>{:,} updated</small></td>'
        '<td class="number">{:,}{}</td><td>{}</td></tr>'
    ).format(
        *(c.name, c.title, ", ".join(c.datasets) or "nothing yet", state, tiles.moment(c.last_run, now), took, coming),
        *(c.files, c.inserted, c.updated, c.waiting, held, _deeds(c)),
    )
    return cells + _why(c, now)


def _why(c: CollectorState, now: datetime) -> Markup:
    """A collector's error in a row of its own, with when it last went well."""
    if not c.error:
        return tiles.EMPTY
    line = Markup('<tr class="why"><td colspan="8"><span class="stale">{}</span> Last success: {}.</td></tr>')
    return line.format(c.error, tiles.moment(c.last_success, now))


def _deeds(c: CollectorState) -> Markup:
    return Markup('<div class="deeds">{}{}{}{}</div>').format(
        tiles.button("start", "Start", c.name, off=c.wanted),
        tiles.button("stop", "Stop", c.name, off=not c.wanted),
        tiles.button("run_now", "Run now", c.name),
        tiles.button("dry_run", "Dry run", c.name),
    )


def _cells(row: LedgerRow) -> list[object]:
    fate = [_TONES[row.fate], str(row.fate)]
    return [row.file, row.dataset, fate, row.at.isoformat(" ", "seconds"), row.rows, row.size, row.reason]
