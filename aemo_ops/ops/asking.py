"""Asking one source after the other: which files to fetch, landing what comes, and noting what was asked for in vain."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, SourceError, StoreError
from aemo_ops.files import failpoint
from aemo_ops.market import catalogue
from aemo_ops.market.intervals import DAY, HALF_HOUR, ceil, moment, nanoseconds
from aemo_ops.market.publication import last_of_each
from aemo_ops.nemweb.archive import Level, Offer, Shelves, assigned
from aemo_ops.nemweb.client import Client
from aemo_ops.ops.fetching import Errand, Fetching
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.landing import BATCH_ROWS, FIVE, Ground
from aemo_ops.ops.parsing import Parsed
from aemo_ops.ops.request import Request
from aemo_ops.ops.targets import Target
from aemo_ops.ops.wanted import Times, among, runs
from aemo_ops.store.ledger import Fate, LedgerRow

# Files that land in one merge. Each merge may copy the whole file it goes into, so few large ones write less than many small
# ones; but what has not landed is fetched again after a kill.
_TOGETHER = 8


class Asking:
    """Keeps which files an undertaking has asked for; no file is asked for twice.

    `bounded`: the request's bound on files left something unasked.
    """

    def __init__(self, ground: Ground, client: Client, clock: Clock, request: Request) -> None:
        self._ground = ground
        self._clock = clock
        self._request = request
        self._shelves = Shelves(client)
        self._tried: set[tuple[str, Offer]] = set()
        self._fetched = 0
        self.bounded = False

    def ask(self, level: Level, targets: Sequence[Target], fetching: Fetching, progress: Progress, by: str) -> None:
        """Ask a level for all that the targets want of it, until it has been asked for everything it may hold."""
        while not progress.cancelled and not self.bounded:
            errands = self._allowed(self.errands(level, targets))
            if not errands:
                break
            together: dict[Errand, Parsed] = {}
            for done, (errand, outcome) in enumerate(fetching.run(errands, progress), start=1):
                if isinstance(outcome, AemoOpsError):
                    for target in errands[errand]:
                        target.wanted.fail(_meant(errand, target), level, str(outcome))
                else:
                    together[errand] = outcome
                if len(together) >= _TOGETHER or _rows(together) > BATCH_ROWS // 2:
                    self._take(level, together, errands, by)
                    together = {}
                self._fetched += len(errand.offer.files)
                progress.tell(done, len(errands), f"{level}: {errand.offer.name}")
            self._take(level, together, errands, by)

    def _allowed(self, errands: dict[Errand, list[Target]]) -> dict[Errand, list[Target]]:
        """Of the errands, newest first, those whose files the request's bound still allows: at least one in all."""
        if self._request.most_files is None:
            return errands
        fetched = self._fetched + np.cumsum([len(errand.offer.files) for errand in errands])
        count = max(int(np.count_nonzero(fetched <= self._request.most_files)), int(self._fetched == 0))
        self.bounded |= count < len(errands)
        return dict(itertools.islice(errands.items(), count))

    def errands(self, level: Level, targets: Sequence[Target]) -> dict[Errand, list[Target]]:
        """One errand for each file that holds wanted intervals, newest first, with all targets that want some of it."""
        families: dict[str, list[Target]] = {}
        for target in targets:
            source = target.sources()[0]
            family = (source.mmsdm or "") if level is Level.MMSDM else source.report.name
            families.setdefault(family, []).append(target)
        errands: dict[Errand, list[Target]] = {}
        for family, several in families.items():
            errands |= self._family_errands(level, family, several)
        return dict(sorted(errands.items(), key=lambda item: item[0].offer.last, reverse=True))

    def _family_errands(self, level: Level, family: str, targets: Sequence[Target]) -> dict[Errand, list[Target]]:
        """The errands to the files of one report, or of one monthly table."""
        todo = [(target, target.wanted.todo(level, self._clock.now())) for target in targets]
        todo = [(target, ends) for target, ends in todo if len(ends)]
        if not todo:
            return {}
        every = np.unique(np.concatenate([ends for _, ends in todo]))
        lead = max(target.lead for target, _ in todo)
        try:
            offers = self._shelves.offers(
                todo[0][0].sources()[0], level, moment(int(every[0]) - lead), moment(int(every[-1]))
            )
        except SourceError as error:
            for target, ends in todo:
                target.wanted.fail(ends, level, str(error))
            return {}
        if level is Level.CURRENT:
            leading = np.unique((every[:, None] - np.arange(0, lead + 1, FIVE)).ravel())
            # A day of 288 files is one merge; a bound is kept to the half hour, whose six are of use only together.
            span = DAY if self._request.most_files is None else HALF_HOUR
            offers = _gathered([offer for offer in offers if nanoseconds(offer.first) in leading], span)
        merged = {file for target, _ in todo for file in self._merged_before(target, level)}
        fresh = [offer for offer in offers if (family, offer) not in self._tried and offer.name not in merged]
        chosen = assigned(fresh, every)
        listed = np.concatenate([np.array([], np.int64), *chosen.values()])
        for target, ends in todo:
            target.wanted.mark(target.wanted.at(level), ends[~np.isin(ends, listed)])
        errands = {}
        for offer, ends in chosen.items():
            self._tried.add((family, offer))
            wanting = [target for target, own in todo if np.isin(own, ends).any()]
            feeds = tuple(dict.fromkeys(feed for target in wanting for feed in target.feeds))
            errands[Errand(offer, feeds, int(ends[0]) - lead, int(ends[-1]))] = wanting
        return errands

    def _take(self, level: Level, together: dict[Errand, Parsed], errands: dict[Errand, list[Target]], by: str) -> None:
        """Land what came of some errands in every target that wants it, as if one came after the other.

        A target that fails stops no other.
        """
        landed: dict[tuple[Target, Errand], int] = {}
        for target in dict.fromkeys(target for errand in together for target in errands[errand]):
            own = {errand: parsed for errand, parsed in together.items() if target in errands[errand]}
            try:
                landed |= {(target, errand): count for errand, count in self._land(target, own).items()}
            except StoreError as error:
                for errand in own:
                    target.wanted.fail(_meant(errand, target), level, str(error))
        for errand, parsed in together.items():
            for target in errands[errand]:
                if (target, errand) in landed:
                    self._settle(level, errand, parsed, target, by)
                    if not self._request.replace:
                        self._record(level, errand, target, landed[target, errand])
            failpoint("backfill.merged")

    @staticmethod
    def _land(target: Target, together: dict[Errand, Parsed]) -> dict[Errand, int]:
        """Put the wanted rows of some errands, feed by feed; how many each had. Raises StoreError."""
        ends = target.wanted.ends[target.wanted.out]
        if target.lead:
            ends = np.unique((ends[:, None] - np.arange(6) * FIVE).ravel())
        counts = dict.fromkeys(together, 0)
        for feed in target.feeds:
            parts = []
            for errand, parsed in together.items():
                rows = parsed.rows[errand.feeds.index(feed)]
                # Not an estimate whose measurement did not come: what is there stays when the other is had from Archive.
                lost = [Asking._interval(name, target) for name, _ in parsed.lost]
                wanting = among(rows["settlementdate"], ends[~np.isin(ends, lost)])
                parts.append(rows if wanting.all() else rows.filter(pa.array(wanting)))
                counts[errand] += parts[-1].num_rows
            # The newest errand is the first: where two files hold a key, the row of the later one counts.
            rows = pa.concat_tables(parts[::-1])
            target.landing.put(rows if len(parts) == 1 else last_of_each(rows, catalogue.dataset(feed.dataset)))
        return counts

    def _settle(self, level: Level, errand: Errand, parsed: Parsed, target: Target, by: str) -> None:
        """What the file filled, and what it left wanting although it holds that time."""
        wanted = target.wanted
        low, high = errand.first, errand.last
        if (
            level is not Level.MMSDM
        ):  # a month is asked for as a month; a bundle's edges are known when it has been read
            low, high = max(low, parsed.first or high), min(high, parsed.last or low)
        everything = wanted.within(errand.first, errand.last)
        wanted.filled(target.landing.left(wanted.ends[everything]), everything, by)
        for name, reason in (*parsed.rejected, *parsed.lost):
            wanted.fail(self._lost_with(name, target, errand), level, reason)
        within = wanted.within(low, high)
        lacking = wanted.ends[within][wanted.out[within] & ~wanted.failed[within]]
        wanted.mark(wanted.at(level), lacking)
        if self._request.replace:
            return
        beyond = wanted.ends[everything][wanted.out[everything] & ~wanted.at(level)[everything]]
        for what, ends in ((str(level), lacking), (_edge(level), beyond)):
            spans = [(moment(first), moment(last)) for first, last in runs(ends, wanted.dataset)]
            self._ground.absences.add_vain(wanted.dataset.name, what, errand.offer.name, spans)

    def _merged_before(self, target: Target, level: Level) -> set[str]:
        """Files that this undertaking, before it was killed, merged although they end before their name says."""
        return {file for *_, file in self._ground.absences.vain(target.wanted.dataset.name, _edge(level))}

    @staticmethod
    def _lost_with(name: str, target: Target, errand: Errand) -> Times:
        """The interval ends that a file held that cannot be used: one, by the name of a report file, else all that was meant."""
        try:
            end = Asking._interval(name, target)
        except ValueError:
            return _meant(errand, target)
        return np.array([end + (-end) % target.wanted.dataset.step])  # of a half hour, any of the six

    @staticmethod
    def _interval(name: str, target: Target) -> int:
        """The interval end, in nanoseconds, that a report file holds. Raises ValueError for the name of a bundle."""
        return nanoseconds(target.sources()[0].report.interval(name))

    def _record(self, level: Level, errand: Errand, target: Target, rows: int) -> None:
        now = self._clock.now()
        report = target.sources()[0].report.name
        self._ground.ledger.record(
            LedgerRow(
                file=file.name, dataset=target.wanted.dataset.name, report=report, fate=Fate.MERGED,
                interval=errand.offer.last, published=file.published, at=now, source=str(level), size=file.size, rows=rows,
            )
            for file in errand.offer.files
            if level is not Level.CURRENT
        )  # fmt: skip


def _rows(together: dict[Errand, Parsed]) -> int:
    return sum(table.num_rows for parsed in together.values() for table in parsed.rows)


def _edge(level: Level) -> str:
    """Under which word it is remembered that a file does not reach to an interval that its name promises."""
    return f"{level}, edge"


def _gathered(offers: Sequence[Offer], span: timedelta) -> list[Offer]:
    """Current's files, those of one day or of one half hour together."""
    together: dict[datetime, list[Offer]] = {}
    for offer in offers:
        together.setdefault(ceil(offer.last, span), []).append(offer)
    return [_together(several) for several in together.values()]


def _together(offers: Sequence[Offer]) -> Offer:
    files = sorted((file for offer in offers for file in offer.files), key=lambda file: file.order)
    first, last = min(offer.first for offer in offers), max(offer.last for offer in offers)
    return Offer(Level.CURRENT, tuple(files), first, last, first, last)


def _meant(errand: Errand, target: Target) -> Times:
    return target.wanted.ends[target.wanted.within(errand.first, errand.last)]
