"""The engine that collects into the new folder while the old collector still writes the old one; the two share nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aemo_ops.errors import AemoOpsError, LeaseHeld
from aemo_ops.ops.engine import Engine
from aemo_ops.ops.jobs import Progress
from aemo_ops.ops.landing import Ground
from aemo_ops.store.lease import FOLDER_LOCK, Lease


class Shadow:
    """Begun when it is first asked for; `make` makes an engine for a data folder."""

    def __init__(self, make: Callable[[Path], Engine], folder: Path) -> None:
        self._make = make
        self._folder = folder
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """The engine, collecting; where another process of ours collects into this very folder, one that looks on.

        Raises LeaseHeld where another process collects elsewhere, FolderRefused for a folder that is not ours.
        """
        if self._engine is None:
            engine = self._make(self._folder)
            try:
                engine.settle()
            except LeaseHeld:
                if not self.elsewhere():
                    engine.stop()
                    raise
                self._engine = engine  # it looks on
                return engine
            except BaseException:
                engine.stop()
                raise
            engine.start()
            self._engine = engine
        return self._engine

    def ground(self) -> Ground:
        """The files that it writes, with the turn to take while one is written beside it."""
        return self.engine().healing().ground

    def elsewhere(self) -> str:
        """Which other process of ours collects into the folder, empty where none does."""
        if self._engine is not None and self._engine.post.commands_are_ours:
            return ""
        holder = Lease(self._folder / FOLDER_LOCK, "").other()
        return str(holder) if holder and holder.pid != os.getpid() else ""

    def fill(self, since: datetime, progress: Progress) -> str:
        """Where nobody collects, read what Current has got since a NEM time and the files lack.

        Why not all of it could be read, empty where it was, or where our engine runs.
        """
        if self._engine is not None or self.elsewhere():
            return ""
        engine = self._make(self._folder)
        try:
            engine.once()
            cycles = engine.settle()
            cycles.forget_older(since)
            cycles.catch_up(progress, engine.settings.request_gap)
        except AemoOpsError as error:
            return str(error)
        finally:
            engine.stop()
        return ""

    def stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
