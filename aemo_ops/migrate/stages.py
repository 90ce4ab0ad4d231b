"""The five stages that a person sees, each of one or two steps, and how they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aemo_ops.migrate.step import Phase, Standing


class Tone(StrEnum):
    """How a stage stands, in a word that a person reads."""

    DONE = "done"
    NEXT = "next"
    DOING = "going on"
    FAILED = "failed"
    BACK = "being undone"
    BLOCKED = "not yet"


@dataclass(frozen=True)
class Stage:
    key: str
    title: str
    steps: tuple[str, ...]


STAGES = (
    Stage("prepare", "Prepare", ("prepare",)),
    Stage("copy", "Copy & verify", ("copy", "normal")),
    Stage("parallel", "Parallel run", ("catch_up", "compare")),
    Stage("switch", "Switchover", ("switch",)),
    Stage("finish", "Watch & finish", ("watch", "finish")),
)


def of_step(step: str) -> Stage:
    return next(one for one in STAGES if step in one.steps)


def tones(standings: Sequence[Standing]) -> dict[str, Tone]:
    """How each stage stands. The first that is not done is next; those behind it are blocked."""
    phases = {one.name: one.phase for one in standings}
    found: dict[str, Tone] = {}
    open_ = True
    for one in STAGES:
        mine = [phases.get(step, Phase.OPEN) for step in one.steps]
        if Phase.UNDOING in mine:
            found[one.key] = Tone.BACK
        elif all(phase is Phase.DONE for phase in mine):
            found[one.key] = Tone.DONE
        elif not open_:
            found[one.key] = Tone.BLOCKED
        elif Phase.FAILED in mine:
            found[one.key] = Tone.FAILED
        else:
            begun = any(phase in (Phase.BEGUN, Phase.DONE) for phase in mine)
            found[one.key] = Tone.DOING if begun else Tone.NEXT
        open_ = open_ and found[one.key] is Tone.DONE
    return found


def current(standings: Sequence[Standing]) -> Stage:
    """The stage that wants something: the first that is not done, or the last."""
    told = tones(standings)
    return next((one for one in STAGES if told[one.key] is not Tone.DONE), STAGES[-1])
