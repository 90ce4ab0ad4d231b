"""The pages that are looked at: ours, and the least that Panel can serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle

from benchmarks.browser import Thing
from benchmarks.servers import Server

OURS, BARE = "ours", "a bare Panel page"
Press = tuple[str, list[Thing]]  # the CSS selector of what is clicked, and what is to be seen then, one after the other


@dataclass(frozen=True)
class Site:
    """A page: what of it is the useful paint, what comes last on a first load; where to click, from `query` on, without end."""

    who: str
    server: Server
    painted: Thing
    whole: Thing
    query: str
    turns: Iterator[Press]
    presses: Iterator[Press]


def ours(server: Server, collectors: Sequence[str]) -> Site:
    """The turns lead away from the Collectors page and back again; the presses ask for dry runs."""
    turns = [(f"nav a[href='?page={title.lower()}']", [("h1", f"^{title}$")]) for title in ("Live", "Collectors")]
    presses = [_dry_run(name) for name in collectors]
    painted, last = ("article.tile p.big time", r"\d\d:\d\d"), (".legend .key b", r"\d")
    return Site(OURS, server, painted, last, "?page=collectors", cycle(turns), cycle(presses))


def _dry_run(collector: str) -> Press:
    """A button that does not look pressed any more; it does, or else its answer is there already; then its answer is there."""
    button, answer = f"button[data-verb=dry_run][data-subject={collector}]", f"^Dry run asked for {collector} at"
    first = f"{button}[aria-busy], [data-slot=answer] p", f"^Dry run$|{answer}"
    return f"{button}:not([aria-busy])", [first, ("[data-slot=answer] p", answer)]


def bare(server: Server) -> Site:
    """Its one button, which does not look pressed, stands for both kinds of clicks."""
    word = ".word", "hello"
    words = ([(".word", f"^hello {number}$")] for number in count(1))
    presses: Iterator[Press] = (("button.bk-btn", things * 2) for things in words)
    return Site(BARE, server, word, word, "", presses, presses)
