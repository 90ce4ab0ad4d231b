"""Where the live files are, by evidence: every folder nearby, or named by a collector, that holds files of the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aemo_ops.clock import stamp
from aemo_ops.masking import masked_words
from aemo_ops.migrate import inventory, programs
from aemo_ops.migrate.inventory import Inventory
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.programs import Program
from aemo_ops.store.contract.recognition import recognise
from aemo_ops.store.lease import adopted

_DEPTH = 2  # folders below the one above the source


@dataclass(frozen=True)
class Candidate:
    """`files`: how many of the wanted names it has; `ends`: name -> newest settlementdate; `written`: last change, NEM time."""

    folder: Path
    files: int
    ends: Mapping[str, datetime]
    written: datetime | None

    @property
    def newest(self) -> datetime | None:
        """The newest settlementdate of any of its files."""
        return max(self.ends.values(), default=None)

    def __str__(self) -> str:
        newest = f"newest interval {stamp(self.newest)}" if self.newest else "no rows"
        return f"{self.folder}: {self.files} of the files, {newest}, last written {stamp(self.written) if self.written else '-'}"


def candidates(move: Move, collectors: Sequence[Program], now: datetime) -> list[Candidate]:
    """The folder to move from with all of the move's files, then others by their newest interval.

    Of a folder in which some of the move's files lie only the others count; nothing below the new place does. Reads footers
    only, and the times of a file that has a row dated after `now`, which is taken for nobody's newest.
    """
    base, source = move.base.resolve(), move.source.resolve()
    others: dict[Path, Candidate] = {}
    for folder in (*move.sources[1:], *_folders(move.source, collectors)):
        real = folder.resolve()
        if real in others or real == source or real.is_relative_to(base) or len(others) >= inventory.MOST_FOLDERS:
            continue
        wanted = [one for one in move.taken if move.old(one.name).parent.resolve() != real]
        if {one.name for one in wanted if one.name.endswith(".parquet")} & set(inventory.names_in(folder)):
            others[real] = _looked_at(inventory.take(folder, wanted), now)
    by_age = sorted(others.values(), key=lambda one: one.newest or datetime.min, reverse=True)
    return [_looked_at(move.inventory(), now), *by_age]


def newer(found: Sequence[Candidate]) -> Candidate | None:
    """A folder that has a file with newer rows than the one that would be moved: probably the live one. What we write is none."""
    source, *others = found

    def is_newer(one: Candidate) -> bool:
        ahead = (name for name, end in one.ends.items() if end > source.ends.get(name, datetime.min))
        return next(ahead, None) is not None and not adopted(one.folder)

    return next(filter(is_newer, others), None)


@dataclass(frozen=True)
class Likely:
    """Where an old collector that runs writes, and what tells its command line from those of others."""

    folder: Path
    pattern: str


def likely(patterns: Sequence[str], now: datetime, source: Path | None = None) -> Likely | None:
    """The folder near a running old collector that has the newest rows of the usual files; None where none runs.

    `source`: only a collector of this folder.
    """
    found = [
        (_looked_at(inventory.take(path), now), one)
        for one in programs.look(patterns, (source,) if source else ())
        for path in ([source] if source else (*_near(one), *_named(one)))
        if any(_is_old(name) for name in inventory.names_in(path))
    ]
    if not found:
        return None
    best, collector = max(found, key=lambda pair: (pair[0].newest or datetime.min, pair[0].files))
    return Likely(best.folder, _telling(collector.command, patterns, best.folder))


def _is_old(name: str) -> bool:
    """Whether a file name is that of a dataset, by the name that it has now or had with an older collector."""
    told = recognise(name)
    return name in {one.name for one in inventory.USUAL} or (told is not None and told.older)


def _telling(command: Sequence[str], patterns: Sequence[str], folder: Path) -> str:
    """The words from its name to the folder, where it names that: another collector of that name writes elsewhere.

    Its name alone where a secret is among them: a pattern is shown and written down.
    """
    first = next(at for at, word in enumerate(command) if any(pattern in word for pattern in patterns))
    last = next((at for at, word in enumerate(command) if word == str(folder)), first)
    words = command[first : max(first, last) + 1]
    return " ".join(words if masked_words(words) == tuple(words) else words[:1])


def _named(one: Program) -> Iterator[Path]:
    """Folders among the words of its command line."""
    for word in one.command[1:]:
        if word.startswith("/") and Path(word).is_dir():
            yield Path(word)


def _near(one: Program) -> Iterator[Path]:
    told = [one.folder, one.plain.get("AEMO_DATA_PATH")]
    for place in (Path(name) for name in told if name):
        yield place
        yield from inventory.folders_below(place, 1)


def _folders(source: Path, collectors: Sequence[Program]) -> Iterator[Path]:
    for one in collectors:
        yield from _near(one)
    yield from inventory.folders_below(source.parent, _DEPTH)


def _looked_at(taken: Inventory, now: datetime) -> Candidate:
    written = max((item.written for item in taken.moved if item.written), default=None)
    return Candidate(taken.folder, len(taken.moved), taken.ends(now), written)
