"""What was missed is read by itself, unless somebody says no to that very thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aemo_ops.clock import Clock
from aemo_ops.market.catalogue import PRICES5, SCADA5
from aemo_ops.ops.commands import CATCH_UP
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.jobs import Progress
from aemo_ops.replica import Replica
from tests.conftest import IN_CURRENT, SCADA_IN_CURRENT
from tests.ops.truth import in_file
from tests.waiting import until

Make = Callable[..., Engine]
BOTH = ("prices5", "scada5")


def ask(engine: Engine, verb: str, subject: str = "") -> str:
    number = engine.command(verb, subject)
    until(lambda: engine.answered(number) is not None, f"the answer to {verb}", 60)
    return str(engine.answered(number))


def job_of(engine: Engine, kind: str) -> int:
    until(lambda: any(job.kind == kind for job in engine.snapshot().jobs), f"the {kind} in the snapshot", 60)
    return next(job.number for job in engine.snapshot().jobs if job.kind == kind)


@contextmanager
def heal_that_waits(engine: Engine) -> Iterator[None]:
    """A job that runs until it is cancelled."""
    engine._jobs.start(HEAL, "Filling gaps", lambda progress: str(progress.pause(60.0)))
    yield
    until(lambda: not engine._jobs.active(HEAL), "the heal ends")


def test_to_cancel_a_heal_or_a_job_that_is_over_leaves_the_catch_up_alone(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",))
    with heal_that_waits(engine):
        engine.start()
        assert ask(engine, "cancel", "99") == "no such job runs"
        assert ask(engine, "cancel", "nonsense") == "no such job runs"
        assert ask(engine, "cancel", str(job_of(engine, HEAL))) == "cancelling"
    assert engine.state.wanted(CATCH_UP)
    until(lambda: engine.store.extent(PRICES5).rows == IN_CURRENT * 5, "all is caught up", 60)


def test_a_catch_up_that_was_cancelled_is_gone_on_with_by_run_now_and_by_the_next_start(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",), catchup_gap=0.2)
    engine.start()
    said = ask(engine, "cancel", str(job_of(engine, CATCH_UP)))
    assert said.startswith("cancelling") and '"Run now" reads the rest' in said
    until(lambda: not engine._jobs.active(CATCH_UP), "it ends")
    assert not engine.state.wanted(CATCH_UP)
    ask(engine, "run_now", "dispatchis")
    until(lambda: engine._jobs.active(CATCH_UP), "it goes on")
    ask(engine, "cancel", str(max(job.number for job in engine._jobs.states())))
    until(lambda: not engine._jobs.active(CATCH_UP), "it ends")
    engine.stop()
    assert engine.store.extent(PRICES5).rows < IN_CURRENT * 5
    again = engine_at(site.url, still, datasets=("prices5",))
    again.start()
    until(lambda: again.store.extent(PRICES5).rows == IN_CURRENT * 5, "all is caught up", 60)


def test_what_a_stopped_collector_missed_waits_until_it_is_started(
    site: Replica, still: Clock, engine_at: Make
) -> None:
    engine = engine_at(site.url, still, datasets=BOTH)
    engine.once()
    cycles = engine.settle()
    both, before = cycles.backlog, engine.store.extent(PRICES5).rows

    def told(done: int, total: int, text: str) -> None:
        if engine.state.wanted("dispatch_scada"):
            engine.state.want("dispatch_scada", False)  # while the catch-up runs
            site.forget()

    engine.state.want("dispatchis", False)
    assert 0 < cycles.backlog < both
    cycles.catch_up(Progress(told), 0.0)
    assert site.requests == []  # none after the stop
    assert engine.store.extent(PRICES5).rows == before
    assert cycles.backlog == 0
    engine.start()
    for name in ("dispatchis", "dispatch_scada"):
        assert ask(engine, "start", name) == f"{name}: started"
    until(lambda: engine.store.extent(PRICES5).rows == IN_CURRENT * 5, "its rest is read", 60)
    until(lambda: not engine._jobs.active(CATCH_UP), "the catch-up ends", 60)
    times = in_file(engine, SCADA5)
    assert len({time for time, _ in times}) == SCADA_IN_CURRENT


def test_a_stop_between_two_files_of_a_batch_is_obeyed(site: Replica, still: Clock, engine_at: Make) -> None:
    engine = engine_at(site.url, still, datasets=("prices5",))
    engine.once()
    cycles = engine.settle()
    site.forget()

    class Watched(Progress):
        def pause(self, seconds: float) -> bool:
            if len(site.requests) == 3:
                engine.state.want("dispatchis", False)
            return super().pause(seconds)

    cycles.catch_up(Watched(), 0.0)
    assert len(site.requests) == 3
