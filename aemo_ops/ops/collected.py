"""What was fetched of a report, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from aemo_ops.errors import NemwebRefused, SourceError
from aemo_ops.nemweb.listing import Listing
from aemo_ops.store.merge import Merge


@dataclass
class Fetched:
    """Files as received, and why others were not. `refused`: the site asked us to stop, the rest was not asked for."""

    bodies: dict[Listing, bytes] = field(default_factory=dict)
    failures: dict[Listing, SourceError] = field(default_factory=dict)
    refused: NemwebRefused | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.bodies.values()))


@dataclass
class Collected:
    """What came of some files of one report. `merges`: dataset -> counts, derived datasets too; `files` -> files merged.

    `left_out`: of files that were merged, what is worth telling of the rows that were not.
    """

    report: str
    merges: dict[str, Merge] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, dataset: str, merge: Merge) -> None:
        self.merges[dataset] = self.merges.get(dataset, Merge()) + merge

    @property
    def rows(self) -> Merge:
        return sum(self.merges.values(), Merge())

    @property
    def merged_files(self) -> int:
        return max(self.files.values(), default=0)
