"""A step of the move, and how it stands: the contract that every one of them keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from aemo_ops.ops.jobs import Progress

Facts = Mapping[str, Any]  # what JSON can hold


class Later(str):
    """A reason of `Step.check` that passes by itself: whoever asks again some time later will find it gone."""

    __slots__ = ()


class Step(Protocol):
    """Idempotent: done again after a crash it ends as if there had been none. Keeps nothing in memory between its calls.

    `word`: what a person must type before it is applied, empty where nothing can be lost by it.
    """

    name: str
    title: str
    word: str

    def check(self) -> str | None:
        """Why it cannot be applied as things stand (`Later`: not yet), with what to do; None where it can. Changes nothing."""
        ...

    def plan(self) -> str:
        """What applying it will do, written out. Changes nothing."""
        ...

    def apply(self, progress: Progress) -> Facts:
        """Do it; the evidence. What it raises leaves things so that it can be applied again, or undone. Raises MigrationError."""
        ...

    def verify(self, evidence: Facts) -> str | None:
        """Why it does not hold, by looking at the world and not at what `apply` said; None where it does."""
        ...

    def back(self, evidence: Facts) -> str:
        """What `undo` will do, written out; `evidence` is empty where nothing says that the step was done. Changes nothing.

        Raises StepRefused where it cannot be undone as things stand.
        """
        ...

    def undo(self, progress: Progress) -> Facts:
        """Bring back what was before it, however far `apply` came; what that took."""
        ...


class Phase(StrEnum):
    OPEN = "open"
    BEGUN = "begun"  # its intent is written; whether it was done is not known
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True)
class Standing:
    """How a step stands. `reason`: why it failed. `at`: real time of its last entry (UTC, ISO)."""

    name: str
    title: str
    phase: Phase = Phase.OPEN
    reason: str = ""
    evidence: Facts = field(default_factory=dict)
    at: str = ""
