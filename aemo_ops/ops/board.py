"""Builds the Snapshot from files and state: the same road for the process that collects and for those that observe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops import freshness
from aemo_ops.ops.snapshot import CollectorState, Cycle, DatasetState, Event, JobState, Snapshot
from aemo_ops.ops.standing import Standing
from aemo_ops.ops.watch import Identity, identity
from aemo_ops.store.parquet import Extent, Store
from aemo_ops.store.state import State

EVENTS = 60
AUTO = "auto-heal"  # the wish that gaps be filled by itself


class Board:
    """Reads each file's footer once per version of the file."""

    def __init__(
        self, datasets: Sequence[Dataset], store: Store, state: State, clock: Clock, thresholds: freshness.Thresholds
    ) -> None:
        self._datasets = datasets
        self._store = store
        self._state = state
        self._clock = clock
        self._thresholds = thresholds
        self._reports = [report.name for report in catalogue.collected(datasets)]
        self._extents: dict[str, tuple[Identity | None, Extent | str]] = {}
        self._version = 0

    def extent(self, dataset: Dataset) -> Extent | str:
        """The file's extent, or in words why it cannot be read."""
        now = identity(self._store.path(dataset))
        known = self._extents.get(dataset.name)
        if known and known[0] == now:
            return known[1]
        try:
            extent: Extent | str = self._store.extent(dataset)
        except StoreError as error:
            extent = str(error)
        self._extents[dataset.name] = (now, extent)
        return extent

    def freshness(self, dataset: Dataset) -> freshness.Freshness:
        extent, now = self.extent(dataset), self._clock.now()
        if isinstance(extent, str):
            return freshness.unknown(dataset, extent)
        latest = extent.latest
        if latest is not None and self._under_way(dataset, latest):
            # Its partial mean is there for readers already, but a file is as fresh as its last whole half hour.
            if extent.first != latest:
                latest -= dataset.cadence
            elif latest > now:
                return replace(
                    freshness.judge(dataset, None, now, self._thresholds), reason="its first half hour is under way"
                )
        judged = freshness.judge(dataset, latest, now, self._thresholds)
        return freshness.with_oldest(judged, extent.first) if extent.first else judged

    def _under_way(self, dataset: Dataset, latest: datetime) -> bool:
        if dataset.derived_from is None:
            return False
        parent = self.extent(catalogue.dataset(dataset.derived_from))
        return not isinstance(parent, str) and freshness.under_way(dataset, latest, parent.latest)

    def snapshot(self, standing: Standing, jobs: Sequence[JobState] = (), problems: Sequence[str] = ()) -> Snapshot:
        self._version += 1
        facts = self._state.facts("collector")
        collectors = tuple(self._collector(name, facts[name]) for name in self._reports if name in facts)
        writes = self._state.facts("write")
        cycle = self._state.facts("cycle").get("last")
        told = [JobState(**fact) for fact in self._state.facts("job").values()]
        job_states = tuple(jobs) or tuple(sorted(told, key=lambda job: job.number, reverse=True))
        return Snapshot(
            now=self._clock.now(),
            role=standing.role,
            reason=standing.reason,
            holder=standing.holder,
            folder=str(self._store.folder),
            adopted=standing.adopted,
            next_cycle=min((c.next_run for c in collectors if c.next_run and c.wanted), default=None),
            cycle=Cycle(**{**cycle, "nem": datetime.fromisoformat(cycle["nem"])}) if cycle else None,
            datasets=tuple(self._dataset(d, collectors, writes.get(d.name, {})) for d in self._datasets),
            collectors=collectors,
            events=tuple(Event(*row) for row in reversed(self._state.events(EVENTS))),
            jobs=job_states,
            version=self._version,
            problems=tuple(problems),
            auto_heal=self._state.wanted(AUTO),
        )

    def _dataset(self, dataset: Dataset, collectors: Sequence[CollectorState], write: dict[str, Any]) -> DatasetState:
        extent = self.extent(dataset)
        tile = DatasetState(
            name=dataset.name,
            title=dataset.title,
            path=str(self._store.path(dataset)),
            cadence_minutes=int(dataset.cadence.total_seconds() // 60),
            freshness=self.freshness(dataset),
            write_ms=write.get("ms"),
            collector=next((c.name for c in collectors if dataset.name in c.datasets), ""),
            derived_from=dataset.derived_from,
        )
        if isinstance(extent, str):
            return tile
        return replace(tile, rows=extent.rows, first=extent.first, size=extent.size)

    def _collector(self, name: str, fact: dict[str, Any]) -> CollectorState:
        times = {
            key: datetime.fromisoformat(fact[key]) for key in ("last_run", "next_run", "last_success") if fact.get(key)
        }
        wanted = self._state.wanted(name)
        state = fact["state"] if wanted or fact["state"] == "running" else "stopped"
        return CollectorState(
            **{
                **fact,
                **times,
                "name": name,
                "title": catalogue.report(name).title,
                "datasets": tuple(fact["datasets"]),
                "wanted": wanted,
                "state": state,
            }
        )
