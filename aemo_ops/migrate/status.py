"""How the move stands, as data for any page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aemo_ops.migrate import stages
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Phase, Standing


@dataclass(frozen=True)
class Doing:
    """A deed that is under way, of one stage or (`stages.ALL`) of all. `done` of `total` are bytes where they are many.

    `seconds`: real ones since this counting began.
    """

    title: str
    stage: str
    done: int = 0
    total: int = 0
    text: str = ""
    seconds: float = 0.0
    cancelling: bool = False


@dataclass(frozen=True)
class Look:
    """What a look at the next step found: why it cannot be done (`later`: time alone mends it), and what it will do."""

    step: str
    reason: str
    later: bool
    plan: str
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # of the comparison: Gate.counts
    lines: tuple[Mapping[str, Any], ...] = ()  # of the watching: Line
    files: tuple[Mapping[str, Any], ...] = ()  # of the preparing: Prepare.files
    agree: Mapping[str, str] = field(default_factory=dict)  # of the normal form: NormalForm.asks


@dataclass(frozen=True)
class Status:
    """`asked`: the move as a person told it, without the places that were found. `said`: what came of the last deed,
    `failed` whether that was no success. `alarm`: maybe nobody collects.

    `considered`: the move was not begun yet; `gives_up`: to where the finished move went that can then no longer be rolled
    back. `elsewhere`: which other process works at it. `happened`: real time in UTC
    (ISO) and what, newest first. `back`: what a rollback will do.
    """

    move: Move | None = None
    asked: Move | None = None
    considered: bool = False
    gives_up: Path | None = None
    standings: tuple[Standing, ...] = ()
    doing: Doing | None = None
    said: str = ""
    failed: bool = False
    look: Look | None = None
    compared: tuple[Mapping[str, Any], ...] = ()
    alarm: str = ""
    elsewhere: str = ""
    broken: str = ""
    happened: tuple[tuple[str, str], ...] = ()
    back: tuple[str, ...] = ()
    sentence: str = "No move was begun."

    @property
    def job(self) -> str | None:
        """Who works at it now, as `stages` takes it."""
        if self.doing is not None:
            return self.doing.stage
        return stages.elsewhere(self.standings) if self.elsewhere else None

    @property
    def finished(self) -> bool:
        return {one.phase for one in self.standings} == {Phase.DONE}

    @property
    def over(self) -> bool:
        """Nothing of it is left to do: it is finished, or was rolled back."""
        phases = {one.phase for one in self.standings}
        return self.finished or (Phase.UNDONE in phases and phases <= {Phase.UNDONE, Phase.OPEN})

    @property
    def under_way(self) -> bool:
        return bool(self.standings) and not self.considered and not self.over

    def standing(self, step: str) -> Standing:
        return next(one for one in self.standings if one.name == step)
