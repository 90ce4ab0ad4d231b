"""The last step: the evidence, written beside the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aemo_ops.migrate import evidence
from aemo_ops.migrate.copy import digest
from aemo_ops.migrate.figures import before_and_after
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Facts, Phase, Step
from aemo_ops.migrate.wizard import fold
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.journal import Journal


class Finish:
    """Nothing is removed, here or anywhere: what a person may want to do is written out in the report."""

    name, title, word = "finish", "Finish", ""

    def __init__(self, move: Move, journal: Journal, before: Sequence[Step]) -> None:
        self._move = move
        self._journal = journal
        self._before = before

    @property
    def _folder(self) -> Path:
        return self._move.base / "evidence"

    def check(self) -> str | None:
        return None

    def plan(self) -> str:
        return f"Measure how fast old and new files are read; write {self._folder / evidence.PAGE} and {evidence.JSON} beside it."

    def apply(self, progress: Progress) -> Facts:
        rows = before_and_after(self._move)
        standings = [one for one in fold(self._journal, self._before) if one.phase is not Phase.OPEN]
        sums = evidence.write(self._folder, evidence.report(self._journal, standings, rows))
        return {"folder": str(self._folder), "sha256": sums, "figures": rows}

    def verify(self, evidence: Facts) -> str | None:
        """The report is there as it was written: it is evidence."""
        for name, wanted in evidence["sha256"].items():
            path = Path(evidence["folder"]) / name
            if not path.exists() or digest(path) != wanted:
                return f"{path} is not the report any more that was written"
        return None

    def back(self, evidence: Facts) -> str:
        return f"nothing: the report in {self._folder} stays"

    def undo(self, progress: Progress) -> Facts:
        """The report stays: it tells what was so."""
        return {}
