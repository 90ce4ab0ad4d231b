"""What pages and the command line may ask of the engine, carried out by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aemo_ops.errors import AemoOpsError
from aemo_ops.ops import logbook
from aemo_ops.ops.board import AUTO
from aemo_ops.ops.cycles import Cycles
from aemo_ops.ops.healing import HEAL, Healing, asked
from aemo_ops.ops.jobs import CATCH_UP, Jobs
from aemo_ops.ops.request import Request
from aemo_ops.ops.schedule import Schedule
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.state import Command, State

ALL = "all"
_CHECKED_BY_DEFAULT = timedelta(days=30)


class Commands:
    """Carries out start, stop, run_now, dry_run and retry of collectors, heal, and cancel of a job; answers in words.

    An answer that is about several collectors has a line for each.

    `event(kind, subject, text)` writes a line of the feed. A "run now" is answered by `ran`, once all it asks for have run.
    """

    def __init__(
        self,
        cycles: Cycles,
        schedule: Schedule,
        state: State,
        ledger: Ledger,
        jobs: Jobs,
        healing: Healing,
        now: Callable[[], datetime],
        event: Callable[[str, str, str], None],
    ) -> None:
        self._cycles = cycles
        self._schedule = schedule
        self._state = state
        self._ledger = ledger
        self._jobs = jobs
        self._healing = healing
        self._now = now
        self._event = event
        self._forced: dict[str, list[int]] = {}
        self._outcomes: dict[int, list[str]] = {}

    def wants(self, name: str) -> bool:
        """Whether a collector that is due should run: it is started, or somebody asked for it just now."""
        return name in self._forced or self._state.wanted(name)

    def obey(self, command: Command) -> None:
        """Carry a command out and write its answer, unless that comes with the next cycle."""
        # A heal's subject is a request, in words for machines.
        about = command.verb if command.verb == HEAL else command.subject or command.verb
        try:
            answer = self._answer(command)
        except AemoOpsError as error:
            answer = str(error)
            self._event("failed", about, answer)
        except Exception as error:  # those that were left with it are carried out all the same
            answer = logbook.unexpected(error, f"{command.verb} {command.subject}")
            self._event("failed", about, answer)
        if answer is not None:
            self._state.answer(command.number, answer)

    def ran(self, outcomes: dict[str, str]) -> None:
        """Tell those who asked for a run what came of it: collector -> words."""
        for name, text in outcomes.items():
            asking = self._forced.pop(name, [])
            for number in asking:
                self._outcomes.setdefault(number, []).append(f"{name}: {text}")
            if asking:
                self._event("ran", name, text)
        waiting = {number for asking in self._forced.values() for number in asking}
        for number in self._outcomes.keys() - waiting:
            self._state.answer(number, "\n".join(self._outcomes.pop(number)))

    def _answer(self, command: Command) -> str | None:
        if command.verb == "cancel":
            return self._cancel(command.subject)
        if command.verb == HEAL:
            return self._heal(command)
        if command.verb == "apply":
            return f"job {self._healing.apply(command.subject)} replaces rows"
        if command.verb == "check_values":
            since = None if command.subject == ALL else self._now() - _CHECKED_BY_DEFAULT
            return f"job {self._healing.check_values(since)} looks for values that look wrong"
        if command.verb in ("auto_on", "auto_off"):
            return self._auto(command.verb == "auto_on")
        known = list(self._cycles.collectors)
        names = known if command.subject in ("", ALL) else [name for name in known if name == command.subject]
        if not names:
            return f"no collector called {command.subject!r}; known: {', '.join(known)}"
        verbs = {"start": self._start, "stop": self._stop, "dry_run": self._dry_run, "retry": self._retry}
        if command.verb == "run_now":
            for name in names:
                self._run_now(name, command.number)
            return None
        if command.verb not in verbs:
            return f"unknown command {command.verb!r}"
        return "\n".join(verbs[command.verb](name) for name in names)

    def _cancel(self, subject: str) -> str:
        kind = self._jobs.cancel(int(subject)) if subject.isdigit() else None
        if kind is None:
            return "no such job runs"
        if kind != CATCH_UP:
            return "cancelling"
        self._state.want(CATCH_UP, False)
        return 'cancelling; what is left is not read by itself until AEMO Ops starts anew: "Run now" reads the rest'

    def _heal(self, command: Command) -> str:
        request = asked(command.subject, self._cycles.datasets)
        return f"job {self._healing.start(request, _title(request), command.number)} fills gaps"

    def _auto(self, wanted: bool) -> str:
        self._state.want(AUTO, wanted)
        text = "gaps are filled by itself again" if wanted else "gaps are filled only when asked"
        self._event("settings", "", text)
        return text

    def _start(self, name: str) -> str:
        self._state.want(name, True)
        self._schedule.hasten(name, self._now())
        self._event("started", name, "collecting again, as asked")
        return f"{name}: started"

    def _stop(self, name: str) -> str:
        self._state.want(name, False)
        self._event("stopped", name, "not collecting until started again, as asked")
        return f"{name}: stopped"

    def _run_now(self, name: str, number: int) -> None:
        self._forced.setdefault(name, []).append(number)
        self._state.want(CATCH_UP, True)
        self._cycles.collectors[name].try_again()
        self._schedule.hasten(name, self._now())

    def _dry_run(self, name: str) -> str:
        answer = self._cycles.dry_run(name)
        self._event("dry run", name, answer)
        return f"{name} {answer}"

    def _retry(self, name: str) -> str:
        released = self._ledger.release(name)
        self._cycles.collectors[name].try_again()
        self._schedule.hasten(name, self._now())
        return f"{name}: {released} quarantined entries released"


def _title(request: Request) -> str:
    names = ", ".join(dataset.name for dataset in request.datasets)
    if request.since is None:
        return f"Filling the gaps of {names}"
    return f"Filling {names} from {request.since:%Y-%m-%d %H:%M} to {request.until or request.since:%Y-%m-%d %H:%M}"
