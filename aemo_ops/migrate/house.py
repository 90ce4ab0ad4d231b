"""The one engine of a process, and the move that may take it to another folder; pages go on asking the same object."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import FolderRefused
from aemo_ops.migrate.candidates import likely
from aemo_ops.migrate.desk import Desk
from aemo_ops.migrate.move import PATTERNS, Move
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.ops import timing
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.snapshot import Role, Snapshot
from aemo_ops.ops.timing import Speed
from aemo_ops.ops.watchers import Watchers
from aemo_ops.settings import Settings
from aemo_ops.store.findings import Finding
from aemo_ops.store.ledger import LedgerRow

log = logging.getLogger(__name__)
_PATIENCE = 20.0  # real seconds until an engine that may collect does


class House:
    """`load` reads the settings anew: a switch changes them. Nothing runs until `start`."""

    def __init__(self, load: Callable[[], Settings], what: str) -> None:
        self.settings = load()
        self._clock = Clock.from_file(self.settings.clock_file)
        self._load, self._what = load, what
        self._watchers = Watchers()
        self._moving = threading.RLock()
        self.move = Desk(load, lambda folder: _Housed(self, folder), self.goes_to, self._watchers.tell)
        self._engine = self._made(self.move.folder())

    def start(self) -> None:
        """Begin, in threads of its own."""
        self._engine.start()

    # its engine -----------------------------------------------------------------------------------------------------------
    def goes_to(self, folder: Path) -> Engine:
        """From now on the engine is for this folder, collecting or, where it may not, observing."""
        with self._moving:
            if self._engine.settings.data_path != folder or self._engine.stopped:
                self._engine.stop()
                log.info("the engine leaves %s for %s", self._engine.settings.data_path, folder)
                self._engine = self._made(folder)
                self._engine.start()
                self._watchers.tell()
            return self._engine

    def collects_in(self, folder: Path) -> Engine:
        """The engine, collecting into this folder. Raises FolderRefused where it may not."""
        engine, pause = self.goes_to(folder), threading.Event()
        ends = Clock.monotonic() + _PATIENCE
        while engine.snapshot().role is not Role.COLLECTING:
            if Clock.monotonic() > ends:
                raise FolderRefused(engine.snapshot().reason or f"our engine does not collect into {folder} yet")
            pause.wait(0.05)
        return engine

    def leaves(self, folder: Path) -> None:
        """Nothing of ours writes there any more."""
        with self._moving:
            if self._engine.settings.data_path == folder:
                self._engine.stop()

    def _made(self, folder: Path) -> Engine:
        engine = Engine(replace(self._load(), data_path=folder), self._clock, self._what)
        engine.watch(self._watchers.tell)
        return engine

    # what pages ask -------------------------------------------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        return self._engine.snapshot()

    def now(self) -> datetime:
        return self._clock.now()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback`, from another thread, after each new snapshot and when the move goes on; returns what ends it."""
        return self._watchers.add(callback)

    @property
    def demo(self) -> bool:
        """Whether the time is not the true one: nothing here is a real market's."""
        return self.settings.clock_file is not None

    def command(self, verb: str, subject: str = "") -> int:
        return self._engine.command(verb, subject)

    def answered(self, number: int) -> str | None:
        return self._engine.answered(number)

    def history(self, dataset: str, since: datetime) -> list[tuple[datetime, datetime]]:
        return self._engine.history(dataset, since)

    def rows(self, dataset: str, since: datetime) -> pa.Table:
        return self._engine.rows(dataset, since)

    def costs(self, since: datetime) -> list[tuple[datetime, float, int, int, int]]:
        return self._engine.costs(since)

    def speeds(self) -> list[Speed]:
        return timing.speeds(self._engine.store, self._engine.datasets)

    def effective(self) -> list[tuple[str, str, str]]:
        """The settings as they are now: a switchover changes one."""
        return self._load().effective()

    def files(self, text: str, report: str, fate: str, limit: int) -> list[LedgerRow]:
        return self._engine.files(text, report, fate, limit)

    def gaps(self) -> Gaps:
        return self._engine.gaps()

    def findings(self) -> list[Finding]:
        return self._engine.findings()

    def filled(self) -> dict[str, Any]:
        return self._engine.filled()

    def log(self, limit: int) -> list[str]:
        return self._engine.log(limit)

    def suggested_move(self) -> Move:
        """From the folder of a running old collector, where one is found; on a fast clock a day of watching is an hour."""
        watch = 1.0 if self._clock.speed > 1 else 24.0
        found = likely(PATTERNS, self.now(), self.settings.move_from)
        if found is None:
            return Move(self.settings.move_from or self.settings.data_path, self.settings.move_to, watch_hours=watch)
        return Move(found.folder, self.settings.move_to, patterns=(found.pattern,), watch_hours=watch)


class _Housed(Shadow):
    """The engine of a move is the house's own: two of one home would fight for its lease."""

    def __init__(self, house: House, folder: Path) -> None:
        super().__init__(house.collects_in, folder)
        self._house = house

    def engine(self) -> Engine:
        return self._house.collects_in(self._folder)

    def fill(self, since: datetime, progress: Progress) -> str:
        """The house's engine never rested."""
        return ""

    def stop(self) -> None:
        self._house.leaves(self._folder)


_house: House | None = None
_house_lock = threading.Lock()


def running(load: Callable[[], Settings], what: str) -> House:
    """The one house of this process, started; every page gets the same one. `load` is called for the first."""
    global _house
    with _house_lock:
        if _house is None:
            house = House(load, what)
            house.start()
            _house = house
        return _house
