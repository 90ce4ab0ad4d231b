"""One state of a stage and one sentence, from the journal's fold and from whether somebody works at the move."""

from __future__ import annotations

import itertools

import pytest

from aemo_ops.migrate import stages
from aemo_ops.migrate.stages import ALL, STAGES, State
from aemo_ops.migrate.step import Phase, Standing

STEPS = [step for stage in STAGES for step in stage.steps]
OPEN, BEGUN, DONE, FAILED, UNDOING, UNDONE = Phase

# How a stage of two steps stands where all before it are done and nobody works at the move: every pair of phases.
IDLE = {
    State.NEXT: {(OPEN, OPEN), (OPEN, UNDONE), (UNDONE, OPEN), (UNDONE, UNDONE)},
    State.PARTLY: {(DONE, OPEN), (DONE, UNDONE), (OPEN, DONE), (UNDONE, DONE)},
    State.DONE: {(DONE, DONE)},
    State.STOPPED: {
        (BEGUN, OPEN),
        (BEGUN, UNDONE),
        (BEGUN, DONE),
        (BEGUN, BEGUN),
        (OPEN, BEGUN),
        (UNDONE, BEGUN),
        (DONE, BEGUN),
    },
    State.FAILED: {(FAILED, other) for other in (OPEN, BEGUN, DONE, FAILED, UNDONE)}
    | {(other, FAILED) for other in (OPEN, BEGUN, DONE, UNDONE)},
    State.BACK_STOPPED: {(UNDOING, other) for other in Phase} | {(other, UNDOING) for other in Phase},
}


def fold(*phases: Phase) -> list[Standing]:
    """The first steps in these phases, the others open."""
    return [
        Standing(step, step.title(), one, "why") for step, one in itertools.zip_longest(STEPS, phases, fillvalue=OPEN)
    ]


def expected(pair: tuple[Phase, Phase], open_: bool, job: str | None) -> State:
    (idle,) = (state for state, pairs in IDLE.items() if pair in pairs)
    if idle is State.BACK_STOPPED:
        return State.BACK if job == ALL else State.BACK_STOPPED
    if job == "copy" and open_:
        return State.DOING
    if idle is State.DONE:
        return idle
    if job == ALL and open_:  # what was begun is undone first, the others wait
        return State.BLOCKED if idle is State.NEXT else State.BACK
    return idle if open_ else State.BLOCKED


@pytest.mark.parametrize("job", [None, "copy", "parallel", ALL])
@pytest.mark.parametrize("before", [DONE, OPEN])
def test_every_pair_of_phases_is_one_state(before: Phase, job: str | None) -> None:
    assert sum(len(pairs) for pairs in IDLE.values()) == len(Phase) ** 2
    for pair in itertools.product(Phase, repeat=2):
        told = stages.states(fold(before, *pair), job)["copy"]
        at = (
            "copy" if job == "parallel" and pair != (DONE, DONE) else job
        )  # a job begins with the first stage that is not done
        assert told is expected(pair, before is DONE, at), (pair, job)


def journals() -> list[tuple[Phase, ...]]:
    """Every fold that a move can come to, but for the order in which what was rolled back is done again."""
    found = [(*(DONE,) * done, at) for done in range(len(STEPS)) for at in (OPEN, BEGUN, FAILED, UNDOING, UNDONE)]
    found += [(*(DONE,) * done, UNDOING, *(UNDONE,) * (len(STEPS) - done - 1)) for done in range(len(STEPS))]
    return [*found, (DONE,) * len(STEPS)]


@pytest.mark.parametrize("job", [None, ALL, *(stage.key for stage in STAGES)])
def test_at_most_one_stage_wants_something_and_nothing_goes_on_unless_somebody_works_at_it(job: str | None) -> None:
    quiet = {State.DONE, State.BLOCKED}
    for phases in journals():
        standings = fold(*phases)
        told = stages.states(standings, job)
        wants = [key for key, state in told.items() if state not in quiet]
        undoing = UNDOING in phases
        assert len(wants) <= 1 or undoing, (phases, job)
        assert (State.DOING in told.values()) == (job not in (None, ALL)) or undoing, (phases, job)
        assert State.BACK not in told.values() or job == ALL
        if phases != (DONE,) * len(STEPS) or job is not None:
            said = stages.sentence(standings, job)
            assert ("is going on" in said) == (job is not None), (phases, job)
            assert ("interrupted" in said) == (State.STOPPED in told.values()), (phases, job)
            assert ("failed" in said) == (State.FAILED in told.values()), (phases, job)
            if job not in (None, ALL) and not undoing:
                (doing,) = (stage for stage in STAGES if told[stage.key] is State.DOING)
                assert said == f"{doing.title} is going on."


def test_a_copy_whose_process_was_killed_is_interrupted_in_every_place() -> None:
    standings = fold(DONE, BEGUN)
    assert stages.states(standings, None)["copy"] is State.STOPPED
    assert [stages.word(one, None) for one in standings][:3] == ["done", "interrupted", "open"]
    assert stages.sentence(standings, None) == "Copy was interrupted; running the move again goes on with it."
    assert stages.elsewhere(standings) == "copy"
    assert stages.states(standings, "copy")["copy"] is State.DOING
    assert stages.word(standings[1], "copy") == "going on"


def test_a_rollback_of_another_process_is_told_as_such() -> None:
    standings = fold(DONE, DONE, UNDOING, UNDONE)
    assert stages.elsewhere(standings) == ALL
    assert stages.sentence(standings, ALL) == "Rolling back is going on."
    assert stages.states(standings, ALL)["copy"] is State.BACK
    assert stages.word(standings[2], ALL) == "being undone" and stages.word(standings[2], None) == "partly undone"
