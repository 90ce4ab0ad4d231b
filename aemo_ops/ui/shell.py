"""The shell: header, side bar and the pages, each built when it is first opened and kept while the tab lives."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import panel as pn
import param
from markupsafe import Markup
from panel.custom import JSComponent
from panel.util.parameters import edit_readonly
from panel_material_ui.template.base import Page

from aemo_ops.ops.snapshot import Snapshot
from aemo_ops.ui import theme, tiles, words
from aemo_ops.ui.board import Board, stack
from aemo_ops.ui.collectors import Collectors
from aemo_ops.ui.contact import Contact
from aemo_ops.ui.gaps import GapsPage
from aemo_ops.ui.live import Live
from aemo_ops.ui.migration import Migration, short
from aemo_ops.ui.model import Console, Model
from aemo_ops.ui.notice import Notice
from aemo_ops.ui.performance import Performance
from aemo_ops.ui.settings import SettingsPage
from aemo_ops.ui.surveyor import Surveyor
from aemo_ops.ui.tour import OVER, Tour


class Screen(Protocol):
    """What the shell asks of a page; only the one in sight is asked."""

    @property
    def view(self) -> pn.viewable.Viewable: ...

    def refresh(self) -> None:
        """The Snapshot or the Survey is new, or the page has just come into sight."""
        ...

    def tick(self) -> None:
        """Another second has passed."""
        ...


@dataclass(frozen=True)
class Entry:
    """A page of the side bar. `attention` says why it wants a look, empty when it does not.

    What a Snapshot does not tell, a page leaves in the model's `notices`.
    """

    key: str
    title: str
    build: Callable[[Model], Screen]
    attention: Callable[[Snapshot], str]


def _live_attention(snapshot: Snapshot) -> str:
    bad = words.troubled(snapshot)
    return f"{words.counted(len(bad), 'dataset')} not fresh" if bad else ""


def _collectors_attention(snapshot: Snapshot) -> str:
    bad = [c.name for c in snapshot.collectors if c.error or not c.wanted]
    return f"{', '.join(bad)} stopped or failing" if bad else ""


ENTRIES = (
    Entry("live", "Live", Live, _live_attention),
    Entry("gaps", "Gaps", GapsPage, lambda _snapshot: ""),
    Entry("collectors", "Collectors", Collectors, _collectors_attention),
    Entry("migration", "Migration", Migration, lambda _snapshot: ""),
    Entry("performance", "Performance", Performance, lambda _snapshot: ""),
    Entry("settings", "Settings", SettingsPage, lambda _snapshot: ""),
)


class Nav(JSComponent):
    """The side bar's links; owns the browser's address, history, title and the cookies that remember the theme and the tour."""

    entries = param.List(default=[])
    page = param.String()
    in_sight = param.Dict(default=theme.IN_SIGHT)
    out_of_sight = param.Dict(default=theme.OUT_OF_SIGHT)
    dark = param.Boolean()
    toured = param.String(doc="how far the visitor has come in the tour")

    _esm = Path(__file__).parent / "nav.js"
    _bundle = _esm
    _stylesheets: ClassVar[list[Any]] = [Path(__file__).parent / "ui.css"]


class Shell:
    """Joins the model to header, side bar and the page in sight."""

    def __init__(self, console: Console) -> None:
        self._model = Model(console)
        self._open: dict[str, Screen] = {}
        self._frames: dict[str, pn.Column] = {}
        self._seen = False
        self._entries = {entry.key: entry for entry in ENTRIES}
        self._nav = Nav(page=_asked_page(self._entries), sizing_mode="stretch_width", margin=0)  # type: ignore[no-untyped-call]
        self._head = Board(_HEAD)
        self._contact = Contact(self._model.now)
        toured = _toured()
        goes_on = console.demo and toured != OVER
        self._tour = Tour(toured, lambda stop: self._nav.param.update(toured=stop)) if goes_on else None
        self._notice = Notice(self._model)
        self._surveyor = Surveyor(self._model)
        above = [self._tour.view] if self._tour else []
        self._main = stack(*above, self._notice.view, margin=(18, 22, 28, 22), stylesheets=[theme.WHOLE, theme.AWAY])
        self._show_head()
        self._show_page()
        self._nav.param.watch(lambda _event: self._turn(), "page")
        self._model.param.watch(lambda *_events: self._refresh(), ["snapshot", "move", "problem", "survey"])
        self._model.param.watch(lambda _event: self._tick(), "now")
        pn.state.onload(self._loaded)

    def page(self) -> Page:
        dark = _asked_theme() == "dark"
        entry = self._entries[self._nav.page]
        page = Page(  # type: ignore[no-untyped-call]
            header=[self._head], sidebar=[self._nav, self._contact], main=[self._main], theme_config=theme.CONFIG, sx=theme.FRAME,
            stylesheets=[theme.CSS], sidebar_width=196, sidebar_resizable=False, sidebar_variant="permanent",
            busy_indicator=None, dark_theme=dark, raw_css=[theme.loading(dark)],
            meta_title=f"{entry.title} - AEMO Ops", meta_name="AEMO Ops", favicon=theme.asset("favicon.svg"),
        )  # fmt: skip
        with edit_readonly(page):  # else the server's own state holds on to every page ever shown, with its plots
            page.busy = pn.rx(False)  # type: ignore[no-untyped-call]
        self._nav.dark = dark
        page.param.watch(lambda event: self._nav.param.update(dark=event.new), "dark_theme")
        return page

    def _loaded(self) -> None:
        self._seen = True
        self._show_page()
        self._model.join()
        self._surveyor.look()

    def _screen(self) -> Screen:
        return self._open[self._nav.page]

    def _turn(self) -> None:
        """The browser asks for another page; one that it asks for while it still loads, `_loaded` shows."""
        if self._seen:
            self._show_page()

    def _show_page(self) -> None:
        key = self._nav.page
        if key not in self._open:
            self._open[key] = self._entries[key].build(self._model)
            self._frames[key] = stack(
                self._open[key].view,
                name=f"page {key}",  # by which nav.js finds it
                stylesheets=[theme.WHOLE, theme.SIGHT],
            )
            self._main.append(self._frames[key])
        if self._seen:  # before that, what is sent to the browser may be lost
            self._screen().refresh()
        for name, frame in self._frames.items():
            # Not `visible`: at each change of that, every plot of the page is laid out anew.
            frame.styles = theme.IN_SIGHT if name == key else theme.OUT_OF_SIGHT

    def _refresh(self) -> None:
        self._show_head()
        self._screen().refresh()
        self._surveyor.look()

    def _tick(self) -> None:
        self._contact.beat(self._model.now)
        self._show_head()
        self._screen().tick()
        self._surveyor.look()

    def _show_head(self) -> None:
        snapshot, now = self._model.snapshot, self._model.now
        state, first, rest = words.whole(snapshot, now)
        moving = short(self._model.move)
        self._model.notices["migration"] = moving
        rest = " · ".join(part for part in (rest, moving) if part)
        line = Markup('<span class="{}">{}</span> · {}').format(tiles.tone(state), first, rest)
        clock = Markup("NEM time (UTC+10)<br><b>{}</b> {}").format(
            tiles.clock_time(now, "%H:%M:%S"), f"{now:%a %d %b %Y}"
        )
        self._head.fill({"state": line, "clock": clock})
        self._notice.show()
        entries = [{"key": e.key, "title": e.title, "attention": self._attention(e)} for e in ENTRIES]
        if entries != self._nav.entries:
            self._nav.entries = entries

    def _attention(self, entry: Entry) -> str:
        return entry.attention(self._model.snapshot) or self._model.notices.get(entry.key, "")


def _logo() -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(theme.asset("logo.svg").read_bytes()).decode()


_HEAD = Markup(
    '<div class="head"><a class="name" href="?page=live" data-go="live"><img src="{}" alt="">AEMO Ops</a>'
    '<div class="away" role="alert" data-contact></div><div class="state" role="status" data-slot="state"></div>'
    '<div class="clock" data-slot="clock"></div></div>'
).format(_logo())


def _asked_page(known: dict[str, Any]) -> str:
    """The page that the address names, Live for none or an unknown one."""
    asked = pn.state.session_args.get("page", [b""])[0].decode(errors="replace")
    return asked if asked in known else "live"


def _toured() -> str:
    return str(pn.state.cookies.get("aemo_ops_tour", "")) if pn.state.cookies else ""


def _asked_theme() -> str:
    return str(pn.state.cookies.get("aemo_ops_theme", "light")) if pn.state.cookies else "light"


def page(console: Console) -> Page:
    """A browser tab's page on the engine behind `console`; to be made servable by app.py."""
    return Shell(console).page()


def trouble(error: Exception) -> Page:
    """What a visitor sees when there is no engine to show: why, and what to do."""
    text = Markup(
        '<h1>AEMO Ops cannot start</h1><p>{}</p><p class="muted">No file was changed. Correct it, then load this page again.</p>'
    ).format(error)
    return Page(  # type: ignore[no-untyped-call]
        header=[Board(_HEAD)], main=[pn.Column(Board(text), margin=(18, 22))], theme_config=theme.CONFIG, sx=theme.FRAME,
        stylesheets=[theme.CSS], busy_indicator=None, dark_theme=_asked_theme() == "dark",
        meta_title="Cannot start - AEMO Ops", meta_name="AEMO Ops", favicon=theme.asset("favicon.svg"),
    )  # fmt: skip
