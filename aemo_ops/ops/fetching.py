"""Fetching: offers become parsed rows. Downloads one after the other, politely; parsing goes on beside them elsewhere."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace

from aemo_ops.errors import AemoOpsError, NemwebRefused, ReportRejected, SourceError
from aemo_ops.nemweb.archive import Level, Offer
from aemo_ops.nemweb.bundle import LARGEST_PACKED
from aemo_ops.nemweb.client import Client
from aemo_ops.nemweb.listing import Listing
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.parsing import Feed, Parsed, Task, parse
from aemo_ops.ops.workers import Workers

log = logging.getLogger(__name__)
_TRIES = 3  # a worker that dies takes its task with it: it is given again, so often in all
_ANSWER_SECONDS = 1800.0
# Files one after the other that may yet come and did not: the site is down, one of each errand is asked for.
_IN_VAIN = 3


@dataclass(frozen=True)
class Errand:
    """An offer to fetch, what to read from it, and the span of interval ends (nanoseconds) that is wanted of it."""

    offer: Offer
    feeds: tuple[Feed, ...]
    first: int
    last: int


@dataclass
class _Received:
    """What came of an offer's files: (name, body), and (name, why it did not come)."""

    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)


class Fetching:
    """The executor of `workers` is made with the first errand, and again when one of its processes died."""

    def __init__(self, client: Client, workers: Workers, gap_seconds: float) -> None:
        self._client = client
        self._workers = workers
        self._executor: Executor | None = None
        self._in_vain = 0
        self.gap_seconds = gap_seconds

    def __enter__(self) -> Fetching:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)  # one that is left to itself may outlive us
            self._executor = None

    def run(self, errands: Iterable[Errand], progress: Progress) -> Iterator[tuple[Errand, Parsed | AemoOpsError]]:
        """Each errand with its rows, or with why there are none; fewer when the progress is cancelled."""
        waiting: deque[tuple[Errand, _Received, Task, Future[Parsed]]] = deque()
        for errand in errands:
            received = self._download(errand.offer, progress)
            if received is None:
                break
            if isinstance(received, AemoOpsError):
                yield errand, received
                continue
            bodies = tuple(received.bodies)
            task = Task(errand.offer.level, bodies, errand.feeds, errand.first, errand.last)
            waiting.append((errand, received, task, self._submit(task)))
            while len(waiting) > self._workers.in_flight:
                yield self._result(*waiting.popleft())
        while waiting:
            yield self._result(*waiting.popleft())

    def _download(self, offer: Offer, progress: Progress) -> _Received | AemoOpsError | None:
        """The offer's files; None when cancelled.

        Files of Current are fetched each for itself; of a bundle or a table the parts are of use only together.
        """
        received = _Received()
        for at, file in enumerate(offer.files):
            body = self._fetched(file, progress)
            if body is None:
                return None
            if isinstance(body, bytes):
                received.bodies.append((file.name, body))
                self._in_vain = 0
                continue
            if offer.level is not Level.CURRENT:
                return body
            log.warning("%s", body)
            received.lost.append((file.name, str(body)))
            self._in_vain = self._in_vain + 1 if body.transient else 0
            if self._in_vain >= _IN_VAIN:
                received.lost += [(rest.name, str(body)) for rest in offer.files[at + 1 :]]
                break
        return received

    def _fetched(self, file: Listing, progress: Progress) -> bytes | SourceError | None:
        """A file's bytes; None when cancelled. A refusal is waited out: the rest of the undertaking needs the site too."""
        while not progress.cancelled and progress.pause(self.gap_seconds):
            try:
                return self._client.fetch(file, LARGEST_PACKED)
            except NemwebRefused as refused:
                log.warning("%s", refused)
                progress.pause(max(0.05, self._client.refused_for))
            except SourceError as error:
                return error
        return None

    def _submit(self, task: Task) -> Future[Parsed]:
        if self._executor is None:
            self._executor = self._workers.make()
        try:
            return self._executor.submit(parse, task)
        except BrokenProcessPool:
            self._executor.shutdown(wait=False)
            self._executor = self._workers.make()
            return self._executor.submit(parse, task)

    def _result(
        self, errand: Errand, received: _Received, task: Task, future: Future[Parsed]
    ) -> tuple[Errand, Parsed | AemoOpsError]:
        for _ in range(_TRIES):
            try:
                parsed = future.result(_ANSWER_SECONDS)
                for stray in parsed.strays:
                    log.warning("%s", stray)
                return errand, replace(parsed, lost=tuple(received.lost))
            except BrokenProcessPool:
                log.warning("the process that parsed %s died; it is parsed again", errand.offer.name)
                future = self._submit(task)
            except TimeoutError:
                return errand, ReportRejected(f"{errand.offer.name}: not parsed after {_ANSWER_SECONDS:.0f} s")
        return errand, ReportRejected(f"{errand.offer.name}: the process that parses it died {_TRIES} times")
