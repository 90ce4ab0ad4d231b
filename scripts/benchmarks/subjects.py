"""What scripts/bench measures: for each subject how, the figures it is to reach, and why it is not measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks import backfill, copy, gaps, goals, store, ui, year
from benchmarks.table import Figure, Goal, Results, Row, Watched
from benchmarks.workshop import Workshop


@dataclass(frozen=True)
class Subject:
    """`refused` says why it cannot be measured at all, empty when it can; then `run` and `goals` are not called."""

    run: Callable[[Workshop], Iterable[Row | Watched | Figure]] = lambda _shop: ()
    goals: Callable[[Results], Iterable[Goal]] = lambda _found: ()
    refused: Callable[[], str] = lambda: ""


SUBJECTS = {
    "store": Subject(lambda shop: store.run([shop.ordinary, shop.reflink], shop.base, shop.plan), goals.store),
    "gaps": Subject(lambda shop: gaps.run(shop.ordinary, shop.base, shop.plan), goals.gap_scans, gaps.refused),
    "copy": Subject(lambda shop: copy.run(shop.ordinary, shop.plan), goals.copies),
    "ui": Subject(lambda shop: ui.run(shop.ordinary, shop.folder / "base", shop.plan), goals.pages, ui.refused),
    "year": Subject(lambda shop: year.run(shop.ordinary, shop.folder / "base", shop.plan), goals.year, ui.refused),
    "backfill": Subject(lambda shop: backfill.run(shop.ordinary, shop.plan), goals.backfills),
}
