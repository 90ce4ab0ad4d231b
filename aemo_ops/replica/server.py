"""The site over HTTP, on this machine only."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aemo_ops.clock import Clock
from aemo_ops.replica.answer import Server
from aemo_ops.replica.damage import damaged
from aemo_ops.replica.faults import Faults
from aemo_ops.replica.folder import Folder
from aemo_ops.replica.listing import Entry, Style, page
from aemo_ops.replica.market import Market
from aemo_ops.replica.shelf import Shelf

_HOST = "127.0.0.1"
_VISITS_KEPT = 100_000


class Site(Protocol):
    """What can be served: a Shelf or a Folder."""

    faults: Faults

    def entries(self, directory: str, now: datetime) -> list[Entry] | None: ...
    def body(self, path: str, now: datetime) -> bytes | None: ...


@dataclass(frozen=True)
class Visit:
    """One request: its decoded path, the status answered (0: the connection was closed), real monotonic seconds."""

    path: str
    status: int
    at: float


class Replica:
    """Serves a site while the `with` block lasts (or between `start` and `stop`).

    `hash_twice`: a `#` in a name must come as `%2523`, as some found, instead of `%23`. `visits` is the log of requests;
    `most_at_once` the largest number under way at the same time.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock | None = None,
        port: int = 0,
        style: Style = Style.OLD,
        hash_twice: bool = False,
    ) -> None:
        self.site, self.clock, self.style = site, clock or Clock(), style
        self._hash_twice = hash_twice
        self._visits: deque[Visit] = deque(maxlen=_VISITS_KEPT)
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._server = Server((_HOST, port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="replica", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self._server.server_address[1]}"

    @property
    def faults(self) -> Faults:
        return self.site.faults

    @property
    def visits(self) -> list[Visit]:
        """The latest requests in the order of their answers, at most a hundred thousand."""
        with self._lock:
            return list(self._visits)

    @property
    def requests(self) -> list[str]:
        """The decoded paths asked for, in order."""
        return [visit.path for visit in self.visits]

    def counts(self) -> Counter[str]:
        """path -> how often it was asked for."""
        return Counter(self.requests)

    def counts_by_directory(self) -> Counter[str]:
        """directory -> how many requests were for it or for a file in it."""
        return Counter(path[: path.rfind("/") + 1] for path in self.requests)

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self._visits.clear()
            self.most_at_once = 0

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def arrived(self) -> None:
        with self._lock:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)

    def departs(self, path: str, status: int) -> None:
        """Called before the last byte goes out, so that whoever has the answer finds it in the log."""
        with self._lock:
            self._under_way -= 1
            self._visits.append(Visit(path, status, Clock.monotonic()))

    def path_of(self, asked: str) -> str | None:
        """The path of a request that was decoded once; None where its `#` was not sent in the form that is understood."""
        if not self._hash_twice:
            return asked
        return None if "#" in asked else asked.replace("%23", "#")

    def listing(self, directory: str) -> bytes | None:
        """The page of a directory; a file with lasting damage shows the size of its damaged body."""
        now = self.clock.now()
        entries = self.site.entries(directory, now)
        if entries is None:
            return None
        return page(directory, [self._as_served(directory, e, now) for e in entries], self.style).encode()

    def _as_served(self, directory: str, entry: Entry, now: datetime) -> Entry:
        damage = None if entry.size is None else self.faults.standing_damage(directory + entry.name)
        body = None if damage is None else self.site.body(directory + entry.name, now)
        if damage is None or body is None:
            return entry
        return Entry(entry.name, len(damaged(damage.kind, body)), entry.modified)


def main(
    port: int = 0,
    serve: Path | None = None,
    faults: str = "",
    seed: int = 1,
    clock_path: Path | None = None,
    style: Style = Style.OLD,
) -> int:
    """Serve until SIGINT or SIGTERM; says where on the first line of stdout. Raises SettingsError."""
    rules = Faults.from_spec(faults, seed)
    site: Site = Shelf(Market(seed), rules) if serve is None else Folder(serve, rules)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Replica(site, Clock.from_file(clock_path), port, style) as replica:
        sys.stdout.write(f"replica at {replica.url}\n")
        sys.stdout.flush()
        ended.wait()
    return 0
