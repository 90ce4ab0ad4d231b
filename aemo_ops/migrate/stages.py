"""The five stages that a person sees, each of one or two steps, and how they stand: said once, for pages and command line.

`job` is everywhere the stage that somebody works at now, ALL for a rollback, None while nobody works at the move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aemo_ops.migrate.step import Phase, Standing

ALL = ""


class State(StrEnum):
    """How a stage stands, in a word that a person reads."""

    DONE = "done"
    NEXT = "next"
    DOING = "going on"
    PARTLY = "partly done"
    STOPPED = "interrupted"
    FAILED = "failed"
    BACK = "being undone"
    BACK_STOPPED = "partly undone"
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


def states(standings: Sequence[Standing], job: str | None) -> dict[str, State]:
    """How each stage stands. The first that is not done is the one that wants something; those behind it are blocked."""
    phases = {one.name: one.phase for one in standings}
    at = _at(phases, job)
    found: dict[str, State] = {}
    open_ = True
    for one in STAGES:
        found[one.key] = _state({phases.get(step, Phase.OPEN) for step in one.steps}, open_, job, one.key == at)
        open_ = open_ and found[one.key] is State.DONE
    return found


def _at(phases: dict[str, Phase], job: str | None) -> str | None:
    """The stage that a job is at: the first that is not done, up to the one that was asked for."""
    if not job:
        return None
    keys = [one.key for one in STAGES]
    way = STAGES[: keys.index(job) + 1]
    return next((one.key for one in way if {phases.get(step) for step in one.steps} != {Phase.DONE}), job)


def _state(phases: set[Phase], open_: bool, job: str | None, here: bool) -> State:
    """Of a stage whose steps are in these phases: `open_` where all before it are done, `here` where the job is at it."""
    if Phase.UNDOING in phases:
        return State.BACK if job == ALL else State.BACK_STOPPED
    if here:
        return State.DOING
    if phases == {Phase.DONE}:
        return State.DONE
    if not open_ or (job == ALL and phases <= {Phase.OPEN, Phase.UNDONE}):
        return State.BLOCKED
    if job == ALL:
        return State.BACK
    if Phase.FAILED in phases:
        return State.FAILED
    if Phase.BEGUN in phases:
        return State.STOPPED
    return State.PARTLY if Phase.DONE in phases else State.NEXT


def current(standings: Sequence[Standing], job: str | None = None) -> Stage:
    """The stage that wants something: the first that is not done, or the last."""
    told = states(standings, job)
    return next((one for one in STAGES if told[one.key] is not State.DONE), STAGES[-1])


def elsewhere(standings: Sequence[Standing]) -> str:
    """The job of another process, of which only the journal is known."""
    return ALL if any(one.phase is Phase.UNDOING for one in standings) else current(standings).key


def word(standing: Standing, job: str | None) -> str:
    """How a step stands, in a word that agrees with its stage's."""
    match standing.phase:
        case Phase.BEGUN:
            return str(State.STOPPED if job is None else State.DOING)
        case Phase.UNDOING:
            return str(State.BACK if job == ALL else State.BACK_STOPPED)
    return str(standing.phase)


def sentence(standings: Sequence[Standing], job: str | None) -> str:
    """How a move that is under way stands, in a sentence."""
    if job == ALL:
        return "Rolling back is going on."
    title = current(standings, job).title
    if job is not None:
        return f"{title} is going on."
    if going := next((one for one in standings if one.phase is Phase.UNDOING), None):
        return f"A rollback was begun and not finished; it was at: {going.title}. Rolling back again goes on with it."
    at = next(one for one in standings if one.phase is not Phase.DONE)
    if at.phase is Phase.FAILED:
        return f"{at.title} failed: {at.reason}"
    if at.phase is Phase.BEGUN:
        return f"{at.title} was interrupted; running the move again goes on with it."
    return f"The next step is: {at.title}."
