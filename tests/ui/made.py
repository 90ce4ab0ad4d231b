"""Snapshots made by hand, and a Model that carries out at once what a page asks of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.snapshot import JobState, Role, Snapshot
from aemo_ops.ui.model import Model

NOW = datetime(2026, 8, 20, 14, 37)
SNAPSHOT = Snapshot(
    now=NOW, role=Role.COLLECTING, reason="", holder="this process", folder="/data", adopted=True,
    next_cycle=None, cycle=None, datasets=(), collectors=(),
)  # fmt: skip


def with_heal(asked: int, state: str = "running", snapshot: Snapshot = SNAPSHOT) -> Snapshot:
    """A heal in front, which the command of that number asked for; 0: nobody did."""
    job = JobState(len(snapshot.jobs) + 1, HEAL, "Filling gaps", state, asked=asked)
    return replace(snapshot, jobs=(job, *snapshot.jobs))


class Stub:
    """In place of a Model: commands are numbered from 7 on, `answers` is what the engine answered so far."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str]] = []
        self.answers: dict[int, str] = {}
        self.console = self

    @property
    def model(self) -> Model:
        return cast(Model, self)

    def command(self, verb: str, subject: str, then: Callable[[int], Any]) -> None:
        self.commands.append((verb, subject))
        then(6 + len(self.commands))

    def answered(self, number: int) -> str | None:
        return self.answers.get(number)

    def fetch(self, read: Callable[[], Any], then: Callable[[Any], Any], _what: str) -> None:
        then(read())
