"""Survey: all that the Gaps page shows, read in one go off the loop; and what it says in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from aemo_ops.errors import AemoOpsError
from aemo_ops.market.dataset import Dataset
from aemo_ops.ops.completeness import Completeness
from aemo_ops.ops.gaps import Gaps
from aemo_ops.ops.listing import NO_SOURCE, Gap
from aemo_ops.ops.tally import Lot, Share, Tally, in_words, tally
from aemo_ops.ops.validity import NEW_KIND
from aemo_ops.store.findings import Finding
from aemo_ops.ui import words
from aemo_ops.ui.model import Console

SOURCES = {"current": "Current", "archive": "Archive", "mmsdm": "MMSDM", NO_SOURCE: "no source has it"}


@dataclass(frozen=True)
class File:
    """One file. `found` is None without a row, or where `problem` says why it cannot be read."""

    dataset: Dataset
    found: Completeness | None = None
    gaps: tuple[Gap, ...] = ()
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

    @cached_property
    def gaps(self) -> list[Gap]:
        """Of all files: what a person may want to fill first, then what only single units lack; each newest first."""
        found = sorted((gap for file in self.files for gap in file.gaps), key=lambda gap: gap.last, reverse=True)
        return sorted(found, key=lambda gap: gap.units)

    @cached_property
    def tally(self) -> Tally:
        """How many gaps there are: what every number of the page comes from."""
        return tally(self.gaps)

    @property
    def new_ids(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == NEW_KIND]

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
    return File(dataset, found, tuple(listed))


def attention(survey: Survey) -> str:
    """Why the page wants a look: gaps that are missing for certain only, since units come and go."""
    count = survey.tally.fillable.gaps
    return f"{words.counted(count, 'gap')} can be filled" if count else ""


def news(survey: Survey) -> str:
    """The ids that the market added, in a sentence; empty where there is none."""
    told = dict.fromkeys(finding.id for finding in survey.new_ids)
    if not told:
        return ""
    files = ", ".join(dict.fromkeys(finding.dataset for finding in survey.new_ids))
    return f"{', '.join(told)} {'is' if len(told) == 1 else 'are'} new in {files}: see the Gaps page."


def sentence(survey: Survey) -> str:
    """Whether there is anything to do, then how complete the files are."""
    if not any(file.found is not None for file in survey.files):
        return (
            "No file has a row yet, so nothing can be missing. The first cycle brings rows; gaps are told from then on."
        )
    return f"{in_words(survey.tally)} {_complete(survey)}"


def fill_all(survey: Survey) -> str:
    """What Fill all will ask for, before it does."""
    certain, units = survey.tally.fillable, survey.tally.units_fillable
    lots = [
        (certain, words.counted(certain.gaps, "gap")),
        (units, f"{words.counted(units.gaps, 'stretch', 'stretches')} in which only single units have no row"),
    ]
    told = [f"{what} ({_lot(lot)})" for lot, what in lots if lot.gaps]
    return f"Fill all asks for {' and for '.join(told)}." if told else ""


def _lot(lot: Lot) -> str:
    sources = ", ".join(SOURCES.get(source, source) for source in lot.sources)
    return f"{words.counted(lot.intervals, 'interval')} of {', '.join(lot.datasets)}; asked first: {sources}"


def _complete(survey: Survey) -> str:
    known = sum((Share.of(file.found) for file in survey.files if file.found is not None), Share())
    if not known.due:
        return "No interval is due yet."
    but = f" or absent at AEMO ({known.absent:,})" if known.absent else ""
    units = f"; in {known.units:,} of them single units have no row" if known.units else ""
    return f"{share(known.due - known.certain, known.due)} of the {known.due:,} intervals due are there{but}{units}."


def share(fine: int, due: int) -> str:
    """A share in percent that never rounds up to all, nor down to none."""
    if fine == due:
        return "100 %"
    percent = 100 * fine / due
    if percent > 99.995:
        return "over 99.99 %"
    return f"{percent:.2f} %" if percent >= 0.01 or fine == 0 else "under 0.01 %"
