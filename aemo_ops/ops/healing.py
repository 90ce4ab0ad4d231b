"""Healing: fills gaps as a job, when asked and by itself: after start, after a sleep, and daily in a quiet time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, SettingsError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.nemweb.archive import Level
from aemo_ops.nemweb.client import Client
from aemo_ops.ops.backfill import Backfill
from aemo_ops.ops.board import AUTO
from aemo_ops.ops.fetching import Fetching
from aemo_ops.ops.jobs import CATCH_UP, Jobs, Progress
from aemo_ops.ops.landing import Ground
from aemo_ops.ops.replacing import apply
from aemo_ops.ops.request import Filled, Request
from aemo_ops.ops.validity import check
from aemo_ops.ops.workers import here, on_dask
from aemo_ops.store.state import State

HEAL = "heal"
CHECK = "check values"
# Of one heal that nobody asked for: a year of bundles, or a day and a third of one report's files in Current.
MOST_FILES = 400
_SLEPT = timedelta(minutes=25)  # NEM time between two beats after which files of Current may have been missed
_SETTLING = timedelta(minutes=6)  # NEM time after start or sleep: first the cycles, then what they left
_CHECKED_DAILY = timedelta(days=3)


def asked(subject: str, datasets: tuple[Dataset, ...]) -> Request:
    """The request that a command's subject tells as JSON (see `subject_of`); an empty one asks for all gaps."""
    try:
        told = json.loads(subject) if subject else {}
        since, until = (datetime.fromisoformat(told[key]) if told.get(key) else None for key in ("since", "until"))
        return Request(
            tuple(map(catalogue.dataset, told["datasets"])) if told.get("datasets") else datasets,
            since,
            until,
            tuple(map(Level, told["levels"])) if told.get("levels") else tuple(Level),
            told.get("most_files"),
            bool(told.get("soft", True)),
            workers=int(told.get("workers", 1)),
            dask=str(told.get("dask", "")),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError(f"this is no request to fill gaps: {subject[:200]!r} ({error})") from error


def subject_of(request: Request) -> str:
    """A request as the subject of a command."""
    return json.dumps(
        {
            "datasets": [dataset.name for dataset in request.datasets],
            "since": stamp(request.since) if request.since else None,
            "until": stamp(request.until) if request.until else None,
            "levels": [str(level) for level in request.levels],
            "most_files": request.most_files,
            "soft": request.soft,
            "workers": request.workers,
            "dask": request.dask,
        }
    )


class Healing:
    """Starts one heal at a time as a job; decides when one is due by itself. Results are facts of the State."""

    def __init__(
        self,
        ground: Ground,
        client: Client,
        clock: Clock,
        jobs: Jobs,
        state: State,
        event: Callable[[str, str, str], None],
        home: Path,
        gap_seconds: float,
        quiet_hour: float,
    ) -> None:
        self.ground = ground
        self._client = client
        self._clock = clock
        self._jobs = jobs
        self._state = state
        self._event = event
        self._home = home
        self._gap = gap_seconds
        self._quiet = timedelta(hours=quiet_hour)
        self._beat = clock.now()
        self._due: datetime | None = self._beat + _SETTLING

    def start(self, request: Request, title: str, command: int = 0) -> int:
        """Begin, as a command asked for it; the job's number. Raises SettingsError when gaps are being filled already."""
        if self._jobs.active(HEAL):
            raise SettingsError("gaps are being filled already; wait for that, or cancel it")
        return self._jobs.start(HEAL, title, lambda progress: self._deed(request, progress), asked=command)

    def apply(self, spool: str) -> int:
        """Begin to put a finished comparison's rows in place; the job's number. Raises SettingsError."""
        if self._jobs.active(HEAL):
            raise SettingsError("gaps are being filled already; wait for that, or cancel it")
        return self._jobs.start(
            HEAL, "Replacing rows", lambda progress: self._told(apply(self.ground, self._home, spool, progress))
        )

    def _told(self, text: str) -> str:
        self._event("replaced", "", text)
        return text

    def check_values(self, since: datetime | None) -> int:
        """Begin to look for values that look wrong, from `since` (None: all); the job's number. Raises SettingsError."""
        if self._jobs.active(CHECK):
            raise SettingsError("values are being looked through already")
        return self._jobs.start(
            CHECK, "Looking for values that look wrong", lambda p: self._looked(since, p), unit="files"
        )

    def _looked(self, since: datetime | None, progress: Progress) -> str:
        ground = self.ground
        text = check(
            ground.store,
            ground.findings,
            ground.datasets,
            since,
            self._clock.now(),
            ground.ledger.fallbacks,
            progress,
        )
        self._event("checked", "", text)
        return text

    def backfill(self, request: Request) -> Backfill:
        """The road for one undertaking. Raises SettingsError when its Dask cluster cannot be had."""
        workers = on_dask(request.dask) if request.dask else here(request.workers)
        return Backfill(self.ground, self._client, self._clock, Fetching(self._client, workers, self._gap))

    def _deed(self, request: Request, progress: Progress) -> str:
        try:
            results = self.backfill(request).run(request, progress)
        except AemoOpsError as error:
            self._event("failed", HEAL, str(error))
            raise
        self._state.put(
            "filled",
            "last",
            {
                "nem": stamp(self._clock.now()),
                "folder": str(self.ground.store.folder),
                "datasets": [asdict(r) for r in results],
            },
        )
        text = in_words(results, progress.cancelled)
        self._event("healed", "", text)
        return text

    def beat(self) -> None:
        """Called often: starts a heal when one is due and wished for."""
        now, before = self._clock.now(), self._beat
        self._beat = now
        if now - before > _SLEPT:
            self._due = now + _SETTLING
        quiet = now.replace(hour=0, minute=0, second=0, microsecond=0) + self._quiet
        if before < quiet <= now:
            self._due = now
            if self._state.wanted(AUTO) and not self._jobs.active(CHECK):
                self.check_values(now - _CHECKED_DAILY)
        if self._due is None or now < self._due or not self._state.wanted(AUTO):
            return
        if self._jobs.active(HEAL) or self._jobs.active(CATCH_UP):  # the catch-up reads the same files of Current
            return
        self._due = None
        request = Request(self.ground.datasets, most_files=MOST_FILES, soft=False)
        self.start(request, "Filling gaps by itself")


def in_words(results: list[Filled], cancelled: bool = False) -> str:
    """What came of a heal, in a sentence."""
    requested, filled = sum(r.requested for r in results), sum(r.filled for r in results)
    units, units_left = sum(r.units for r in results), sum(r.units_left for r in results)
    unfit = [f"{r.dataset} cannot be read: {r.problem}" for r in results if r.problem]
    if requested + units == 0:
        return "; ".join(unfit) or "no gaps to fill"
    sources: dict[str, int] = {}
    for result in results:
        for source, count in result.by_source.items():
            sources[source] = sources.get(source, 0) + count
    parts = [f"{filled:,} of {requested:,} intervals filled"]
    if sources:
        parts[0] += " (" + ", ".join(f"{count:,} from {source}" for source, count in sources.items()) + ")"
    rest = (
        (sum(r.absent for r in results), "not at AEMO"),
        (sum(r.failed for r in results), "failed"),
        (sum(r.open for r in results), "left open"),
    )
    for count, what in rest:
        if count:
            parts.append(f"{count:,} {what}")
    if units_left:
        parts.append(f"in {units_left:,} single units have no row")
    if estimates := sum(r.estimates for r in results):
        parts.append(f"in {estimates:,} an estimate stands for want of a measurement")
    return ("cancelled; " if cancelled else "") + "; ".join([", ".join(parts), *unfit])
