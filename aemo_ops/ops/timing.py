"""How fast each file answers what people and programs ask of it, measured when asked, in little memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from aemo_ops.clock import Clock
from aemo_ops.errors import StoreError
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.parquet import Store

_TIMES = 3
_ENOUGH = 1.0  # real seconds after which the same question is not asked again
_TAIL = 64 * 1024  # bytes: a parquet reader asks for the end of a file first
_YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Speed:
    """Median milliseconds: to reach the end of the file (`access`), its last interval's rows, its last year (`year_rows`).

    The year passes by a part at a time: half a hundred million rows at once would be more than the rest of the program holds.
    """

    dataset: str
    size: int
    access: float
    last: float
    year: float
    year_rows: int


def speeds(store: Store, datasets: Sequence[Dataset]) -> list[Speed]:
    """A file that is not there, or cannot be read, is left out."""
    found = []
    for dataset in datasets:
        try:
            if latest := store.latest(dataset):
                found.append(_of(store, dataset, latest - dataset.cadence, latest - _YEAR))
        except (StoreError, OSError):
            continue
    return found


def _of(store: Store, dataset: Dataset, last: datetime, year: datetime) -> Speed:
    path, rows = store.path(dataset), [0]

    def access() -> None:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            file.read()

    def whole_year() -> None:
        rows[0] = sum(part.num_rows for part in store.parts(dataset, year))

    return Speed(
        dataset.name,
        path.stat().st_size,
        _milliseconds(access),
        _milliseconds(lambda: store.read(dataset, last)),
        _milliseconds(whole_year),
        rows[0],
    )


def _milliseconds(ask: Callable[[], object]) -> float:
    taken: list[float] = []
    while len(taken) < _TIMES and sum(taken) < 1000 * _ENOUGH:
        begun = Clock.monotonic()
        ask()
        taken.append(1000 * (Clock.monotonic() - begun))
    return round(median(taken), 2)
