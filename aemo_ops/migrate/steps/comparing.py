"""The fifth step: the gate. What both collected is compared, AEMO decides, and only differences with a name pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from aemo_ops.clock import Clock, stamp
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import TIME, Dataset
from aemo_ops.market.derive import SIX
from aemo_ops.market.intervals import ceil, moment, nanoseconds
from aemo_ops.migrate.compare import LEAST, compare
from aemo_ops.migrate.comparison import Comparison, Verdict, together
from aemo_ops.migrate.copy import PAUSES, patiently
from aemo_ops.migrate.foreign import Foreign, Window
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.step import Facts, Later
from aemo_ops.migrate.told import Judge
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.contract.conversion import convert
from aemo_ops.store.contract.wide import time_column

_LOOKED_BACK = timedelta(days=3)


class Gate:
    """Compares intervals that our engine fetched or derived by itself: what came over from the old files proves nothing."""

    name, title, word = "compare", "Compare", ""

    def __init__(self, move: Move, shadow: Shadow, clock: Clock, judge: Callable[[], Judge]) -> None:
        self._move = move
        self._shadow = shadow
        self._clock = clock
        self._judge = judge

    def check(self) -> str | None:
        """None, or how much evidence there is yet."""
        thin = [f"{name} {count} of {wanted}" for name, (count, wanted) in self.counts().items() if count < wanted]
        if thin:
            return Later(
                f"not enough evidence yet: intervals that both have, {', '.join(thin)}. Wait for the next ones."
            )
        return None

    def counts(self) -> dict[str, tuple[int, int]]:
        """dataset -> the intervals that both have by now, and how many are wanted at least."""
        return {dataset.name: (len(self._both(dataset)), LEAST[dataset.cadence]) for dataset in self._move.shared}

    def plan(self) -> str:
        counts = ", ".join(f"{name} {count:,}" for name, (count, _) in self.counts().items())
        return f"Compare, key by key, the intervals that both collectors have ({counts}); where they differ, AEMO's file decides."

    def apply(self, progress: Progress) -> Facts:
        judge, found = self._judge(), []
        for done, dataset in enumerate(self._move.shared):
            progress.tell(done, len(self._move.shared), f"comparing {dataset.name}")
            found.append(self._compared(dataset, judge))
        return {"verdict": str(together(found)), "datasets": [_fact(one) for one in found]}

    def verify(self, evidence: Facts) -> str | None:
        if evidence["verdict"] == Verdict.PASS:
            return None
        told = [
            f"{one['dataset']}: {', '.join(f'{number} x {reason}' for reason, number in one['reasons'].items()) or one['problems']}"
            for one in evidence["datasets"]
            if one["verdict"] != Verdict.PASS
        ]
        return f"the comparison says {evidence['verdict']} ({'; '.join(told)})"

    def back(self, evidence: Facts) -> str:
        return "nothing is to be undone"

    def undo(self, progress: Progress) -> Facts:
        return {}

    def _compared(self, dataset: Dataset, judge: Judge) -> Comparison:
        ends = self._own(dataset)
        if not ends:
            return Comparison(dataset.name, wanted=LEAST[dataset.cadence])
        window = min(ends) - dataset.cadence, max(ends)
        old = self._old(dataset, window)
        new = self._shadow.ground().store.read(dataset, *window)
        return compare(dataset, _among(old, ends), _among(new, ends), judge, now=self._clock.now())

    def _both(self, dataset: Dataset) -> set[datetime]:
        """The interval ends of `_own` that the old file has rows of."""
        ends = self._own(dataset)
        if not ends:
            return set()
        return ends & _ends(self._old(dataset, (min(ends) - dataset.cadence, max(ends))))

    def _old(self, dataset: Dataset, window: Window) -> pa.Table:
        """Rows of the old file; its collector may be in the middle of writing it."""
        return patiently(lambda: Foreign(self._move.old(dataset)).read(window), Progress(), PAUSES)

    def _own(self, dataset: Dataset) -> set[datetime]:
        """What our engine fetched by itself, without the newest half hour; of derived ones those whose six it fetched."""
        ledger, now = self._shadow.ground().ledger, self._clock.now()
        if dataset.derived_from is None:
            return self._fetched(dataset, now)
        halves: dict[datetime, int] = {}
        for end in self._fetched(catalogue.dataset(dataset.derived_from), now):
            half = ceil(end, dataset.cadence)
            halves[half] = halves.get(half, 0) + 1
        partial = {end for end, _ in ledger.partial(dataset.name, now - _LOOKED_BACK, now)}
        return {half for half, count in halves.items() if count == SIX and half not in partial}

    def _fetched(self, dataset: Dataset, now: datetime) -> set[datetime]:
        """Interval ends of merged files. While others wait, one that has fewer files than its report makes is not all there."""
        ledger, collectors = self._shadow.ground().ledger, self._shadow.engine().state.facts("collector")
        since, until = now - _LOOKED_BACK, catalogue.settled(dataset, now)
        found: set[datetime] = set()
        for report in {source.report.name: source.report for source in dataset.sources}.values():
            files = Counter(end for end, _, _ in ledger.merged_files(report.name, since, until))
            wanted = len(report.prefixes) if collectors.get(report.name, {}).get("waiting") else 1
            found |= {end for end, count in files.items() if count >= wanted}
        return found


def _time(rows: pa.Table) -> np.ndarray:
    return convert(rows[time_column(rows.schema, "settlementdate")], TIME).cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]


def _ends(rows: pa.Table) -> set[datetime]:
    return {moment(end) for end in np.unique(_time(rows)).tolist()}


def _among(rows: pa.Table, ends: set[datetime]) -> pa.Table:
    return rows.filter(pa.array(np.isin(_time(rows), [nanoseconds(end) for end in ends])))


def _fact(one: Comparison) -> dict[str, Any]:
    return {
        "dataset": one.dataset,
        "verdict": str(one.verdict),
        "intervals": one.intervals,
        "only_old": one.only_old,
        "only_new": one.only_new,
        "equal": one.equal,
        "different": one.different,
        "off_grid": one.off_grid,
        "doubled": one.doubled,
        "reasons": {str(reason): number for reason, number in one.reasons.items()},
        "problems": one.problems,
        "samples": [
            {
                "settlementdate": stamp(s.end),
                "id": s.id,
                "reason": str(s.reason),
                "old": s.old,
                "new": s.new,
                "aemo": s.aemo,
            }
            for s in one.samples
        ],
    }
