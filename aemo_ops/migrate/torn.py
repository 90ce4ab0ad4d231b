"""Old files that their writer left torn when a switch ended it: ours are whole and proved, and no proof can read theirs."""

from __future__ import annotations

from pathlib import Path

from aemo_ops.errors import UnreadableNow
from aemo_ops.migrate.foreign import Foreign
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import NOTE, Note


def look(move: Move) -> list[str]:
    """Datasets whose old file is there and cannot be read now. Torn, where nobody writes it."""
    return [one.name for one in move.datasets if _unreadable(move.old(one))]


def known(move: Move) -> list[str]:
    """Datasets whose old file was left torn, and is so still.

    By the note of the switch. One that was killed between the end of the old collector and its look at the files left a
    note that does not say: then the files are looked at now, if nobody writes them.
    """
    note = Note(move.backup / NOTE).read()
    if not note or note.get("torn") == []:
        return []
    if "torn" not in note and move.collectors():
        return []
    found = look(move)
    return [name for name in found if name in note.get("torn", found)]


def _unreadable(path: Path) -> bool:
    try:
        if path.exists():
            Foreign(path).span()
    except UnreadableNow:
        return True
    return False
