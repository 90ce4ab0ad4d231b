"""The engine that collects into the new folder while the old collector still writes the old one; the two share nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aemo_ops.ops.engine import Engine
from aemo_ops.ops.landing import Ground


class Shadow:
    """Begun when it is first asked for; `make` makes an engine for a data folder."""

    def __init__(self, make: Callable[[Path], Engine], folder: Path) -> None:
        self._make = make
        self._folder = folder
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """The engine, collecting. Raises LeaseHeld where another process does, FolderRefused for a folder that is not ours."""
        if self._engine is None:
            engine = self._make(self._folder)
            try:
                engine.settle()
            except BaseException:
                engine.stop()
                raise
            engine.start()
            self._engine = engine
        return self._engine

    def ground(self) -> Ground:
        """The files that it writes, with the turn to take while one is written beside it."""
        return self.engine().healing().ground

    def stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
