"""The log of the process that collects: a rotating file in the home, and its last lines for the page."""

from __future__ import annotations

import logging
import uuid
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from aemo_ops import files
from aemo_ops.clock import Clock
from aemo_ops.masking import masked

log = logging.getLogger(__name__)
_FORM = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_TAIL_BYTES = 64 * 1024


class Masking(logging.Formatter):
    """What goes into a log tells no secret, in a traceback neither."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _UtcFormatter(Masking):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return Clock.utc().strftime("%Y-%m-%dT%H:%M:%S+00:00")


class _PrivateFile(RotatingFileHandler):
    """Also after it was rotated, for this user only."""

    def _open(self) -> TextIOWrapper:
        files.make_private(Path(self.baseFilename))
        return super()._open()


def path(home: Path) -> Path:
    return home / "logs" / "aemo-ops.log"


def open_log(home: Path) -> None:
    """Write our own records to the home's log file, once per process."""
    ours = logging.getLogger("aemo_ops")
    target = path(home)
    if any(getattr(handler, "baseFilename", None) == str(target) for handler in ours.handlers):
        return
    files.make_private_folder(target.parent)
    handler = _PrivateFile(target, maxBytes=4 * 1024 * 1024, backupCount=3, encoding="utf-8")
    handler.setFormatter(_UtcFormatter(_FORM))
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)


def close_log(home: Path) -> None:
    """Write to the home's log file no more: its folder goes."""
    ours = logging.getLogger("aemo_ops")
    for handler in [one for one in ours.handlers if getattr(one, "baseFilename", None) == str(path(home))]:
        ours.removeHandler(handler)
        handler.close()


def unexpected(error: Exception, what: str) -> str:
    """Log an error that nobody thought of, with its traceback; in words for a page, with the id to look for in the log."""
    name = uuid.uuid4().hex[:8]
    log.error("%s (%s)", what, name, exc_info=error)
    return f"an unexpected error, {name} in the log: {masked(repr(error))}"


def tail(home: Path, limit: int) -> list[str]:
    """The last lines of the log, oldest first; none where there is no log yet."""
    try:
        with path(home).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return lines[-limit:]
