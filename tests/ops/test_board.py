"""What a process that only looks on is told: the same as the one that collects knows."""

from __future__ import annotations

from collections.abc import Callable

from aemo_ops.clock import Clock
from aemo_ops.ops.engine import Engine
from tests.waiting import until

Make = Callable[..., Engine]


def test_who_looks_on_sees_the_newest_job_first_and_none_that_is_not_kept(still: Clock, engine_at: Make) -> None:
    nowhere = "http://127.0.0.1:1"
    holder = engine_at(nowhere, still)
    holder.settle()
    for number in range(1, 24):
        assert holder._jobs.start("heal", f"job {number}", lambda progress: "done") == number
        until(lambda: not holder._jobs.active("heal"), "it ends")
    other = engine_at(nowhere, still)
    until(lambda: other._board.snapshot(other._standing).jobs[0].state == "done", "the last is told")
    jobs = other._board.snapshot(other._standing).jobs
    assert [job.number for job in jobs] == list(range(23, 3, -1))
    assert jobs == holder._jobs.states()
