"""The folder that a run works in; files and filesystems are made when a subject first asks for them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from benchmarks import places, store
from benchmarks.places import Place
from benchmarks.plan import Plan


class Workshop:
    """`folder` is the run's own; `places` are those that somebody asked for. What has to be undone is left to `stack`."""

    def __init__(self, folder: Path, plan: Plan, stack: ExitStack) -> None:
        self.folder = folder
        self.plan = plan
        self.places: list[Place] = []
        self._stack = stack

    @cached_property
    def base(self) -> Path:
        """The files that updates and scans start from."""
        base = self.folder / "base"
        base.mkdir()
        store.prepare(base, self.plan)
        return base

    @cached_property
    def ordinary(self) -> Place:
        return self._known(places.ordinary(self.folder))

    @cached_property
    def reflink(self) -> Place:
        size = 16 * sum(path.stat().st_size for path in self.base.iterdir())
        return self._known(self._stack.enter_context(places.reflink(self.folder, size)))

    def _known(self, place: Place) -> Place:
        self.places.append(place)
        return place
