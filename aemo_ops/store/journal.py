"""An append-only file of what was done: a line of JSON each, flushed to the disk, with the hash of the line before it.

What is true is what the lines say, folded from the first to the last. A line that was cut at the end of the file (power,
a full disk) never counted; a line that was changed later is found, and then nothing more is written.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aemo_ops import files
from aemo_ops.clock import Clock
from aemo_ops.errors import StoreCorrupt

FORMAT = 1
_OPENING = "journal"
_NOTHING = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line: its number from 0, real time in UTC (ISO), what kind of event, and its facts."""

    number: int
    at: str
    kind: str
    facts: Mapping[str, Any]


class Journal:
    """The entries of a file; one process at a time appends, whoever holds the lease of what the journal is about.

    `broken` says, in words, why nothing can be appended, empty where nothing is wrong; `torn` is the number of bytes of
    a cut last line. Raises StoreCorrupt where the file is no journal, or one of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.broken = ""
        self.torn = 0
        self._whole = 0  # bytes up to the end of the last whole line
        self._last = _NOTHING  # its hash
        if path.exists():
            with files.explained(path):
                self._read(path.read_bytes())

    def append(self, kind: str, **facts: Any) -> Entry:
        """Add an entry; it is on the disk when this returns. Raises StoreCorrupt (broken), NoSpace, FolderRefused."""
        if self.broken:
            raise StoreCorrupt(f"{self.path} can only be read: {self.broken}")
        with files.explained(self.path):
            if not self.entries:
                self._write(_OPENING, {"format": FORMAT})
            return self._write(kind, facts)

    def __iter__(self) -> Iterator[Entry]:
        """Every entry but the opening one."""
        return iter(self.entries[1:])

    def _write(self, kind: str, facts: Mapping[str, Any]) -> Entry:
        entry = Entry(len(self.entries), Clock.utc().isoformat(timespec="milliseconds"), kind, facts)
        line = _line(entry, self._last)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, files.PRIVATE)
        try:
            files.close_to_others(self.path)
            os.ftruncate(fd, self._whole)  # what a cut line left
            os.lseek(fd, self._whole, os.SEEK_SET)
            files.failpoint("journal.before_write")
            files.write_all(fd, memoryview(line))
            files.flush(fd)
        finally:
            os.close(fd)
        if not self._whole:
            files.flush_folder(self.path.parent)
        files.failpoint("journal.written")
        self._take(entry, line)
        self.torn = 0
        return entry

    def _take(self, entry: Entry, line: bytes) -> None:
        self.entries.append(entry)
        self._whole += len(line)
        self._last = hashlib.sha256(line).hexdigest()

    def _read(self, content: bytes) -> None:
        *lines, rest = content.split(b"\n")
        self.torn = len(rest)
        for line in lines:
            try:
                entry, before = _parsed(line)
            except (ValueError, KeyError, TypeError) as error:
                self.broken = f"line {len(self.entries) + 1} is no entry ({error})"
                return
            if before != self._last or entry.number != len(self.entries):
                self.broken = (
                    f"line {len(self.entries) + 1} does not follow the line before it: one of them was changed"
                )
                return
            if entry.number == 0:
                self._check_opening(entry)
            self._take(entry, line + b"\n")

    def _check_opening(self, entry: Entry) -> None:
        if entry.kind != _OPENING:
            raise StoreCorrupt(f"{self.path} is no journal of AEMO Ops: it begins with {entry.kind!r}")
        if entry.facts.get("format") != FORMAT:
            raise StoreCorrupt(
                f"{self.path} was written by a later AEMO Ops (format {entry.facts.get('format')}, this one reads {FORMAT}); "
                "use that version, nothing was changed."
            )


def _line(entry: Entry, before: str) -> bytes:
    told = {"number": entry.number, "at": entry.at, "kind": entry.kind, "facts": entry.facts, "before": before}
    return json.dumps(told | {"sum": _sum(told)}, ensure_ascii=False).encode() + b"\n"


def _parsed(line: bytes) -> tuple[Entry, str]:
    """Raises ValueError, KeyError, TypeError."""
    told = json.loads(line)
    claimed = told.pop("sum")
    if claimed != _sum(told):
        raise ValueError("its checksum is wrong")
    return Entry(int(told["number"]), str(told["at"]), str(told["kind"]), dict(told["facts"])), str(told["before"])


def _sum(told: Mapping[str, Any]) -> str:
    """Of the entry by itself: no later line vouches for the last one."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
