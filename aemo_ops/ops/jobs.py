"""Jobs: long deeds beside the cycles, each in a thread of its own, with progress and a way to cancel."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aemo_ops.clock import Clock
from aemo_ops.errors import AemoOpsError
from aemo_ops.ops.snapshot import JobState

log = logging.getLogger(__name__)
CATCH_UP = "catch-up"  # the kind of the job that reads what the cycles left in Current
Deed = Callable[["Progress"], str]
_KEPT = 20


@dataclass
class Progress:
    """What a running job tells and asks: `tell(done, total, text)`, `cancelled`. By itself nobody hears it."""

    _told: Callable[[int, int, str], None] = lambda done, total, text: None
    _stop: threading.Event = field(default_factory=threading.Event)

    def tell(self, done: int, total: int, text: str = "") -> None:
        self._told(done, total, text)

    @property
    def cancelled(self) -> bool:
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask whoever works to stop at the next safe point."""
        self._stop.set()

    def pause(self, seconds: float) -> bool:
        """Wait, or less when the job is cancelled; whether it goes on."""
        return not self._stop.wait(seconds)


class Jobs:
    """The jobs of this process. `changed` is called, from the job's thread, whenever one of them changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._states: dict[int, JobState] = {}
        self._running: dict[int, tuple[threading.Thread, Progress]] = {}
        self._begun: dict[int, float] = {}

    def start(self, kind: str, title: str, deed: Deed, unit: str = "files", asked: int = 0) -> int:
        """Run `deed` in a thread; its number. What it returns is its closing text; `asked`: the command that wants it."""
        with self._lock:
            number = max(self._states, default=0) + 1
            self._states[number] = JobState(number, kind, title, "running", unit=unit, asked=asked)
            for old in sorted(self._states)[:-_KEPT]:
                if old not in self._running:
                    del self._states[old]
            progress = Progress(lambda done, total, text: self._tell(number, done, total, text))
            self._begun[number] = Clock.monotonic()
            thread = threading.Thread(target=self._run, args=(number, deed, progress), name=f"job-{kind}", daemon=True)
            self._running[number] = (thread, progress)
        thread.start()
        self._changed()
        return number

    def _run(self, number: int, deed: Deed, progress: Progress) -> None:
        try:
            text = deed(progress)
            state = "cancelled" if progress.cancelled else "done"
        except AemoOpsError as error:
            state, text = "failed", str(error)
        except Exception as error:
            log.exception("job %d failed", number)
            state, text = "failed", f"unexpected: {error!r}; the log has the details"
        with self._lock:
            seconds = Clock.monotonic() - self._begun.pop(number)
            self._states[number] = replace(self._states[number], state=state, text=text, seconds=seconds)
            del self._running[number]
        self._changed()

    def _tell(self, number: int, done: int, total: int, text: str) -> None:
        with self._lock:
            seconds = Clock.monotonic() - self._begun[number]
            self._states[number] = replace(self._states[number], done=done, total=total, text=text, seconds=seconds)
        self._changed()

    def active(self, kind: str) -> bool:
        with self._lock:
            return any(self._states[number].kind == kind for number in self._running)

    def cancel(self, number: int) -> str | None:
        """Ask a job to stop at its next safe point; its kind, None where no such job runs."""
        with self._lock:
            running = self._running.get(number)
            kind = self._states[number].kind if running else None
        if running:
            running[1].cancel()
        return kind

    def close(self, seconds: float) -> None:
        """Cancel all and wait for them, at most `seconds` each."""
        with self._lock:
            running = list(self._running.values())
        for thread, progress in running:
            progress.cancel()
            thread.join(seconds)

    def states(self) -> tuple[JobState, ...]:
        with self._lock:
            return tuple(self._states[number] for number in sorted(self._states, reverse=True))
