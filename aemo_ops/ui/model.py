"""The one reactive object of a page, and the Console it looks through to the engine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Protocol, TypeVar

import panel as pn
import param
import pyarrow as pa
from panel.io import hold

from aemo_ops.errors import AemoOpsError
from aemo_ops.host import memory
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.status import Status
from aemo_ops.ops import logbook
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.snapshot import Snapshot
from aemo_ops.ops.timing import Speed
from aemo_ops.store.findings import Finding
from aemo_ops.store.ledger import LedgerRow

T = TypeVar("T")
DEED = "a deed"  # what a person asked for, as against what a page reads

# Reads of files and of the ledger may block, so they never run on the loop that answers clicks.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="page-reader")


class Mover(Protocol):
    """What a page may ask of the move; see `migrate.desk.Desk`."""

    def status(self) -> Status: ...
    def look(self) -> None: ...
    def consider(self, move: Move, anew: bool = False) -> None: ...
    def go(self, step: str, word: str = "") -> None: ...
    def agree(self, to: str) -> None: ...
    def go_back(self, word: str) -> None: ...
    def cancel(self) -> None: ...
    def report(self) -> tuple[str, str]: ...


class Console(Protocol):
    """What a page may ask of the engine; the same whether this process collects or observes."""

    def snapshot(self) -> Snapshot: ...

    def now(self) -> datetime:
        """NEM time."""
        ...

    @property
    def demo(self) -> bool:
        """Whether this is the demo, or another set of pages on a made-up clock."""
        ...

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back from the engine's thread on every new Snapshot; returns what ends it."""
        ...

    def command(self, verb: str, subject: str = "") -> int:
        """Asks for a deed: start, stop, run_now, dry_run, retry (no subject: all), cancel of a job, adopt, heal; its number."""
        ...

    def answered(self, number: int) -> str | None:
        """What came of a command, a line for each collector that it was about; None while it is not carried out."""
        ...

    def history(self, dataset: str, since: datetime) -> list[tuple[datetime, datetime]]:
        """(NEM time at which it was noticed, latest interval of the file from then on), in order."""
        ...

    def rows(self, dataset: str, since: datetime) -> pa.Table:
        """The rows of a file after a NEM time; none where there is no file yet."""
        ...

    def costs(self, since: datetime) -> list[tuple[datetime, float, int, int, int]]:
        """(NEM time of a cycle, real seconds, bytes downloaded, written, in memory), oldest first."""
        ...

    def speeds(self) -> list[Speed]:
        """How fast each file answers now; reads them, so ask off the loop."""
        ...

    def effective(self) -> list[tuple[str, str, str]]:
        """(variable, value, where it came from) of every setting."""
        ...

    def files(self, text: str, report: str, fate: str, limit: int) -> list[LedgerRow]:
        """The newest entries of the ledger whose file or reason holds `text`; an empty filter lets all pass."""
        ...

    def gaps(self) -> Gaps:
        """What is missing of each file; its answers read the disk, so ask off the loop."""
        ...

    def findings(self) -> list[Finding]:
        """Values that look wrong, newest first."""
        ...

    def filled(self) -> dict[str, Any]:
        """What came of the last heal: `nem`, and `datasets` with requested, filled, absent, failed, by_source, reasons."""
        ...

    def log(self, limit: int) -> list[str]:
        """The last lines of the log, oldest first."""
        ...

    @property
    def move(self) -> Mover: ...

    def suggested_move(self) -> Move:
        """What the Migration page offers before anybody chose."""
        ...


class Model(param.Parameterized):
    """One tab's view of the engine; its watchers run under the document's lock, never in the engine's thread."""

    snapshot: Snapshot = param.ClassSelector(class_=Snapshot, doc="the latest one taken")  # type: ignore[assignment]
    move: Status = param.ClassSelector(class_=Status, doc="how the move stands")  # type: ignore[assignment]
    survey = param.Parameter(doc="the newest Survey of what is missing; None until the first was read")
    now: datetime = param.Date(doc="NEM time, moved on every second")  # type: ignore[assignment]
    problem = param.String(
        doc="why reads or the last deed failed, in words; empty when none did, or once they succeeded"
    )

    def __init__(self, console: Console) -> None:
        super().__init__(snapshot=console.snapshot(), move=console.move.status(), now=console.now())  # type: ignore[no-untyped-call]
        self.console = console
        self.notices: dict[str, str] = {}  # page -> why it wants a look, as far as that page has found out
        self._problems: dict[str, str] = {}
        self._doc = pn.state.curdoc
        self._lock = Lock()
        self._pending = False
        self._closed = False
        self._missed = False
        self._leave: Callable[[], None] = lambda: None

    def join(self) -> None:
        """Starts to follow the engine: once the browser has loaded, so that a visit without one leaves nothing."""
        self._leave = self.console.watch(self._noticed)
        pn.state.on_session_destroyed(lambda _context: self.leave())
        if self._doc is not None:
            # Not pn.state's own: that one also tells the browser twice a second whether the server is busy.
            self._doc.add_periodic_callback(self._tick, 1000)
        self._take()

    def leave(self) -> None:
        self._closed = True
        self._leave()
        _readers.submit(memory.trim)

    def fetch(self, read: Callable[[], T], then: Callable[[T], Any], what: str) -> None:
        """Runs `read` off the loop and hands its result to `then` on a later tick.

        A failure stands in `problem` until a read of the same `what` succeeds or, of a DEED, another is asked for.
        """
        _readers.submit(read).add_done_callback(lambda done: self._soon(partial(self._deliver, done, then, what)))

    def ask(self, deed: Callable[[], T], then: Callable[[T], Any] = lambda _result: None) -> None:
        """Does what a person asked for, off the loop, since it reads or writes the disk."""
        self.calm(DEED)
        self.fetch(deed, then, DEED)

    def command(self, verb: str, subject: str, then: Callable[[int], Any] = lambda _number: None) -> None:
        """Asks the engine; `then` is told the command's number, for `Console.answered`."""
        self.ask(lambda: self.console.command(verb, subject), then)

    def calm(self, what: str) -> None:
        """Its last failure is of no interest any more."""
        if self._problems.pop(what, None) is not None:
            self._tell_problems()

    @property
    def refused(self) -> str:
        """Why what a person asked for last could not be begun; empty where it was."""
        return self._problems.get(DEED, "")

    def later(self, callback: Callable[[], Any]) -> None:
        """Runs `callback` on a later turn of the loop, after the clicks that wait."""
        self._soon(callback)

    def _noticed(self) -> None:
        """In the engine's thread: asks for one look, however many Snapshots come before it is taken."""
        with self._lock:
            if self._pending or self._closed:
                return
            self._pending = True
        self._soon(self._take)

    def _soon(self, callback: Callable[[], Any]) -> None:
        if not self._closed and self._doc is not None:
            self._doc.add_next_tick_callback(callback)

    def _take(self) -> None:
        with self._lock:
            self._pending = False
        self._missed = not self._watched()
        if not self._missed:
            with hold(self._doc):
                self.param.update(
                    snapshot=self.console.snapshot(), move=self.console.move.status(), now=self.console.now()
                )

    def _tick(self) -> None:
        if not self._watched():
            return
        if self._missed:
            self._take()
        with hold(self._doc):
            self.now = self.console.now()

    def _watched(self) -> bool:
        """Whether a browser listens: a closed tab's session lives on for a while, and writing to it fills the log."""
        session = getattr(self._doc.session_context, "session", None) if self._doc is not None else None
        return session is None or session.connection_count > 0

    def _deliver(self, done: Future[T], then: Callable[[T], Any], what: str) -> None:
        error = done.exception()
        if error is None:
            with hold(self._doc):
                self.calm(what)
                then(done.result())
            return
        told = str(error)
        if not isinstance(error, Exception):
            raise error
        if not isinstance(error, AemoOpsError | OSError):
            told = logbook.unexpected(error, f"a page could not read or do: {what}")
        self._problems[what] = told
        self._tell_problems()

    def _tell_problems(self) -> None:
        self.problem = " ".join(dict.fromkeys(self._problems.values()))
