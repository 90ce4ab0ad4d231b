"""Keeps a page's Survey up to date. What one tab read the others of this process share: it is read once for each change."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from aemo_ops.clock import Clock
from aemo_ops.market.intervals import FIVE_MINUTES, floor
from aemo_ops.ops.healing import HEAL
from aemo_ops.ops.snapshot import Snapshot
from aemo_ops.ui import survey
from aemo_ops.ui.model import Console, Model
from aemo_ops.ui.survey import Survey

_EVERY = 3.0  # real seconds between two reads: a fast demo changes its files more often


class Surveyor:
    """`look` often: it reads anew where a file, a heal or the number of due intervals changed, off the loop."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._reading = False
        self._mark: object = None
        self._read_at = float("-inf")

    def look(self) -> None:
        mark, real = _mark(self._model.snapshot, self._model.now), Clock.monotonic()
        if self._reading or mark == self._mark or real - self._read_at < _EVERY:
            return
        self._reading, self._mark, self._read_at = True, mark, real
        self._model.fetch(lambda: self._read(mark), self._got, "gaps")

    def _read(self, mark: object) -> Survey:
        try:
            return _shared.read(self._model.console, mark)
        finally:
            self._reading = False

    def _got(self, found: Survey) -> None:
        self._model.notices["gaps"] = survey.attention(found)
        self._model.notices["new ids"] = survey.news(found)
        self._model.survey = found


class _Shared:
    """The newest Survey of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._mark: object = None
        self._console: Console | None = None
        self._survey = Survey(datetime.min, ())

    def read(self, console: Console, mark: object) -> Survey:
        with self._lock:
            if mark != self._mark or console is not self._console:
                self._survey = survey.read(console)
                self._mark, self._console = mark, console
            return self._survey


_shared = _Shared()


def _mark(snapshot: Snapshot, now: datetime) -> object:
    """What changes whenever a Survey might say something else."""
    files = tuple((d.name, d.freshness.latest, d.rows, d.size) for d in snapshot.datasets)
    heals = tuple((job.number, job.state) for job in snapshot.jobs if job.kind == HEAL)
    return snapshot.folder, files, heals, snapshot.adopted, floor(now, FIVE_MINUTES)
