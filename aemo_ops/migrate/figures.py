"""How fast the same questions are answered from the old files and from the new ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from aemo_ops.clock import Clock
from aemo_ops.errors import UnreadableNow
from aemo_ops.migrate.foreign import Foreign
from aemo_ops.migrate.move import Move
from aemo_ops.store.contract.examination import DAMAGE

_TIMES = 3
_YEAR = timedelta(days=365)


def before_and_after(move: Move) -> list[dict[str, Any]]:
    """A row a question and file: median seconds in the old folder and in the new one, None where a file cannot be read."""
    rows = []
    for dataset in move.datasets:
        for what, ask in (("opened", _opened), ("its last year read", _year)):
            old, new = (_asked(path, ask) for path in (move.old(dataset), move.data / dataset.file_name))
            rows.append({"file": dataset.file_name, "what": what, "old_seconds": old, "new_seconds": new})
    return rows


def _asked(path: Path, ask: Callable[[Path], object]) -> float | None:
    seconds = []
    for _ in range(_TIMES):
        begun = Clock.monotonic()
        try:
            ask(path)
        except (UnreadableNow, *DAMAGE):  # the old collector may be writing it
            return None
        seconds.append(Clock.monotonic() - begun)
    return round(median(seconds), 4)


def _opened(path: Path) -> object:
    return pq.read_metadata(path)


def _year(path: Path) -> object:
    file = Foreign(path)
    span = file.span()
    return file.read((span[1] - _YEAR, span[1])) if span else None
