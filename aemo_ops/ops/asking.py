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
from aemo_ops.ops.memory import Memory, Recalled
from aemo_ops.ops.parsing import Parsed
from aemo_ops.ops.request import Request
from aemo_ops.ops.targets import Target
from aemo_ops.ops.wanted import Times, among
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
        self._memory = Memory(ground.absences)
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
            families.setdefault(_family(level, target), []).append(target)
        errands: dict[Errand, list[Target]] = {}
        for family, several in families.items():
            errands |= self._family_errands(level, family, several)
        return dict(sorted(errands.items(), key=lambda item: item[0].offer.last, reverse=True))

    def _family_errands(self, level: Level, family: str, targets: Sequence[Target]) -> dict[Errand, list[Target]]:
        """The errands to the files of one report, or of one monthly table."""
        todo = {target: target.wanted.todo(level, self._clock.now()) for target in targets}
        todo = {target: ends for target, ends in todo.items() if len(ends)}
        if not todo:
            return {}
        every = np.unique(np.concatenate(list(todo.values())))
        lead = max(target.lead for target in todo)
        source = next(iter(todo)).sources()[0]
        try:
            offers = self._shelves.offers(source, level, moment(int(every[0]) - lead), moment(int(every[-1])))
        except SourceError as error:
            for target, ends in todo.items():
                target.wanted.fail(ends, level, str(error))
            return {}
        recalled = {target: self._recall(level, family, target, ends) for target, ends in todo.items()}
        if level is Level.CURRENT:
            for target in todo:
                todo[target] = _not_known(target, offers, recalled[target])
            # A day of 288 files is one merge; a bound is kept to the half hour, whose six are of use only together.
            span = DAY if self._request.most_files is None else HALF_HOUR
            offers = _gathered(_leading(offers, list(todo.values()), lead), span)
        offers = [offer for offer in offers if (family, offer) not in self._tried]
        chosen: dict[Offer, dict[Target, Times]] = {}
        for target, ends in todo.items():
            for offer, own in self._assigned(level, target, offers, ends, recalled[target]).items():
                chosen.setdefault(offer, {})[target] = own
        errands = {}
        for offer, wanting in chosen.items():
            self._tried.add((family, offer))
            feeds = tuple(dict.fromkeys(feed for target in wanting for feed in target.feeds))
            first, last = min(int(own[0]) for own in wanting.values()), max(int(own[-1]) for own in wanting.values())
            errands[Errand(offer, feeds, first - lead, last)] = list(wanting)
        return errands

    def _recall(self, level: Level, family: str, target: Target, ends: Times) -> Recalled:
        if self._request.replace:
            return Recalled(ends, np.zeros(len(ends), np.int64))
        return self._memory.recall(level, family, target, ends)

    @staticmethod
    def _assigned(
        level: Level, target: Target, offers: Sequence[Offer], ends: Times, recalled: Recalled
    ) -> dict[Offer, Times]:
        """Which offer to ask for which of the target's ends; those that are listed by none, or were asked for, are marked."""
        passed = {offer: recalled.left_by(offer, beyond=True) for offer in offers}
        chosen = assigned(offers, ends, passed)
        for offer, own in chosen.items():
            chosen[offer] = own[~np.isin(own, recalled.left_by(offer))]
        to_ask = np.concatenate([np.array([], np.int64), *chosen.values()])
        target.wanted.mark(target.wanted.at(level), recalled.ends[~np.isin(recalled.ends, to_ask)])
        return {offer: own for offer, own in chosen.items() if len(own)}

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
                        self._record(level, errand, parsed, target, landed[target, errand])
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
                lost = [nanoseconds(target.sources()[0].report.interval(name)) for name, _ in parsed.lost]
                wanting = among(rows["settlementdate"], ends[~np.isin(ends, lost)])
                parts.append(rows if wanting.all() else rows.filter(pa.array(wanting)))
                counts[errand] += parts[-1].num_rows
            # The newest errand is the first: where two files hold a key, the row of the later one counts.
            rows = pa.concat_tables(parts[::-1])
            rows = rows if len(parts) == 1 else last_of_each(rows, catalogue.dataset(feed.dataset))
            target.landing.put(rows, feed.source)
        return counts

    def _settle(self, level: Level, errand: Errand, parsed: Parsed, target: Target, by: str) -> None:
        """What the file filled, and what it left wanting although it holds that time."""
        wanted = target.wanted
        low, high = _reached(errand, parsed)
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
        left = {file: (lacking, beyond) for file in errand.offer.files}
        if level is Level.CURRENT:  # where each file is of one interval
            ends = {file: np.array([_end_of(file.name, target)]) for file in left}
            left = {file: (end[np.isin(end, lacking)], beyond[:0]) for file, end in ends.items()}
        self._memory.note(level, _family(level, target), target, left, self._clock.now())

    @staticmethod
    def _lost_with(name: str, target: Target, errand: Errand) -> Times:
        """The interval ends that a file held that cannot be used: one, by the name of a report file, else all that was meant."""
        try:
            return np.array([_end_of(name, target)])
        except ValueError:
            return _meant(errand, target)

    def _record(self, level: Level, errand: Errand, parsed: Parsed, target: Target, rows: int) -> None:
        now = self._clock.now()
        dataset = target.wanted.dataset.name
        self._ground.ledger.mark_blank(dataset, parsed.blank.get(dataset, ()))
        report = target.sources()[0].report.name
        self._ground.ledger.record(
            LedgerRow(
                file=file.name, dataset=dataset, report=report, fate=Fate.MERGED,
                interval=errand.offer.last, published=file.published, at=now, source=str(level), size=file.size, rows=rows,
            )
            for file in errand.offer.files
            if level is not Level.CURRENT
        )  # fmt: skip


def _rows(together: dict[Errand, Parsed]) -> int:
    return sum(table.num_rows for parsed in together.values() for table in parsed.rows)


def _family(level: Level, target: Target) -> str:
    """The report whose files a target is after, or the monthly table."""
    source = target.sources()[0]
    return (source.mmsdm or "") if level is Level.MMSDM else source.report.name


def _reached(errand: Errand, parsed: Parsed) -> tuple[int, int]:
    """The first and the last interval end of an errand that its files can be said to have, or to lack.

    A file of Current is of one interval, a month is asked for as a month; where a bundle begins and ends, or how far a
    month goes on, is known from the rows.
    """
    offer = errand.offer
    if offer.level is Level.CURRENT:
        return errand.first, errand.last
    first = errand.last + 1 if parsed.first is None else parsed.first
    last = errand.first - 1 if parsed.last is None else parsed.last
    if offer.level is Level.MMSDM:
        first, last = min(first, nanoseconds(offer.first)), max(last, nanoseconds(offer.last))
    return max(errand.first, first), min(errand.last, last)


def _end_of(name: str, target: Target) -> int:
    """The interval end of a target that a report file, by its name, is of. Raises ValueError for the name of a bundle."""
    end = nanoseconds(target.sources()[0].report.interval(name))
    return end + (-end) % target.wanted.dataset.step  # of a half hour, any of the six


def _not_known(target: Target, offers: Sequence[Offer], recalled: Recalled) -> Times:
    """The ends for which not all files of Current were asked: one that is new needs those beside it too."""
    fresh = [recalled.ends[:0]]
    listed: dict[int, list[Offer]] = {}
    for offer in offers:
        listed.setdefault(_end_of(offer.name, target), []).append(offer)
    for end in recalled.ends.tolist():
        known = [end in recalled.left_by(offer) for offer in listed.get(end, [])]
        if not known or not all(known):
            fresh.append(np.array([end]))
    return np.concatenate(fresh)


def _leading(offers: Sequence[Offer], several: Sequence[Times], lead: int) -> list[Offer]:
    """The files of Current that hold some interval ends, or what leads to them."""
    ends = np.unique(np.concatenate(several))
    leading = set((ends[:, None] - np.arange(0, lead + 1, FIVE)).ravel().tolist())
    return [offer for offer in offers if nanoseconds(offer.first) in leading]


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
