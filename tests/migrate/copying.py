"""A copy under observation: what is copied, by small chunks, and what happens in its middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from aemo_ops.migrate.copy import VerifiedCopy, copy_verified
from aemo_ops.ops.jobs import Progress

CHUNK = 1_000
CONTENT = np.random.default_rng(3).bytes(10 * CHUNK + 17)
HALVES = ("copying", "verifying")


def quiet() -> Progress:
    return Progress(lambda *_: None)


def acting(act: Callable[[], object], half: str = "copying", times: int = 1) -> Progress:
    """A progress that does something in the middle of a half, the first `times` times."""
    left = [times]

    def tell(done: int, total: int, text: str) -> None:
        begins = total // 2 if half == "verifying" else 0
        if left[0] and text.startswith(half) and done > begins + total // 8:
            left[0] -= 1
            act()

    return Progress(tell)


def copied(source: Path, target: Path, progress: Progress | None = None) -> VerifiedCopy:
    """Without another try."""
    return copy_verified(source, target, progress or quiet(), ())


def nothing_is_left(target: Path, source: Path, content: bytes = CONTENT) -> bool:
    return list(target.parent.iterdir()) == [] and source.read_bytes() == content


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(CONTENT[::-1])
