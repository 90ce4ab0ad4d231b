"""What a way back needs in clear and nobody else may read: how ended programs were started, secrets in their words and all.

A file for this user only beside the move's journal, in the program's home: never in the journal, the note or the evidence.
It stays for as long as the move can be rolled back, and goes with the way back, or when another move switches over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aemo_ops.migrate.note import Note
from aemo_ops.migrate.programs import Program

_ENDS = ".private.json"


class Private:
    """Of the move whose journal is `journal`."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.stem}{_ENDS}")
        self._note = Note(self.path)

    def keep(self, programs: Sequence[Program]) -> None:
        """Write down those whose words hold a secret, before they are ended. What an earlier move left goes."""
        for other in self.path.parent.glob(f"*{_ENDS}"):
            if other != self.path:
                other.unlink(missing_ok=True)
        if told := {_name(one): one.clear() for one in programs if one.has_secrets}:
            self._note.write(**told)

    def of(self, facts: Mapping[str, Any]) -> Program:
        """A program as a note has it, in clear again where it was masked; still masked where nothing is known of it here."""
        one = Program.of(facts)
        known = self._note.read().get(_name(one)) if one.masked else None
        return replace(Program.of(known), identity=one.identity) if known else one

    def forget(self) -> None:
        self._note.clear()


def _name(one: Program) -> str:
    return f"{one.identity.pid}-{one.identity.started}"
