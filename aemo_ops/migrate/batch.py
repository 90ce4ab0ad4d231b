"""Several files copied at once, as one deed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock

from aemo_ops.errors import StepRefused
from aemo_ops.migrate.copy import PAUSES, VerifiedCopy, check_copyable, copy_verified
from aemo_ops.ops.jobs import Progress

_LOOK = 0.2  # seconds between two looks whether the deed is cancelled, while nobody tells anything


def copy_all(
    pairs: Sequence[tuple[Path, Path]], progress: Progress, workers: int = 2, pauses: Sequence[float] = PAUSES
) -> list[VerifiedCopy]:
    """Copy several files, `workers` at once, the largest first; the copies in the order of `pairs`.

    Raises StepRefused before anything is written where a pair is refused. Later the first error stops the others at their
    next chunk and is raised; copies that were verified by then stay. See `copy_verified`.
    """
    _check_distinct([target for _, target in pairs])
    sizes = [check_copyable(source, target) for source, target in pairs]
    stop = Event()
    whole = _Whole(sizes, progress, stop)
    largest_first = sorted(range(len(pairs)), key=lambda number: -sizes[number])
    with ThreadPoolExecutor(workers, "copy") as pool:
        copies = {
            number: pool.submit(copy_verified, *pairs[number], whole.part(number), pauses) for number in largest_first
        }
        try:
            _await(copies.values(), progress, stop)
        finally:
            stop.set()
    return [copies[number].result() for number in range(len(pairs))]


def _check_distinct(targets: Sequence[Path]) -> None:
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        raise StepRefused(f"{', '.join(map(str, sorted(twice)))}: two files were to be copied there; nothing was.")


def _await(copies: Iterable[Future[VerifiedCopy]], progress: Progress, stop: Event) -> None:
    """Wait for all, or raise the first error."""
    running = set(copies)
    while running:
        done, running = wait(running, _LOOK, FIRST_COMPLETED)
        for copy in done:
            copy.result()
        if progress.cancelled:
            stop.set()


class _Whole:
    """The progress of all, told from that of each; a cancel of all is one of each."""

    def __init__(self, sizes: Sequence[int], progress: Progress, stop: Event) -> None:
        self._done = [0] * len(sizes)
        self._sizes = list(sizes)
        self._progress = progress
        self._stop = stop
        self._lock = Lock()

    def part(self, number: int) -> Progress:
        return Progress(lambda done, size, text: self._tell(number, done, size, text), self._stop)

    def _tell(self, number: int, done: int, size: int, text: str) -> None:
        with self._lock:
            self._done[number], self._sizes[number] = done, size
            self._progress.tell(sum(self._done), sum(self._sizes), text)
        if self._progress.cancelled:
            self._stop.set()
