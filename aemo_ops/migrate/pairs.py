"""Two files, or the files of two folders, compared month by month: memory is bounded by a month, not by the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aemo_ops.errors import StepRefused
from aemo_ops.market.catalogue import DATASETS
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.compare import compare
from aemo_ops.migrate.comparison import Comparison
from aemo_ops.migrate.foreign import Foreign, months
from aemo_ops.migrate.told import Judge
from aemo_ops.store.contract.recognition import recognise


@dataclass(frozen=True)
class Pair:
    """The two files of a dataset."""

    dataset: Dataset
    old: Path
    new: Path


def pairs(old: Path, new: Path, chosen: Sequence[Dataset] = ()) -> list[Pair]:
    """Two files as a pair; of two folders every dataset that both have, or those of `chosen`.

    `chosen` also says whose two files are whose names do not tell. Raises StepRefused where there is nothing to compare.
    """
    for path in (old, new):
        if not path.exists():
            raise StepRefused(f"{path} does not exist")
    if old.is_dir() != new.is_dir():
        raise StepRefused(f"compare two files or two folders: {old if old.is_dir() else new} is a folder")
    if not old.is_dir():
        told = [*chosen, *(known for path in (new, old) if (known := _dataset(path)))]
        if not told:
            raise StepRefused(f"{new.name} names no dataset; say which it is with --dataset")
        return [Pair(told[0], old, new)]
    both = [one for one in chosen or DATASETS if all((folder / one.file_name).exists() for folder in (old, new))]
    if not both:
        raise StepRefused(f"{old} and {new} have no file of the same dataset")
    return [Pair(one, old / one.file_name, new / one.file_name) for one in both]


def _dataset(path: Path) -> Dataset | None:
    recognition = recognise(path.name)
    return recognition.dataset if recognition else None


def compare_files(
    pair: Pair,
    since: datetime | None = None,
    until: datetime | None = None,
    judge: Judge | None = None,
    now: datetime | None = None,
    told: Callable[[int, int], object] = lambda done, total: None,
) -> Comparison:
    """Compare what two files hold of the intervals that end in (since, until], by default of all. `now`: see `compare`.

    `told` hears how many months of how many are done. Raises UnreadableNow for a file that is not whole.
    """
    old, new = Foreign(pair.old), Foreign(pair.new)
    found = compare(pair.dataset, old.schema.empty_table(), new.schema.empty_table())
    parts = months([old.span(), new.span()], since, until)
    for done, month in enumerate(parts):
        told(done, len(parts))
        found.add(compare(pair.dataset, old.read(month), new.read(month), judge, now=now))
    told(len(parts), len(parts))
    return found
