"""Cycles: the collectors that are due, one after the other, within a budget of requests; what is too much is caught up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import psutil

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, NemwebRefused, StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.nemweb.client import Client, Traffic
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops import logbook
from aemo_ops.ops.beginning import Beginning
from aemo_ops.ops.collected import Collected, Fetched
from aemo_ops.ops.collector import Collector
from aemo_ops.ops.freshness import under_way
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.watch import Versions
from aemo_ops.store.ledger import Fate, Ledger
from aemo_ops.store.merge import Merge
from aemo_ops.store.parquet import Store
from aemo_ops.store.state import State

BUDGET = 40  # requests a cycle; 48 in one cycle is known to have tripped NEMWEB's limit
BATCH = 12  # files that the catch-up merges at once
OVERDUE = 4.0  # burden of a file that is compacted in whatever cycle


class Cycles:
    """Runs collectors and writes down what came of it. One thing at a time: `turn` is held while files are merged.

    `event(kind, subject, text)` writes a line of the feed; `ended` says whether the process is to end: no more files then.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        datasets: tuple[Dataset, ...],
        client: Client,
        store: Store,
        ledger: Ledger,
        state: State,
        clock: Clock,
        versions: Versions,
        event: Callable[[str, str, str], None],
        ended: Callable[[], bool],
    ) -> None:
        self.collectors = collectors
        self.turn = threading.Lock()
        self.datasets = datasets
        self._client = client
        self._store = store
        self.ledger = ledger
        self._state = state
        self._clock = clock
        self._versions = versions
        self._event = event
        self._ended = ended
        self._backlog: dict[str, dict[str, Listing]] = {name: {} for name in collectors}
        self._beginning = Beginning(store, ledger)
        self._beginning.look(datasets)
        self._left = BUDGET
        self._due_left = 1
        self._results: list[Collected] = []

    @contextmanager
    def cycle(self, due: int) -> Iterator[list[Collected]]:
        """One cycle in which `due` collectors run; its results gather in the list."""
        with self.turn:
            started, nem = self._clock.monotonic(), self._clock.now()
            before = replace(self._client.traffic)
            self._left, self._due_left, self._results = BUDGET, due, []
            yield self._results
            self._tidy()
            self._record_cycle(nem, self._clock.monotonic() - started, before)

    def _tidy(self) -> None:
        """Compact the one file that wants it most, in a cycle that brought it nothing: the quietest moment for its readers.

        Where no cycle is quiet (a period of five minutes and more brings rows each time) it is done at OVERDUE all the same.
        """
        changed = {name for result in self._results for name, merge in result.merges.items() if merge.changed}
        burdens = {d.name: self._burden(d) for d in self.datasets}
        wanting = [d for d in self.datasets if burdens[d.name] >= (OVERDUE if d.name in changed else 1.0)]
        if not wanting:
            return
        dataset = max(wanting, key=lambda d: burdens[d.name])
        try:
            done = self._store.compact(dataset)
        except StoreError as error:
            self._event("failed", dataset.name, str(error))
            return
        except Exception as error:
            self._event("failed", dataset.name, logbook.unexpected(error, f"compacting {dataset.name}"))
            return
        self._versions.saw(self._store.path(dataset))
        text = f"{(done.before - done.after) / 1e6:,.1f} MB of dead bytes removed, {done.after / 1e6:,.1f} MB left"
        self._event("compacted", dataset.name, text)

    def _burden(self, dataset: Dataset) -> float:
        try:
            return self._store.burden(dataset)
        except StoreError:  # whoever merges into it will say what is wrong with it
            return 0.0

    def collect(self, name: str) -> None:
        """Run one collector inside a cycle: newest files first, its share of the budget, the rest into the backlog."""
        collector = self.collectors[name]
        share = max(2, self._left // max(1, self._due_left))
        self._due_left -= 1
        self._tell(name, state="running")
        started, nem = self._clock.monotonic(), self._clock.now()
        fact: dict[str, Any] = {
            "last_run": stamp(nem),
            "error": "",
            "state": "idle",
            "files": 0,
            "inserted": 0,
            "updated": 0,
        }
        asked = self._client.traffic.listings + self._client.traffic.files
        try:
            waiting = [entry for entry in collector.to_read() if entry.name not in self._backlog[name]]
            now, later = waiting[: share - 1], waiting[share - 1 :]
            fetched = collector.fetch(now, self._ended)
            collected = collector.take(fetched)
            self._backlog[name].update({entry.name: entry for entry in later})
            fact |= self._outcome(collected)
            if fetched.refused:
                raise fetched.refused
            if not fact["error"]:
                fact["last_success"] = stamp(nem)
        except NemwebRefused as error:
            fact |= {"state": "refused", "error": str(error)}
            self._event("refused", name, str(error))
        except AemoOpsError as error:
            fact |= {"state": "failed", "error": str(error)}
            self._event("failed", name, str(error))
        except Exception as error:  # those after it in the cycle run all the same
            fact |= {"state": "failed", "error": logbook.unexpected(error, f"collecting {name}")}
            self._event("failed", name, fact["error"])
        self._left -= self._client.traffic.listings + self._client.traffic.files - asked
        self._tell(name, **fact, seconds=round(self._clock.monotonic() - started, 3))

    def dry_run(self, name: str) -> str:
        """What the next run would read, in words. One request, nothing written."""
        waiting = self.collectors[name].to_read()
        if not waiting and (reasons := self.collectors[name].in_vain()):
            return f"would read nothing that is not read already: {' '.join(reasons)}"
        if not waiting:
            return "would read nothing: everything that Current holds is merged already"
        size = sum(entry.size or 0 for entry in waiting)
        return (
            f"would read {len(waiting)} file{'s' * (len(waiting) > 1)} ({size / 1000:,.0f} kB), from {waiting[-1].name} "
            f"to {waiting[0].name}, into {', '.join(self.collectors[name].feeds())}; nothing was written"
        )

    @property
    def backlog(self) -> int:
        """Files that wait for the catch-up. Those of a collector that was stopped wait for its start instead."""
        return sum(map(len, self._open().values()))

    def _open(self) -> dict[str, dict[str, Listing]]:
        return {name: entries for name, entries in self._backlog.items() if entries and self._state.wanted(name)}

    def forget_older(self, published: datetime) -> None:
        """Take out of the backlog what was published before; the next cycle lists it anew."""
        for entries in self._backlog.values():
            for name in [name for name, entry in entries.items() if entry.published < published]:
                del entries[name]

    def catch_up(self, progress: Progress, gap: float) -> str:
        """Take the backlog, the newest files of all reports first, one request each `gap` real seconds, cycles going first."""
        done, total = 0, self.backlog
        while (waiting := self._open()) and not progress.cancelled:
            first = {name: next(iter(entries.values())) for name, entries in waiting.items()}
            name = max(first, key=lambda name: first[name].published)
            batch = list(self._backlog[name].values())[:BATCH]
            refused = self._catch_up_batch(name, batch, progress, gap)
            if not refused:
                done += len(batch)
            total = max(total, done + self.backlog)
            progress.tell(done, total, f"{self.backlog:,} files of the last days left to read" if self.backlog else "")
            if refused and not progress.pause(max(1.0, self._client.refused_for)):
                break
        text = f"{done:,} files read" + (f", {self.backlog:,} left for later" if self.backlog else "")
        self._event("caught up", "", text)
        return text

    def _catch_up_batch(self, name: str, batch: list[Listing], progress: Progress, gap: float) -> bool:
        """Read one batch; whether NEMWEB refused. Files that failed leave the backlog: the next cycle lists them anew."""
        done, refused = batch, False
        try:
            received = self._received(name, batch, progress, gap)
            done, refused = [*received.bodies, *received.failures], received.refused is not None
            with self.turn:
                outcome = self._outcome(self.collectors[name].take(received), quiet=True)
        except AemoOpsError:
            raise
        except Exception as error:  # the batch is put aside: the others must not wait behind it for ever
            outcome = {"error": logbook.unexpected(error, f"catching up {name}")}
            self._event("failed", name, outcome["error"])
        told = {key: outcome[key] for key in ("error", "quarantined") if key in outcome}
        with self.turn:
            for entry in done:
                self._backlog[name].pop(entry.name, None)
            self._tell(name, **told, waiting=len(self._backlog[name]))
        return refused

    def _received(self, name: str, batch: list[Listing], progress: Progress, gap: float) -> Fetched:
        """The files of a batch, one request each `gap` real seconds, until NEMWEB refuses or somebody says stop."""
        collector = self.collectors[name]
        received = collector.fetch(batch[:1])
        for entry in batch[1:]:
            if received.refused or not progress.pause(gap) or not self._state.wanted(name):
                break
            more = collector.fetch([entry])
            received.bodies |= more.bodies
            received.failures |= more.failures
            received.refused = more.refused
        return received

    # what came of it ----------------------------------------------------------------------------------------------------
    def _outcome(self, collected: Collected, quiet: bool = False) -> dict[str, Any]:
        """Write events (`quiet`: of troubles only), last writes and advances; the collector's fact."""
        self._results.append(collected)
        rows, name = collected.rows, collected.report
        for dataset, merge in collected.merges.items():
            self._wrote(dataset, merge.seconds, merge.written)
        if collected.merged_files and not quiet:
            read: dict[str, Merge] = {}
            derived: dict[str, Merge] = {}
            for dataset, merge in collected.merges.items():
                (derived if catalogue.dataset(dataset).derived_from else read)[dataset] = merge
            text = f"{collected.merged_files} file{'s' * (collected.merged_files > 1)}"
            self._event("collected", name, f"{text}: {_in_words(read)}")
            if any(merge.changed for merge in derived.values()):
                self._event("derived", name, _in_words(derived))
        for reason in collected.rejected.values():
            self._event("rejected", name, reason)
        for told in collected.left_out.values():
            self._event("left out", name, told)
        for dataset, reason in collected.failed.items():
            self._event("failed", dataset, reason)
        error = next(iter([*collected.failed.values(), *collected.rejected.values()]), "")
        return {
            "files": collected.merged_files,
            "inserted": rows.inserted,
            "updated": rows.updated,
            "waiting": len(self._backlog[name]),
            "quarantined": self.ledger.count(name, Fate.QUARANTINED),
            "error": error,
            "state": "failed" if collected.failed else "idle",
        }

    def wrote_for(self, dataset: Dataset) -> None:
        """Somebody else of this process wrote a file, holding the turn: it is no stranger's doing."""
        self._versions.saw(self._store.path(dataset))
        self._beginning.wrote(dataset)

    def _wrote(self, name: str, seconds: float, written: int) -> None:
        dataset = catalogue.dataset(name)
        self._versions.saw(self._store.path(dataset))
        if written:
            self._beginning.wrote(dataset)
            self._state.put("write", name, {"ms": round(seconds * 1000, 1), "bytes": written})
            latest = self._whole_until(dataset)
            advances = self._state.advances(name, self._clock.now())
            if latest and (not advances or advances[-1][1] != latest):
                self._state.add_advance(name, self._clock.now(), latest)

    def _whole_until(self, dataset: Dataset) -> datetime | None:
        """The end of the file's last interval that is whole: a half hour under way does not make it any newer."""
        latest = self._store.latest(dataset)
        if latest is None or dataset.derived_from is None:
            return latest
        parent = self._store.latest(catalogue.dataset(dataset.derived_from))
        return latest - dataset.cadence if under_way(dataset, latest, parent) else latest

    def _record_cycle(self, nem: datetime, seconds: float, before: Traffic) -> None:
        traffic = self._client.traffic
        written = sum(result.rows.written for result in self._results)
        memory = psutil.Process().memory_info().rss
        self._state.add_cost(nem, round(seconds, 3), traffic.received - before.received, written, memory)
        last = self._state.facts("cycle").get("last", {})
        self._state.put(
            "cycle",
            "last",
            {
                "number": int(last.get("number", 0)) + 1,
                "nem": stamp(nem),
                "seconds": round(seconds, 3),
                "listings": traffic.listings - before.listings,
                "files": traffic.files - before.files,
                "downloaded": traffic.received - before.received,
                "inserted": sum(result.rows.inserted for result in self._results),
                "updated": sum(result.rows.updated for result in self._results),
                "rejected": sum(len(result.rejected) for result in self._results),
            },
        )

    def _tell(self, name: str, **facts: Any) -> None:
        known = self._state.facts("collector").get(name, {})
        self._state.put(
            "collector", name, {"datasets": self.collectors[name].feeds(), "state": "idle", **known, **facts}
        )

    def ready(self, name: str, following: datetime) -> None:
        """A collector is registered; what an earlier process said of it stands, but it is not running."""
        self._tell(name, state="idle", next_run=stamp(following))

    def schedule_told(self, name: str, following: datetime) -> None:
        """Write down when a collector runs next."""
        self._tell(name, next_run=stamp(following))


def _in_words(merges: Mapping[str, Merge]) -> str:
    added = ", ".join(f"{merge.inserted:,} in {dataset}" for dataset, merge in merges.items() if merge.inserted)
    changed = sum(merge.updated for merge in merges.values())
    return (f"new rows {added}" if added else "no new rows") + (f"; {changed:,} rows updated" if changed else "")
