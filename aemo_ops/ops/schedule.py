"""Periodic callbacks by NEM time, without drift: the next run is a whole number of periods after the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass
class Task:
    """A registered callback. `next` is the NEM time of its next run."""

    name: str
    period: timedelta
    callback: Callable[[], object]
    next: datetime


class Schedule:
    """Which callbacks are due. A run that was missed (sleep, a long cycle) is made up for once, not once per miss."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}

    def every(self, period: timedelta, callback: Callable[[], object], name: str, first: datetime) -> Task:
        """Register `callback` under `name`, replacing what had that name."""
        task = Task(name, period, callback, first)
        self._tasks[name] = task
        return task

    def due(self, now: datetime) -> list[Task]:
        """The tasks due at `now`; each is set to its next run after `now`.

        A task that would run more than a period from now is due too: the clock was set back, and waiting for it to come
        round again would be a silent stop.
        """
        tasks = [task for task in self._tasks.values() if task.next <= now or task.next - now > task.period]
        for task in tasks:
            task.next += task.period * ((now - task.next) // task.period + 1)
        return tasks

    def hasten(self, name: str, now: datetime) -> None:
        """Make a task due now, keeping its beat afterwards."""
        task = self._tasks[name]
        if task.next > now:
            task.next -= task.period * -((now - task.next) // task.period)
