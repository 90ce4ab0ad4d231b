"""Engine: the one thread that collects, whatever pages come and go. It knows nothing of browsers.

A collector is a periodic callback registered with the engine. Commands come through the state, from any process; a
process without the lease observes, and takes over when the holder is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError, FolderRefused, LeaseHeld
from aemo_ops.host import memory
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.nemweb.client import Client, Manners
from aemo_ops.ops import logbook
from aemo_ops.ops.backfill import Backfill
from aemo_ops.ops.board import Board
from aemo_ops.ops.collected import Collected
from aemo_ops.ops.collector import Collector
from aemo_ops.ops.commands import Commands
from aemo_ops.ops.cycles import Cycles
from aemo_ops.ops.freshness import Thresholds
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.healing import Healing
from aemo_ops.ops.jobs import CATCH_UP, Jobs
from aemo_ops.ops.landing import Ground
from aemo_ops.ops.request import Request
from aemo_ops.ops.schedule import Schedule, Task
from aemo_ops.ops.snapshot import Role, Snapshot
from aemo_ops.ops.standing import Post, Standing
from aemo_ops.ops.validity import with_new_ids
from aemo_ops.ops.watch import Lookout
from aemo_ops.ops.watchers import Watchers
from aemo_ops.settings import Settings
from aemo_ops.store.absences import Absences
from aemo_ops.store.coverage import Summaries
from aemo_ops.store.findings import Finding, Findings
from aemo_ops.store.lease import adopted
from aemo_ops.store.ledger import Ledger, LedgerRow
from aemo_ops.store.parquet import Store
from aemo_ops.store.state import State

log = logging.getLogger(__name__)
_BEAT = 0.5  # real seconds: a command is carried out within a second
_STUMBLE = 2.0  # real seconds to wait after an error
_REPUBLISH = 5.0  # real seconds: a file grows late by time alone


class Engine:
    """Collects into one data folder for one home, or observes who does. `what` names this process to others."""

    def __init__(self, settings: Settings, clock: Clock, what: str, manners: Manners | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.datasets = catalogue.chosen(settings.datasets)
        self.state = State(settings.home / "state.sqlite")
        self.client = Client(settings.nemweb_url, manners or Manners(gap=settings.request_gap), clock)
        self.post = Post(settings.home, settings.data_path, what, self._adopting, self.state.collected_into)
        self.store = Store(settings.data_path, self.post.guard, clock=clock)
        thresholds = Thresholds(settings.late_cadences, settings.stale_cadences)
        self._board = Board(self.datasets, self.store, self.state, clock, thresholds)
        self._jobs = Jobs(self._job_changed)
        self._schedule = Schedule()
        paths = [self.store.path(dataset) for dataset in self.datasets]
        self._lookout = Lookout(settings.data_path, paths, clock)
        self._standing = Standing()
        self._summaries = Summaries(settings.home / "coverage.sqlite")
        self._gaps: Gaps | None = None
        self._findings: Findings | None = None
        self._healing: Healing | None = None
        self._cycles: Cycles | None = None
        self._commands: Commands | None = None
        self._ledger: Ledger | None = None
        self._telling = threading.Lock()
        self._watchers = Watchers()
        self._published = float("-inf")
        self._state_version = 0
        self._problem = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._snapshot = self._board.snapshot(self._standing)

    # for pages and commands -----------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin, in a thread of its own; nothing when it runs already."""
        if self._thread is None:
            logbook.open_log(self.settings.home)
            self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the current file, release the leases."""
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join()
        self._jobs.close(30.0)
        self._lookout.stop()
        self.post.leave()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def now(self) -> datetime:
        return self.clock.now()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback`, from the engine's thread, after each new snapshot, until the returned function is called."""
        return self._watchers.add(callback)

    def command(self, verb: str, subject: str = "") -> int:
        """Leave a command for whoever holds the lease; its number, for `answered`."""
        number = self.state.command(verb, subject)
        self._wake.set()
        return number

    def answered(self, number: int) -> str | None:
        """What came of a command, a line for each collector that it was about; None while it is not carried out."""
        return self.state.answered(number)

    def history(self, dataset: str, since: datetime) -> list[tuple[datetime, datetime]]:
        """(noticed at, newest interval then), oldest first."""
        return self.state.advances(dataset, since)

    def rows(self, dataset: str, since: datetime) -> pa.Table:
        return self.store.read(catalogue.dataset(dataset), since)

    def costs(self, since: datetime) -> list[tuple[datetime, float, int, int, int]]:
        """(NEM time of a cycle, real seconds, bytes downloaded, written, in memory), oldest first."""
        return self.state.costs(since)

    def files(self, text: str = "", report: str = "", fate: str = "", limit: int = 200) -> list[LedgerRow]:
        """The ledger's newest entries; none in a folder that was never adopted."""
        ledger = self._open_ledger()
        return ledger.search(text, report, fate, limit) if ledger else []

    def gaps(self) -> Gaps:
        """What is missing; the same object as long as the folder is, so that what it read is read once."""
        if self._gaps is None or (not self._gaps.remembers and adopted(self.settings.data_path)):
            ledger = self._open_ledger()
            absences = Absences(self.settings.home / "ledger.sqlite", ledger.folder) if ledger else None
            self._gaps = Gaps(self.datasets, self.store, self._summaries, self.clock, ledger, absences)
        return self._gaps

    def findings(self) -> list[Finding]:
        """Ids that are new, then values that look wrong, newest first; of these none in a folder that is not ours."""
        if self._findings is None and (ledger := self._open_ledger()):
            self._findings = Findings(self.settings.home / "ledger.sqlite", ledger.folder)
        return with_new_ids(self._findings.all() if self._findings else [], self.gaps(), self.datasets)

    def filled(self) -> dict[str, Any]:
        """What came of the last heal: `nem`, and `datasets` with requested, filled, absent, failed, by_source, reasons."""
        return self.state.facts("filled").get("last", {})

    def healing(self) -> Healing:
        """What fills gaps, for one who works in the foreground. Raises LeaseHeld, FolderRefused."""
        self.settle()
        assert self._healing is not None
        return self._healing

    def backfilling(self, request: Request) -> Backfill:
        """For planning and comparing, which write nothing: for one who does not hold the leases too. Raises FolderRefused."""
        return self._healer(nullcontext, lambda dataset: None).backfill(request)

    def ground(self) -> Ground:
        """The files and what is known of them, for one who only reads them. Raises FolderRefused."""
        return self._healer(nullcontext, lambda dataset: None).ground

    def log(self, limit: int) -> list[str]:
        return logbook.tail(self.settings.home, limit)

    def once(self, names: tuple[str, ...] = ()) -> tuple[list[Collected], int]:
        """One cycle in the foreground, without a thread; results and files left waiting. Raises when we may not collect."""
        cycles = self.settle()
        chosen = names or tuple(cycles.collectors)
        with cycles.cycle(len(chosen)) as results:
            for name in chosen:
                cycles.collect(name)
        return results, cycles.backlog

    def dry_run(self, names: tuple[str, ...] = ()) -> dict[str, str]:
        """What each collector would read, in words; nothing is written."""
        cycles = self.settle()
        return {name: cycles.dry_run(name) for name in names or tuple(cycles.collectors)}

    def settle(self) -> Cycles:
        """Take the leases and make the collectors ready; the cycles.

        Raises LeaseHeld when another process collects, FolderRefused when the folder is not ours to write.
        """
        self._settle()
        if self._cycles is None or self._standing.role is not Role.COLLECTING:
            raise (LeaseHeld if self._standing.holder else FolderRefused)(self._standing.reason)
        return self._cycles

    # the thread -------------------------------------------------------------------------------------------------------------
    def _live(self) -> None:
        log.info("engine started: %s collects into %s", self.settings.nemweb_url, self.settings.data_path)
        while not self._stopping.is_set():
            try:
                if self._beat():
                    self._problem = ""
                    self._publish()
            except Exception as error:  # the engine outlives every error: shown, recorded, and tried again
                self._stumbled(error)
            self._wake.wait(_BEAT)
            self._wake.clear()
        log.info("engine stopped")

    def _stumbled(self, error: Exception) -> None:
        if isinstance(error, AemoOpsError):
            log.error("a beat of the engine failed: %s", error, exc_info=error)
            what = str(error)
        else:
            what = logbook.unexpected(error, "a beat of the engine failed")
        self._problem = f"The engine stumbled and tries again: {what}"
        with suppress(AemoOpsError):  # what it stumbled over may well be what a Snapshot is made from
            self._publish()
        self._stopping.wait(_STUMBLE)

    def _beat(self) -> bool:
        """Do what is to be done now; whether there is something new to show."""
        before = self._standing
        self._settle()
        news = self._standing != before
        if self.post.commands_are_ours:
            news |= self._obey()
        if self._cycles and self._standing.role is Role.COLLECTING:
            news |= self._run_due(self._cycles)
            if self._healing:
                self._healing.beat()
        news |= self._look()
        version = self.state.version()
        news |= version != self._state_version
        self._state_version = version
        return news or self.clock.monotonic() - self._published > _REPUBLISH

    def _settle(self) -> None:
        self._standing = self.post.settle()
        if self._standing.role is Role.COLLECTING and self._cycles is None:
            self._begin()

    def _begin(self) -> None:
        """Register a collector for each report that feeds a dataset; called when the leases are ours for the first time."""
        ledger = self._open_ledger()
        assert ledger is not None  # whoever collects stands on an adopted folder
        self.state.put("folder", str(self.settings.data_path), {"id": ledger.folder})
        collectors = {
            report.name: Collector(report, self.datasets, self.client, self.store, ledger, self.clock)
            for report in catalogue.collected(self.datasets)
        }
        self.state.replace("job", {})
        self.state.want(CATCH_UP, True)  # who cancelled it once did not mean the next outage too
        for leftover in self.store.sweep():
            log.info("removed %s, left by a process that was killed", leftover.name)
        self._cycles = Cycles(
            collectors,
            self.datasets,
            self.client,
            self.store,
            ledger,
            self.state,
            self.clock,
            self._lookout.versions,
            self._event,
            self._stopping.is_set,
        )
        cycles = self._cycles
        self._healing = self._healer(lambda: cycles.turn, cycles.wrote_for)
        self._commands = Commands(
            self._cycles, self._schedule, self.state, ledger, self._jobs, self._healing, self.clock.now, self._event
        )
        for name in collectors:
            task = self.every(
                timedelta(minutes=self.settings.update_minutes), self._collecting(self._cycles, name), name
            )
            self._cycles.ready(name, task.next)
        for dataset in self.datasets:
            self._lookout.versions.saw(self.store.path(dataset))

    def _healer(self, turn: Callable[[], AbstractContextManager[object]], wrote: Callable[[Dataset], None]) -> Healing:
        ledger = self._open_ledger()
        if ledger is None:
            raise FolderRefused(f"{self.settings.data_path} is not adopted; `aemo-ops collect --adopt` adopts it")
        absences = Absences(self.settings.home / "ledger.sqlite", ledger.folder)
        findings = Findings(self.settings.home / "ledger.sqlite", ledger.folder)
        ground = Ground(self.gaps(), self.store, ledger, absences, findings, turn, wrote, self.datasets)
        return Healing(
            ground, self.client, self.clock, self._jobs, self.state, self._event, self.settings.home,
            gap_seconds=self.settings.catchup_gap, quiet_hour=self.settings.heal_hour,
        )  # fmt: skip

    def every(self, period: timedelta, callback: Callable[[], object], name: str) -> Task:
        """Register a periodic callback, first due at once."""
        return self._schedule.every(period, callback, name, first=self.clock.now())

    @staticmethod
    def _collecting(cycles: Cycles, name: str) -> Callable[[], None]:
        return lambda: cycles.collect(name)

    def _obey(self) -> bool:
        """Carry out the commands that wait; whether there were some."""
        commands = self.state.take_commands()
        for command in commands:
            log.info("command %d: %s %s", command.number, command.verb, command.subject)
            if command.verb == "adopt":
                self.state.answer(command.number, self._adopt())
            elif self._commands and self._standing.role is Role.COLLECTING:
                self._commands.obey(command)
            else:
                self.state.answer(command.number, f"not collecting: {self._standing.reason}")
        return bool(commands)

    def _adopt(self) -> str:
        try:
            text = f"adopted as {self.post.adopt()}"
        except AemoOpsError as error:
            return str(error)
        self._settle()
        return text

    def _run_due(self, cycles: Cycles) -> bool:
        assert self._commands is not None
        due = [task for task in self._schedule.due(self.clock.now()) if self._commands.wants(task.name)]
        if due:
            ran: list[Task] = []
            with cycles.cycle(len(due)) as results:
                for task in due:
                    if self._stopping.is_set():
                        break
                    task.callback()
                    cycles.schedule_told(task.name, task.next)
                    self._publish()
                    ran.append(task)
            memory.trim()
            left = {task.name: "not run: AEMO Ops ends" for task in due if task not in ran}
            self._commands.ran(self._outcomes(ran, results) | left)
            if left:
                return True
            if cycles.backlog and not self._jobs.active(CATCH_UP) and self.state.wanted(CATCH_UP):
                gap = self.settings.catchup_gap
                self._jobs.start(CATCH_UP, "Reading what was missed", lambda progress: cycles.catch_up(progress, gap))
        return bool(due)

    def _outcomes(self, due: list[Task], results: list[Collected]) -> dict[str, str]:
        """What came of each collector's run, in words."""
        facts = self.state.facts("collector")
        outcomes = {task.name: facts[task.name]["error"] or "nothing new" for task in due}
        for result in results:
            if result.merged_files:
                rows = result.rows
                files = f"{result.merged_files} file{'s' * (result.merged_files > 1)}"
                text = f"{files} read, {rows.inserted:,} rows new, {rows.updated:,} updated"
                outcomes[result.report] = text
        return outcomes

    def _open_ledger(self) -> Ledger | None:
        if self._ledger is None and (identity := adopted(self.settings.data_path)):
            self._ledger = Ledger(self.settings.home / "ledger.sqlite", identity)
        return self._ledger

    def _adopting(self, folder: Path) -> None:
        self._event("adopted", "folder", f"{folder} is now written by AEMO Ops")

    # what others do, and telling the pages --------------------------------------------------------------------------------------
    def _look(self) -> bool:
        """Tell which files another program changed; whether there was something to look at."""
        if not self._lookout.due or self.post.lost:  # of a folder that is not there, all files seem to have changed
            return False
        changed = self._lookout.look(self._cycles.turn if self._cycles else threading.Lock())
        for path in changed if self._cycles else ():
            self._event("changed", path.name, f"{path.name} was changed by another program")
        for path in changed:
            if dataset := catalogue.dataset_of_file(path.name):
                self.gaps().forget(dataset)
        return bool(changed)

    def _publish(self) -> None:
        self._published = self.clock.monotonic()
        self._snapshot = self._board.snapshot(
            self._standing, self._jobs.states(), [self._problem] if self._problem else []
        )
        self._watchers.tell()

    def _job_changed(self) -> None:
        with self._telling:  # each job has a thread: what one of them read first must not be written last
            self.state.replace("job", {str(job.number): vars(job) for job in self._jobs.states()})
        self._wake.set()

    def _event(self, kind: str, subject: str, text: str) -> None:
        self.state.add_event(self.clock.now(), kind, subject, text)
        log.info("%s %s: %s", kind, subject, text)
