"""Survey: all that the Gaps page shows, read in one go off the loop; and what it says in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from aemo_ops.errors import AemoOpsError
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import nanoseconds
from aemo_ops.ops.completeness import Completeness, Presence
from aemo_ops.ops.gaps import NO_SOURCE, Gap, Gaps
from aemo_ops.store.findings import Finding
from aemo_ops.ui import words
from aemo_ops.ui.model import Console


@dataclass(frozen=True)
class Listed:
    """A gap as the list shows it. `soft`: only the units of the days around say that something is missing."""

    gap: Gap
    soft: bool

    @property
    def fillable(self) -> bool:
        return self.gap.state is not Presence.ABSENT and self.gap.source != NO_SOURCE


@dataclass(frozen=True)
class File:
    """One file. `found` is None without a row, or where `problem` says why it cannot be read."""

    dataset: Dataset
    found: Completeness | None = None
    gaps: tuple[Listed, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Survey:
    """What was found at `now`, in `folder`; `filled` is the last heal's result as Console.filled tells it."""

    now: datetime
    files: tuple[File, ...]
    findings: tuple[Finding, ...] = ()
    filled: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    folder: str = ""

    @property
    def filled_here(self) -> dict[str, Any]:
        """The last heal's result where it was of this folder: a move takes the app to another one."""
        return self.filled if self.filled.get("folder") == self.folder else {}

    @property
    def gaps(self) -> list[Listed]:
        """Of all files: what a person may want to fill first, then what only single units lack; each newest first."""
        found = sorted((one for file in self.files for one in file.gaps), key=lambda one: one.gap.last, reverse=True)
        return sorted(found, key=lambda one: one.soft)

    def file(self, name: str) -> File | None:
        return next((file for file in self.files if file.dataset.name == name), None)


def read(console: Console) -> Survey:
    """Reads everything; what cannot be read is said in `problem`, of the file or of the whole."""
    try:
        gaps = console.gaps()
        files = tuple(_file(gaps, dataset) for dataset in gaps.datasets)
    except (AemoOpsError, OSError) as error:
        return Survey(console.now(), (), problem=str(error))
    folder = console.snapshot().folder
    try:
        return Survey(console.now(), files, tuple(console.findings()), console.filled(), folder=folder)
    except (AemoOpsError, OSError) as error:
        return Survey(console.now(), files, problem=str(error), folder=folder)


def _file(gaps: Gaps, dataset: Dataset) -> File:
    try:
        found = gaps.of(dataset)
        listed = gaps.listed(dataset, found) if found is not None else []
    except (AemoOpsError, OSError) as error:
        return File(dataset, problem=str(error))
    return File(dataset, found, tuple(Listed(gap, _is_soft(found, gap)) for gap in listed))


def _is_soft(found: Completeness | None, gap: Gap) -> bool:
    if found is None or gap.state is not Presence.PARTIAL:
        return False
    return bool(found.soft[np.searchsorted(found.ends, nanoseconds(gap.first))])


def attention(survey: Survey) -> str:
    """Why the page wants a look: hard gaps only, since units come and go."""
    hard = [one for one in survey.gaps if one.fillable and not one.soft]
    return f"{words.counted(len(hard), 'gap')} can be filled" if hard else ""


def sentence(survey: Survey) -> str:
    """Whether there is anything to do, then how complete the files are."""
    if not any(file.found is not None for file in survey.files):
        return (
            "No file has a row yet, so nothing can be missing. The first cycle brings rows; gaps are told from then on."
        )
    gaps = survey.gaps
    hard = [one for one in gaps if one.fillable and not one.soft]
    soft = [one for one in gaps if one.fillable and one.soft]
    barred = [one.gap for one in gaps if one.gap.state is not Presence.ABSENT and not one.fillable]
    later = [gap.opens for gap in barred if gap.opens]
    parts = [_to_do(hard, soft, len(barred))]
    if later:
        have = "gap has left" if len(later) == 1 else "gaps have left"
        parts.append(
            f"{len(later):,} {have} Current; the next source should have the first of them from {min(later):%d %b}."
        )
    if lost := len(barred) - len(later):
        parts.append(f"{lost:,} {'gap is' if lost == 1 else 'gaps are'} older than every source of AEMO's.")
    return " ".join([*parts, _complete(survey)])


def _to_do(hard: list[Listed], soft: list[Listed], barred: int) -> str:
    also = f"{words.counted(len(soft), 'spell')} in which single units have no row can be asked for"
    if hard:
        files = words.counted(len({one.gap.dataset for one in hard}), "file")
        first = f"{words.counted(len(hard), 'gap')} in {files} can be filled."
        return f"{first} {also}, too." if soft else first
    if barred:
        return f"Nothing can be filled now; {also}." if soft else "Nothing can be filled now."
    return f"Nothing is missing for certain; {also}." if soft else "Nothing is missing. Nothing to do."


def _complete(survey: Survey) -> str:
    known = [file.found for file in survey.files if file.found is not None]
    due = sum(found.due for found in known)
    fine = sum(found.count(Presence.COMPLETE) + found.count(Presence.ABSENT) for found in known)
    if not due:
        return "No interval is due yet."
    absent = sum(found.count(Presence.ABSENT) for found in known)
    but = f" or absent at AEMO ({absent:,})" if absent else ""
    return f"{share(fine, due)} of the {due:,} intervals due are there{but}."


def share(fine: int, due: int) -> str:
    """A share in percent that never rounds up to all, nor down to none."""
    if fine == due:
        return "100 %"
    percent = 100 * fine / due
    if percent > 99.995:
        return "over 99.99 %"
    return f"{percent:.2f} %" if percent >= 0.01 or fine == 0 else "under 0.01 %"
