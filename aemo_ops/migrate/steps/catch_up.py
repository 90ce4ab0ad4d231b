"""The fourth step: our engine begins to collect, and what the old files got since the copy comes over by key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aemo_ops.clock import Clock, stamp
from aemo_ops.errors import AemoOpsError, StepRefused
from aemo_ops.market import catalogue
from aemo_ops.migrate import torn
from aemo_ops.migrate.carry import carry, lost
from aemo_ops.migrate.copy import PAUSES
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Facts
from aemo_ops.migrate.steps.copying import copied, copied_until
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.lease import ADOPTION, FOLDER_LOCK, adopt


class CatchUp:
    """From here on both collect: the old one as before, ours into the new folder. Keys that ours fetched keep their row."""

    name, title, word = "catch_up", "Catch up & parallel run", ""

    def __init__(self, move: Move, shadow: Shadow, clock: Clock) -> None:
        self._move = move
        self._shadow = shadow
        self._clock = clock

    def check(self) -> str | None:
        absent = [name for name in copied(self._move) if not (self._move.data / name).exists()]
        return f"{', '.join(absent)} is not in {self._move.data}" if absent else None

    def plan(self) -> str:
        return (
            f"Collect from NEMWEB into {self._move.data}, beside the old collector, which goes on. Rows that the old files got "
            "since the copy are taken over by key; holes are filled from NEMWEB."
        )

    def apply(self, progress: Progress) -> Facts:
        adopt(self._move.data)
        begun = self._clock.now()
        ground = self._shadow.ground()
        copies = copied(self._move)  # how far they went: our engine has written there by now
        told: list[dict[str, Any]] = []
        for dataset in self._move.shared:
            since = copied_until(self._move, dataset)
            old = self._move.old(dataset)
            latest = catalogue.latest_possible(dataset, self._clock.now())
            carried = carry(dataset, old, ground.store, since, progress, ground.turn, latest=latest)
            ground.wrote(dataset)
            told.append(
                {
                    "dataset": dataset.name,
                    "mark": copies.get(dataset.file_name, {}).get("last"),
                    "since": stamp(since) if since else None,
                    "until": stamp(carried.until) if carried.until else None,
                    "inserted": carried.inserted,
                    "off_grid": carried.off_grid,
                }
            )
        return {"begun": stamp(begun), "datasets": told}

    def verify(self, evidence: Facts) -> str | None:
        """Our engine collects, and no key that the old files had then is lost.

        Then, not now: the old collector goes on, and may well be the first of the two to get a newer interval.
        """
        try:
            self._shadow.engine()
        except AemoOpsError as error:
            return f"our engine does not collect: {error}"
        left_torn = torn.known(self._move)
        for one in evidence["datasets"]:
            if not one["until"]:
                continue
            dataset = catalogue.dataset(one["dataset"])
            since = datetime.fromisoformat(one["since"]) if one["since"] else None
            until = datetime.fromisoformat(one["until"])
            old, new = self._move.old(dataset), self._move.data / dataset.file_name
            if (
                dataset.name not in left_torn
                and old.exists()
                and (gone := lost(dataset, old, new, self._clock.now(), since, until, PAUSES))
            ):
                return f"{new} lacks rows that {old} has: {'; '.join(gone)}"
        return None

    def back(self, evidence: Facts) -> str:
        return f"AEMO Ops stops collecting into {self._move.data} and collects where it did before the move"

    def undo(self, progress: Progress) -> Facts:
        """Our engine stops and the folder is nobody's; its files go with the steps before. Raises StepRefused."""
        if other := self._shadow.elsewhere():
            raise StepRefused(f"{other} collects into {self._move.data}: end it, then roll back again.")
        self._shadow.stop()
        removed = []
        for path in (
            self._move.data / ADOPTION,
            self._move.data / FOLDER_LOCK,
            *self._move.data.glob("*.parquet.lock"),
        ):
            if path.exists():
                path.unlink()
                removed.append(path.name)
        return {"removed": removed}
