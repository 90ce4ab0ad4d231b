"""Backfill: fetch what is wanted of the past from Current, Archive and MMSDM, each file once, and merge it.

The way of one file: offer -> bytes (the one client, politely) -> rows (an executor: processes here, or a cluster) -> merged
in batches under the engine's turn -> half hours derived -> ledger. What was merged is not wanted any more, and what a file
left wanting is remembered, so no undertaking fetches a file for what it is known not to have: one that was killed goes on
where it was, and a later one asks only whom nobody asked, and what was published again.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from aemo_ops.clock import Clock
from aemo_ops.errors import SettingsError
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import moment, nanoseconds
from aemo_ops.nemweb.archive import Level
from aemo_ops.nemweb.client import Client
from aemo_ops.ops.asking import Asking
from aemo_ops.ops.expected import Holes, without
from aemo_ops.ops.fetching import Fetching
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.landing import Ground, Own
from aemo_ops.ops.replacing import Compared, Difference, close_spool
from aemo_ops.ops.request import Filled, Plan, Request
from aemo_ops.ops.targets import Targets
from aemo_ops.ops.verdicts import absences, final
from aemo_ops.ops.wanted import Left, Times, Wanted, runs
from aemo_ops.store.absences import Absence

FALLBACK = "trading"
_LONG_GONE = timedelta(days=100)  # Current keeps no file of the datasets for so long
_ROW_BYTES = 6  # a row of a sealed scada file on disk, and of its half-hour file
_USUAL_DUIDS = 500


class Backfill:
    """One undertaking at a time, on one Ground."""

    def __init__(self, ground: Ground, client: Client, clock: Clock, fetching: Fetching) -> None:
        self._ground = ground
        self._client = client
        self._clock = clock
        self._fetching = fetching

    def plan(self, request: Request) -> Plan:
        """What a run would fetch, by the sources that should have it; asks for listings only."""
        pause = self._fetching.gap_seconds
        return Undertaking(self._ground, self._client, self._clock, request, pause=pause).plan()

    def compare(self, request: Request, progress: Progress, spool: Path) -> list[Difference]:
        """Fetch everything of a span and compare it; nothing is merged. Raises SettingsError without a span of base files."""
        if request.since is None or any(dataset.derived_from for dataset in request.datasets):
            raise SettingsError(
                "to replace rows, name a span and files that AEMO publishes; half-hour files follow theirs"
            )
        undertaking = Undertaking(self._ground, self._client, self._clock, request, spool)
        with self._fetching:
            undertaking.run(self._fetching, progress)
        differences = undertaking.differences()
        if not progress.cancelled:
            close_spool(spool, differences)
        return differences

    def run(self, request: Request, progress: Progress) -> list[Filled]:
        """Fill what can be filled; what came of each dataset of the request. Raises StoreError, NemwebUnavailable."""
        undertaking = Undertaking(self._ground, self._client, self._clock, request)
        with self._fetching:
            return undertaking.run(self._fetching, progress)


class Undertaking:
    """A request being carried out."""

    def __init__(
        self,
        ground: Ground,
        client: Client,
        clock: Clock,
        request: Request,
        spool: Path | None = None,
        pause: float = 0.0,
    ) -> None:
        self._ground = ground
        self._clock = clock
        self._request = request
        self._pause = pause
        self._targets = Targets(ground, clock, request, spool)
        self._asking = Asking(ground, client, clock, request)

    def run(self, fetching: Fetching, progress: Progress) -> list[Filled]:
        targets, request = self._targets, self._request
        targets.derive_own(progress)
        targets.lend()
        for level in request.levels:
            self._asking.ask(level, targets.all, fetching, progress, str(level))
            for wanted in targets.halves.values():
                targets.count(wanted, str(level))
        fallbacks = targets.fallbacks()
        for level in request.levels:
            self._asking.ask(level, fallbacks, fetching, progress, FALLBACK)
        targets.fail_halves()
        asked_everybody = request.levels == tuple(Level) and not self._asking.bounded and not progress.cancelled
        if asked_everybody and not request.replace:
            self._conclude()
        return self._results(asked_everybody)

    # the end ------------------------------------------------------------------------------------------------------------
    def _conclude(self) -> None:
        """Remember what no source has, with its reason; what is there by now is forgotten."""
        now = self._clock.now()
        concluded = [target.wanted for target in self._targets.all if isinstance(target.landing, Own)]
        for wanted in [*concluded, *self._targets.halves.values()]:
            dataset = wanted.dataset
            kept = _apart_from(wanted, self._ground.gaps.absences(dataset))
            holes = self._holes(dataset, wanted.ends[wanted.out])
            self._ground.absences.replace(dataset.name, [*kept, *absences(wanted, holes, now)])
        self._ground.absences.forget_asked(Level.CURRENT, now - _LONG_GONE)

    def _holes(self, dataset: Dataset, ends: Times) -> Holes:
        """Where keys are wanting, from the first to the last of some interval ends: whole intervals, then single ids."""
        if len(ends) == 0:
            return []
        gaps = self._ground.gaps
        since, until = moment(int(ends[0])) - dataset.cadence, moment(int(ends[-1]))
        found = gaps.judged(dataset, gaps.held(dataset), since, until)
        whole = [("", first, last) for first, last in runs(found.ends[found.present == 0], dataset)]
        step = dataset.step
        return [*whole, *without(gaps.wanting(dataset, int(ends[0]), int(ends[-1])), whole, step)]

    def _results(self, asked_everybody: bool) -> list[Filled]:
        problems = self._targets.problems
        results = {d.name: Filled(d.name, problem=problems.get(d.name, "")) for d in self._request.datasets}
        for wanted in [
            *(t.wanted for t in self._targets.all if isinstance(t.landing, Own)),
            *self._targets.halves.values(),
        ]:
            filled = results.get(wanted.dataset.name)
            if filled is None:
                continue
            hard, soft = wanted.hard, wanted.out & ~wanted.hard
            single = wanted.units & (wanted.dataset.ids is None)
            filled.requested += int(np.count_nonzero(~single))
            filled.filled += int(np.count_nonzero(~single & np.where(wanted.units, ~wanted.out, ~hard)))
            filled.failed += int(np.count_nonzero((hard | wanted.units) & wanted.out & wanted.failed))
            absent = int(np.count_nonzero(hard & final(wanted, self._clock.now()))) if asked_everybody else 0
            filled.absent += absent
            filled.open += int(np.count_nonzero(hard & ~wanted.failed)) - absent
            filled.units += int(np.count_nonzero(single))
            if wanted.dataset.ids is None:
                filled.units_left += int(np.count_nonzero(soft))
            else:
                filled.estimates += int(np.count_nonzero(soft))
            for source, count in wanted.by_source.items():
                filled.by_source[source] = filled.by_source.get(source, 0) + count
            filled.reasons += list(dict.fromkeys(wanted.troubles.values()))[:20]
        return list(results.values())

    def differences(self) -> list[Difference]:
        return [target.landing.difference for target in self._targets.all if isinstance(target.landing, Compared)]

    def plan(self) -> Plan:
        """What would be fetched if each source had what it is known to keep."""
        self._targets.lend()
        files: dict[str, tuple[str, str, int]] = {}
        intervals: dict[str, dict[str, int]] = {}
        for level in self._request.levels:
            for target in self._targets.all:
                wanted = target.wanted
                before = wanted.todo(level, self._clock.now())
                for errand in self._asking.errands(level, [target]):
                    files |= {file.url: (str(level), file.name, file.size or 0) for file in errand.offer.files}
                held = before[~np.isin(before, wanted.ends[wanted.at(level)])]
                left = wanted.ends[~np.isin(wanted.ends, held)]
                wanted.filled(Left(left), slice(0, len(wanted.ends)), str(level))
        for target in self._targets.all:
            told = intervals.setdefault(target.wanted.dataset.name, {})
            for source, count in target.wanted.by_source.items():
                told[source] = told.get(source, 0) + count
            told["none"] = told.get("none", 0) + int(np.count_nonzero(target.wanted.out))
        rows = sum(len(t.wanted.ends) * _ids(t.wanted.dataset, self._ground) for t in self._targets.all)
        folder = self._ground.store.folder
        there = next(path for path in (folder, *folder.parents) if path.is_dir())
        free = shutil.disk_usage(there).free
        return Plan(tuple(files.values()), intervals, rows * _ROW_BYTES, free, len(files) * self._pause)


def _apart_from(wanted: Wanted, known: Sequence[Absence]) -> list[Absence]:
    """What was known to be absent of intervals that this undertaking did not ask for."""
    step = wanted.dataset.step
    asked = [("", first, last) for first, last in runs(wanted.ends, wanted.dataset)]
    return [
        replace(absence, first=moment(first), last=moment(last))
        for absence in known
        for _, first, last in without(
            [(absence.id, nanoseconds(absence.first), nanoseconds(absence.last))], asked, step
        )
    ]


def _ids(dataset: Dataset, ground: Ground) -> int:
    """How many rows an interval has."""
    if dataset.ids is not None:
        return len(dataset.ids)
    extent = ground.store.extent(dataset)
    first, latest = extent.first, extent.latest
    if first is None or latest is None:
        return _USUAL_DUIDS
    return max(1, extent.rows // max(1, int((latest - first) / dataset.cadence) + 1))
