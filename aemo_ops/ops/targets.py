"""Targets: which interval ends an undertaking is after, and where their rows land."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset, Source
from aemo_ops.market.derive import first_of_six
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.ops.completeness import Presence
from aemo_ops.ops.derivation import derive
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.landing import FIVE, HALF, Ground, Landing, Means, Own, Trading, estimated, outstanding
from aemo_ops.ops.listing import OWN
from aemo_ops.ops.parsing import Feed
from aemo_ops.ops.replacing import Compared
from aemo_ops.ops.request import Request
from aemo_ops.ops.verdicts import TOO_YOUNG
from aemo_ops.ops.wanted import Left, Wanted, covered, runs


@dataclass(eq=False)
class Target:
    """A Wanted, where its rows land, and which feeds it reads. Two are the same only where they are one."""

    wanted: Wanted
    landing: Landing
    feeds: tuple[Feed, ...]
    lead: int = 0  # nanoseconds before an interval end whose rows are needed too (a half hour's first five)

    def sources(self) -> tuple[Source, ...]:
        return tuple(feed.source for feed in self.feeds)


class Targets:
    """`all`: the targets for what AEMO publishes; `halves`: what is wanted of half-hour files, by name.

    `problems`: of which datasets nothing is wanted, since a file cannot be read, and why.
    """

    def __init__(self, ground: Ground, clock: Clock, request: Request, spool: Path | None) -> None:
        self._ground = ground
        self._clock = clock
        self._request = request
        self._spool = spool
        self.all: list[Target] = []
        self.halves: dict[str, Wanted] = {}
        self.problems: dict[str, str] = {}
        self._prepare()

    def _prepare(self) -> None:
        for dataset in self._request.datasets:
            try:
                self._ground.gaps.began(catalogue.origin(dataset))
                wanting = self._wanting(dataset)
            except StoreError as error:  # of one file; the others are filled all the same
                self.problems[dataset.name] = str(error)
                continue
            if dataset.derived_from:
                self.halves[dataset.name] = Wanted.of(dataset, dataset.fallbacks, wanting)
            else:
                self._add(dataset, wanting, self._landing(dataset))

    def _landing(self, dataset: Dataset) -> Landing:
        if self._spool is not None:
            return Compared(self._ground.store, dataset, self._spool)
        return Own(self._ground, dataset)

    def _wanting(self, dataset: Dataset) -> Left:
        """The interval ends of the request that the file lacks and that may be asked for again."""
        gaps, now = self._ground.gaps, self._clock.now()
        began = gaps.began(dataset)
        since = self._request.since or (began - dataset.cadence if began else None)
        if since is None:
            return Left(np.array([], np.int64))
        until = min(self._request.until or now, now)
        found = gaps.judged(dataset, gaps.held(dataset), since, until)
        if self._request.replace:
            return Left(found.ends[found.states != Presence.NOT_DUE])
        known = gaps.explanations(dataset)
        remembered, due_again = (
            covered(found.ends, [a for a in known if keep(a)])
            for keep in (lambda _: True, lambda a: a.again is not None and a.again <= now)
        )
        # A span that is named is asked for whatever is remembered of it.
        ask_again = ~remembered | due_again | (self._request.since is not None)
        chosen = np.isin(found.ends, found.outstanding) | (ask_again & (found.states == Presence.ABSENT))
        chosen &= self._request.soft | ~found.soft
        # A measurement may come some time after its estimate: until then there is nothing to ask for.
        guessed = estimated(self._ground.ledger, found) & (found.ends <= nanoseconds(now - TOO_YOUNG))
        chosen |= guessed
        return Left(found.ends[chosen], found.ends[chosen & (found.units_only | guessed)])

    def _add(self, dataset: Dataset, wanting: Left, landing: Landing) -> None:
        if len(wanting.ends):
            feeds = tuple(Feed(dataset.name, place) for place in range(len(dataset.sources)))
            self.all.append(Target(Wanted.of(dataset, dataset.sources, wanting), landing, feeds))

    def derive_own(self, progress: Progress) -> None:
        """Half hours whose six are in our own file need nobody else."""
        for wanted in self.halves.values():
            parent = catalogue.dataset(wanted.dataset.derived_from or "")
            for first, last in runs(wanted.ends, wanted.dataset):
                for begin in range(first, last + 1, 48 * HALF):
                    end = min(begin + 47 * HALF, last)
                    if progress.cancelled:
                        return
                    touched = pa.table(
                        {"settlementdate": pa.array(np.arange(begin, end + 1, HALF), pa.timestamp("ns"))}
                    )
                    with self._ground.turn():
                        derive(self._ground.store, self._ground.ledger, parent, wanted.dataset, touched)
                        self._ground.wrote(wanted.dataset)
            self.count(wanted, OWN)

    def count(self, wanted: Wanted, by: str) -> None:
        """Note what of half hours is there by now, thanks to a source."""
        wanted.filled(outstanding(self._ground, wanted.dataset, wanted.ends), slice(0, len(wanted.ends)), by)

    def lend(self) -> None:
        """Half hours that are still wanting want their 5-minute intervals: into their file, or, before it begins, as means."""
        for wanted in self.halves.values():
            parent = catalogue.dataset(wanted.dataset.derived_from or "")
            ends = wanted.ends[wanted.out]
            fives = np.unique((ends[:, None] - np.arange(6) * FIVE).ravel())
            began = self._ground.gaps.began(parent)
            own = self._own_target(parent)
            if own is not None:
                fives = fives[~np.isin(fives, own.wanted.ends)]
            edge = np.datetime64(began, "ns").astype(np.int64) if began else np.iinfo(np.int64).max
            if self._request.since is not None and parent in self._request.datasets:
                edge = 0
            inside = outstanding(self._ground, parent, fives[fives >= edge])
            if own is not None and len(inside.ends):
                self.all.remove(own)
                before = own.wanted
                inside = Left(np.union1d(inside.ends, before.ends), np.union1d(inside.units, before.ends[before.units]))
            self._add(parent, inside, Own(self._ground, parent))
            # The half hour that the file begins in the middle of is made from all six, too.
            before_it = first_of_six(fives + (-fives) % HALF) < edge
            self._add(parent, Left(fives[before_it]), Means(self._ground, wanted.dataset))

    def fail_halves(self) -> None:
        """A half hour whose 5-minute intervals could not all be had this time is not known to be absent."""
        for target in self.all:
            fives = target.wanted
            ends = fives.ends[fives.out & fives.failed]
            for wanted in self.halves.values():
                if wanted.dataset.derived_from == fives.dataset.name:
                    lacking = np.isin(wanted.ends, ends + (-ends) % HALF) & wanted.out
                    wanted.failed |= lacking
                    wanted.troubles |= fives.troubles if lacking.any() else {}

    def _own_target(self, dataset: Dataset) -> Target | None:
        return next((t for t in self.all if t.wanted.dataset == dataset and isinstance(t.landing, Own)), None)

    def fallbacks(self) -> list[Target]:
        """Half hours that no 5-minute rows could be had for: the targets of TradingIS."""
        found = []
        for wanted in self.halves.values():
            feeds = tuple(Feed(wanted.dataset.name, at, fallback=True) for at in range(len(wanted.dataset.fallbacks)))
            if feeds and wanted.out.any():
                found.append(Target(wanted, Trading(self._ground, wanted.dataset), feeds, lead=5 * FIVE))
        return found
