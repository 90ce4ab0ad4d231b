"""The third step: a copy that breaks its dataset's contract is rewritten beside itself, with counts of what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from aemo_ops.clock import Clock
from aemo_ops.errors import Cancelled
from aemo_ops.files import explained, failpoint, flush_folder, partial_of
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.copy import digest
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.step import Facts
from aemo_ops.migrate.steps.copying import copied, kept_copy
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.contract.examination import DAMAGE, examine
from aemo_ops.store.contract.normal import Repair, normal_path, normalise
from aemo_ops.store.contract.problem import Kind, Verdict
from aemo_ops.store.contract.wide import Unfolded, is_wide_file, unfold, unfolded
from aemo_ops.store.lease import adopted

Version = tuple[int, int, int, int]
LOSSES = (Kind.NULL_KEY, Kind.IMPOSSIBLE_DATE)  # rows that no normal form can keep: a person must agree


class NormalForm:
    """The copy as it came stays in the backup folder; the rewritten file takes its name.

    Only a kept copy that is the very one of the manifest is rewritten, or brought back: one of another time lacks days.
    """

    name, title, word = "normal", "Normal form", ""

    def __init__(self, move: Move, clock: Clock) -> None:
        self._move = move
        self._clock = clock
        self._examined: dict[str, tuple[Version, Verdict]] = {}
        self._wide: dict[str, tuple[Version, Unfolded]] = {}

    def check(self) -> str | None:
        reasons = []
        for dataset, verdict in self._verdicts():
            taken = self._move.backup / dataset.file_name
            if taken.exists() and self._kept(dataset) is None:
                reasons.append(
                    f"{taken} is not the copy that this move made; it was not touched. Move it away, then go on"
                )
            if verdict.fatal:
                reasons.append(f"{verdict.file.name} cannot be read: {verdict.problems[0].detail}")
        reasons += [f"{words}: agree to that" for words in self.asks().values()]
        return "; ".join(reasons) or None

    def asks(self) -> dict[str, str]:
        """What a person has not agreed to yet (see AGREEMENTS) -> what is left out then, in words."""
        asked: dict[str, list[str]] = {"drop_columns": [], "accept_loss": []}
        for dataset, verdict in self._verdicts():
            name = verdict.file.name
            if self._is_wide(dataset, verdict.file):
                if unlike := self._unfolded(dataset, verdict.file).unlike:
                    asked["accept_loss"].append(
                        f"{name}: {unlike:,} values between half hours that the half hours do not explain are left out"
                    )
                continue
            for problem in verdict.problems:
                if problem.kind is Kind.EXTRA_COLUMN:
                    asked["drop_columns"].append(f"{name} has columns that belong to no dataset ({problem.detail})")
                elif problem.kind in LOSSES:
                    asked["accept_loss"].append(f"{name}: {problem.detail}; they are left out")
        return {name: ", ".join(words) for name, words in asked.items() if words and name not in self._move.agreed}

    def plan(self) -> str:
        lines = []
        for dataset, verdict in self._verdicts():
            if self._is_wide(dataset, verdict.file):
                lines.append(
                    f"{verdict.file.name}: rewritten: it has a column for each region, and gets a row for each instead"
                )
                continue
            what = "; ".join(f"{problem.detail} ({problem.count:,})" for problem in verdict.cured_by_rewriting)
            lines.append(f"{verdict.file.name}: {f'rewritten: {what}' if what else 'as it is'}")
        return "\n".join(lines)

    def apply(self, progress: Progress) -> Facts:
        told: list[dict[str, Any]] = []
        for dataset, verdict in self._verdicts():
            if self._kept(dataset) or verdict.cured_by_rewriting:
                told.append(self._rewritten(dataset, verdict.file, progress))
        return {"files": told}

    def _kept(self, dataset: Dataset) -> Path | None:
        fact = copied(self._move).get(dataset.file_name)
        return kept_copy(self._move, fact) if fact else None

    def _rewritten(self, dataset: Dataset, path: Path, progress: Progress) -> dict[str, Any]:
        """The copy gets a second name first, so that its own holds a whole file at every moment."""
        kept = self._move.backup / path.name
        if self._kept(dataset) is None:
            with explained(kept):
                kept.hardlink_to(path)
                flush_folder(kept.parent)
        failpoint("normal.kept")

        size = kept.stat().st_size

        def going(done: int, of: int) -> None:
            progress.tell(size * done // max(of, 1), size, f"rewriting {path.name}")
            if progress.cancelled:
                raise Cancelled(f"{path}: stopped as asked; the copy as it came is {kept}.")

        beside, now = normal_path(path), self._clock.now()
        source, more = kept, {}
        if is_wide_file(dataset, kept):
            source = _long_path(path)
            found = unfold(kept, source, dataset)
            more = {"kept": str(kept), "source_sha256": digest(kept), "between": found.between, "unlike": found.unlike}
        repair = normalise(
            source,
            beside,
            dataset,
            now,
            self._move.drop_columns,
            overwrite=True,
            progress=going,
            accept_loss=self._move.accept_loss,
        )
        failpoint("normal.written")
        with explained(path):
            beside.replace(path)
            flush_folder(path.parent)
            if source != kept:
                source.unlink()
        return {"name": path.name, **_fact(repair), **more}

    def verify(self, evidence: Facts) -> str | None:
        """Byte for byte what it was, and its contract is kept; once the engine writes there, every merge sees to that."""
        if adopted(self._move.data):
            return None
        for fact in evidence["files"]:
            path = self._move.data / fact["name"]
            if not path.exists() or digest(path) != fact["sha256"]:
                return f"{path} is not the file any more that was written"
        for _, verdict in self._verdicts():
            left = verdict.cured_by_rewriting
            if verdict.fatal or left:
                return f"{verdict.file}: {(left or verdict.problems)[0].detail}"
        return None

    def back(self, evidence: Facts) -> str:
        return "undo the rewriting: the copies get back the form in which they came"

    def undo(self, progress: Progress) -> Facts:
        """The copies as they came get their names back."""
        restored = []
        for dataset in self._move.datasets:
            path = self._move.data / dataset.file_name
            beside = (normal_path(path), _long_path(path))
            for part in (*beside, *map(partial_of, beside)):
                part.unlink(missing_ok=True)
            if kept := self._kept(dataset):
                kept.replace(path)
                restored.append(dataset.file_name)
        with explained(self._move.data):
            flush_folder(self._move.data)
        return {"restored": restored}

    def _is_wide(self, dataset: Dataset, path: Path) -> bool:
        try:
            return is_wide_file(dataset, path)
        except DAMAGE:
            return False

    def _unfolded(self, dataset: Dataset, path: Path) -> Unfolded:
        """What a wide file comes to; one that has not changed since is not read again."""
        version = _version(path)
        if (known := self._wide.get(dataset.name)) is None or known[0] != version:
            self._wide[dataset.name] = version, unfolded(dataset, pq.read_table(path))
        return self._wide[dataset.name][1]

    def _verdicts(self) -> list[tuple[Dataset, Verdict]]:
        """Of every dataset's copy. A file that has not changed since is not examined again: that takes a minute for years."""
        found = []
        for dataset in self._move.datasets:
            path = self._move.data / dataset.file_name
            if path.exists():
                version = _version(path)
                if (known := self._examined.get(dataset.name)) is None or known[0] != version:
                    self._examined[dataset.name] = version, examine(path, self._clock.now(), dataset)
                found.append((dataset, self._examined[dataset.name][1]))
        return found


def _version(path: Path) -> Version:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _long_path(path: Path) -> Path:
    """Where a wide copy goes with a row for each region, until its normal form is written."""
    return path.with_name(f".{path.stem}.long{path.suffix}")


def _fact(repair: Repair) -> dict[str, Any]:
    return {
        "kept": str(repair.source),
        "source_sha256": repair.source_sha256,
        "sha256": repair.target_sha256,
        "rows_in": repair.rows_in,
        "rows_out": repair.rows_out,
        "duplicates_identical": repair.identical,
        "duplicates_differing": repair.differing,
        "off_grid": repair.off_grid,
        "null_keys": repair.null_keys,
        "impossible_dates": repair.impossible,
        "values_unreadable": repair.unread,
        "columns_added": list(repair.added),
        "columns_dropped": list(repair.dropped),
    }
