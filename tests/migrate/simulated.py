"""A world in memory around real files: AEMO, the old collector's processes, our engine, a clock; steps of the move on top.

Only processes and time are made up; every file that the move reads or writes is a real one.
"""

from __future__ import annotations

import errno
import itertools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from aemo_ops import files
from aemo_ops.errors import VerificationFailed
from aemo_ops.host import processes
from aemo_ops.host.processes import Found, Identity
from aemo_ops.market.catalogue import PRICES5
from aemo_ops.market.dataset import Mode
from aemo_ops.market.intervals import floor, intervals
from aemo_ops.migrate import programs, quiet
from aemo_ops.migrate.inventory import Wanted
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.programs import Program
from aemo_ops.migrate.step import Facts, Phase, Standing
from aemo_ops.migrate.steps.back import Back
from aemo_ops.migrate.steps.catch_up import CatchUp
from aemo_ops.migrate.steps.copying import Copying
from aemo_ops.migrate.steps.normal import NormalForm
from aemo_ops.migrate.steps.prepare import Prepare
from aemo_ops.migrate.steps.switch import Switch
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.journal import Journal
from aemo_ops.store.parquet import Store
from tests.conftest import NOON

STEP = timedelta(minutes=5)
REGIONS = ("NSW1", "QLD1", "SA1", "TAS1", "VIC1")
SECRET = "canary-3e77"
Key = tuple[datetime, str]


class Killed(BaseException):
    """The process was killed: nothing of it runs on, not even what wants to clean up."""


def rows(ends: list[datetime]) -> pa.Table:
    """AEMO's prices of some intervals."""
    keys = [(end, name) for end in sorted(ends) for name in REGIONS]
    prices = [end.timestamp() % 997 + len(name) for end, name in keys]
    columns = [[end for end, _ in keys], [name for _, name in keys], prices]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, PRICES5.schema, strict=True)], schema=PRICES5.schema)


def keys(path: Path) -> set[Key]:
    if not path.exists():
        return set()
    table = pq.read_table(path, columns=["settlementdate", "regionid"])
    return set(zip(table[0].cast(pa.timestamp("us")).to_pylist(), table[1].to_pylist(), strict=True))


@dataclass
class Old:
    """A process of the old collector."""

    pid: int
    deaf: bool = False
    alive: bool = True
    supervised: bool = False

    def open_files(self) -> list[object]:
        return []


class Passing:
    """The gate's place; the gate itself is tested with real collectors."""

    name, title, word = "compare", "Compare", ""

    def check(self) -> str | None:
        return None

    def plan(self) -> str:
        return "compare"

    def apply(self, progress: Progress) -> Facts:
        return {}

    def verify(self, evidence: Facts) -> str | None:
        return None

    def back(self, evidence: Facts) -> str:
        return "nothing"

    def undo(self, progress: Progress) -> Facts:
        return {}


@dataclass
class World:
    place: Path
    now: datetime = NOON
    olds: list[Old] = field(default_factory=list)
    collecting: bool = False
    since: datetime | None = None  # our engine has every interval after it
    pids: Iterator[int] = field(default_factory=lambda: itertools.count(1000))
    full: int = 0  # the next so many writes find a full disk
    growth: threading.Lock = field(default_factory=threading.Lock)
    growing: int = 0  # the source is written to during the next so many copies
    to_kill: int = 0  # at which failpoint from now
    kill_at: str = ""  # or at which one by name
    dead: bool = False
    ends_at_once: bool = False  # what is started again does
    tears: bool = False  # the old collector ends in the middle of a write
    keeps: bool = False  # somebody starts the old collector again when it ends

    def __post_init__(self) -> None:
        self.move = Move(
            self.place / "old", self.place / "ssd", (Wanted("prices5.parquet", True), Wanted("notes.json", False))
        )
        self.old, self.new = (folder / "prices5.parquet" for folder in (self.move.source, self.move.data))
        self.move.source.mkdir()
        pq.write_table(rows([floor(NOON, STEP) - number * STEP for number in range(24)]), self.old)
        (self.move.source / "notes.json").write_text(SECRET)
        self.settings = self.place / ".env"
        self.settings.write_text(f"SMTP_PASSWORD={SECRET}\n")
        self.born()

    # AEMO, the collectors, time --------------------------------------------------------------------------------------------
    def tick(self) -> None:
        self.now += STEP
        end = floor(self.now, STEP)
        if any(one.alive for one in self.olds):
            self._write_old(end)
        if self.collecting:
            self.collect()

    def _write_old(self, end: datetime) -> None:
        table = pq.read_table(self.old)
        fresh = rows([end])
        if (end, REGIONS[0]) not in keys(self.old):
            pq.write_table(pa.concat_tables([table, fresh]).sort_by([("settlementdate", "ascending"), ("regionid", "ascending")]),
                           self.old)  # fmt: skip

    def collect(self) -> None:
        """Our engine: everything that AEMO has published since it began."""
        ends = list(intervals(self.since or self.now - 12 * STEP, self.now, STEP))
        if ends:
            Store(self.move.data).merge(PRICES5, rows(ends), Mode.INSERT)

    def born(self, deaf: bool = False) -> Old:
        self.olds.append(Old(next(self.pids), deaf))
        return self.olds[-1]

    @property
    def alive(self) -> list[Old]:
        return [one for one in self.olds if one.alive]

    # what the move is told about processes ---------------------------------------------------------------------------------
    def find(self, patterns: Any, folders: Any = ()) -> list[Found]:
        return [
            Found(Identity(one.pid, 1.0, "python"), ("python", "unified_collector"), self.place, "me", ("PATH",), (), 1)
            for one in self.alive
        ]

    def running(self, identity: Identity) -> Any:
        return next((one for one in self.alive if one.pid == identity.pid), None)

    def stop(self, identity: Identity, seconds: float) -> bool:
        one = self.running(identity)
        if one and not one.deaf:
            one.alive = False
            if self.tears:
                self.old.write_bytes(self.old.read_bytes()[: self.old.stat().st_size // 2])
            if self.keeps:
                self.born()
        return one is None or not one.deaf

    def start(self, command: Any, folder: Any, environment: Any, log: Path) -> Identity:
        return Identity(self.born().pid, 1.0, "python")

    # our engine --------------------------------------------------------------------------------------------------------------
    def engine(self) -> Any:
        if not self.collecting:
            self.collecting = True
            self.since = self.since or self.now - 12 * STEP
            self.collect()
        return SimpleNamespace()

    def ground(self) -> Any:
        self.engine()
        return SimpleNamespace(store=Store(self.move.data), turn=nullcontext, wrote=lambda dataset: None)

    def awaits(self, started: list[Program]) -> None:
        """An old collector that was started again writes; or ends at once."""
        if self.ends_at_once:
            for one in started:
                self.stop(one.identity, 0)
            raise VerificationFailed("it ended again")
        self.tick()

    def halt(self) -> None:
        self.collecting = False

    # the move ----------------------------------------------------------------------------------------------------------------
    def wizard(self) -> Wizard:
        clock: Any = SimpleNamespace(now=lambda: self.now, speed=1.0)
        shadow: Any = SimpleNamespace(
            engine=self.engine,
            ground=self.ground,
            stop=self.halt,
            elsewhere=lambda: "",
            fill=lambda since, progress: "",
        )
        journal = Journal(self.place / "journal.jsonl")
        steps = (
            *(Prepare(self.move, clock, journal), Copying(self.move, clock, (0.0,)), NormalForm(self.move, clock)),
            *(CatchUp(self.move, shadow, clock), Passing()),
            Switch(
                self.move,
                shadow,
                clock,
                Private(journal.path),
                [(self.settings, {"AEMO_DATA_PATH": str(self.move.data)})],
            ),
        )
        return Wizard(journal, steps, self.move.inputs())

    def run(self, only: str | None = None) -> None:
        """Go on with the move, its word typed; a kill is the end of the process."""
        wizard = self.wizard()
        with self._ending(), self.made_up():
            if only is None and self.standing("switch").phase is not Phase.DONE:
                wizard.confirm("switch", "SWITCH")
            wizard.run(self.progress(), only)

    def rollback(self) -> Facts:
        """What the switch's way back says; a kill is the end of the process."""
        with self._ending(), self.made_up():
            self.wizard().rollback(self.progress())
        return self.standing("switch").evidence

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except Killed:
            self.halt()
        finally:
            self.dead, self.kill_at = False, ""

    def standing(self, step: str) -> Standing:
        return next(one for one in self.wizard().standings() if one.name == step)

    def progress(self, cancel_at: int = 0) -> Progress:
        """Whoever waits sees time go by; a person may cancel at the n-th thing that is told."""
        told = itertools.count(1)

        def tell(done: int, total: int, text: str) -> None:
            if next(told) == cancel_at:
                made.cancel()

        made = Progress(tell)
        made.pause = lambda seconds: bool(self.tick()) or not made.cancelled  # type: ignore[method-assign]
        return made

    @contextmanager
    def made_up(self) -> Iterator[None]:
        """Processes, waits and faults of this world take the place of the machine's."""
        write, gone_on = files.write_all, files.failpoint

        def written(fd: int, block: memoryview) -> None:
            if self.full:
                self.full -= 1
                raise OSError(errno.ENOSPC, "No space left on device")
            write(fd, block)

        def failpoint(name: str) -> None:
            if name == self.kill_at:
                self.dead = True
                raise Killed(name)
            if self.to_kill:
                self.to_kill -= 1
                if not self.to_kill:
                    self.dead = True
                    raise Killed(name)
            with self.growth:  # several files are copied at once
                if self.growing and name == "copy.copying":
                    self.growing -= 1
                    self.now += timedelta(seconds=1)
                    self.old.write_bytes(self.old.read_bytes())
            gone_on(name)

        def go(self_: Back, progress: Progress, asked: bool) -> Facts:
            if self.dead:
                raise Killed("dead already")
            return gone_back(self_, progress, asked)

        gone_back = Back.go
        patches = [
            *(mock.patch.object(processes, name, getattr(self, name)) for name in ("find", "running", "stop", "start")),
            mock.patch.object(programs, "supervisors", lambda found: []),
            mock.patch.object(quiet, "await_still", lambda *_: 0.0),
            mock.patch.object(Back, "_await_writing", lambda _back, started, *_: self.awaits(started)),
            mock.patch.object(Back, "go", go),
            mock.patch.object(files, "write_all", written),
            *_failpoints(failpoint),
        ]
        with _all(patches):
            yield


def _failpoints(told: Any) -> list[Any]:
    """Every module has its own name for it."""
    found = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("aemo_ops.") and getattr(module, "failpoint", None) is files.failpoint
    ]
    return [mock.patch.object(module, "failpoint", told) for module in found]


@contextmanager
def _all(patches: list[Any]) -> Iterator[None]:
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in reversed(patches):
            patch.stop()
