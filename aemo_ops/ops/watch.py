"""Notices when a file of the data folder changes, by events where the system has them and by looking now and then."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from aemo_ops.clock import Clock

log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0
Identity = tuple[int, int, int]  # inode, size, mtime_ns


def identity(path: Path) -> Identity | None:
    """What tells one version of a file from the next; None for an absent file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class FolderWatch:
    """Calls `notice` (from another thread) after events in a folder; reading a file is none."""

    def __init__(self, folder: Path, notice: Callable[[], None]) -> None:
        self._folder = folder
        self._notice = notice
        self._observer = Observer()

    def start(self) -> bool:
        """Begin; False where the system refuses (then only the looking remains)."""
        handler = _Changes(self._notice)
        try:
            self._observer.schedule(handler, str(self._folder), event_filter=None)
            self._observer.start()
        except OSError as error:
            log.warning("no file events for %s (%s); looking every %.0f s instead", self._folder, error, LOOK_SECONDS)
            return False
        return True

    def stop(self) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join(5.0)


class _Changes(FileSystemEventHandler):
    def __init__(self, notice: Callable[[], None]) -> None:
        self._notice = notice

    def on_any_event(self, event: FileSystemEvent) -> None:
        # Opening and closing without writing are events too; reacting to them would make our own reads an endless loop.
        if event.event_type in ("created", "modified", "moved", "deleted") and not event.is_directory:
            names = (str(event.src_path), str(event.dest_path or ""))
            if any(name.endswith(".parquet") for name in names):
                self._notice()


class Versions:
    """The versions of files as we wrote or last saw them; tells which were changed by another program."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Path, Identity | None] = {}

    def saw(self, path: Path) -> None:
        """The file is, as it is now, what we know of."""
        with self._lock:
            self._seen[path] = identity(path)

    def foreign(self, paths: Iterable[Path]) -> list[Path]:
        """The files that changed since we wrote or saw them; each is told once."""
        changed = []
        with self._lock:
            for path in paths:
                now = identity(path)
                if path in self._seen and self._seen[path] != now:
                    changed.append(path)
                self._seen[path] = now
        return changed


class Lookout:
    """Looks over the data folder: after an event, and every so often in case events were lost."""

    def __init__(self, folder: Path, paths: Sequence[Path], clock: Clock) -> None:
        self.versions = Versions()
        self._folder = folder
        self._paths = paths
        self._clock = clock
        self._watch: FolderWatch | None = None
        self._looked = float("-inf")
        self._look_now = threading.Event()

    @property
    def due(self) -> bool:
        """Whether to look now. Starts to watch as soon as the folder is there."""
        if self._watch is None and self._folder.is_dir():
            self._watch = FolderWatch(self._folder, self._look_now.set)
            self._watch.start()
        return self._look_now.is_set() or self._clock.monotonic() - self._looked > LOOK_SECONDS

    def look(self, turn: threading.Lock) -> list[Path]:
        """The files that another program changed since we wrote or saw them; none while `turn` says we are writing."""
        if not turn.acquire(blocking=False):
            self._look_now.set()  # look when that is done
            return []
        try:
            self._look_now.clear()
            self._looked = self._clock.monotonic()
            return self.versions.foreign(self._paths)
        finally:
            turn.release()

    def stop(self) -> None:
        if self._watch:
            self._watch.stop()
