"""Where the live files are, by evidence: every folder nearby, or named by a collector, that holds files of the same names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aemo_ops.clock import stamp
from aemo_ops.masking import masked_words
from aemo_ops.migrate import inventory, programs
from aemo_ops.migrate.inventory import Wanted
from aemo_ops.migrate.programs import Program
from aemo_ops.store.lease import adopted

_DEPTH = 2  # folders below the one above the source
_MOST = 500  # folders that are looked into


@dataclass(frozen=True)
class Candidate:
    """`files`: how many of the wanted names it has; `newest` settlementdate of them; `written`: last change, NEM time."""

    folder: Path
    files: int
    newest: datetime | None
    written: datetime | None

    def __str__(self) -> str:
        newest = f"newest interval {stamp(self.newest)}" if self.newest else "no rows"
        return f"{self.folder}: {self.files} of the files, {newest}, last written {stamp(self.written) if self.written else '-'}"


def candidates(
    source: Path, base: Path, wanted: Sequence[Wanted], collectors: Sequence[Program], now: datetime
) -> list[Candidate]:
    """The source first, then the others by their newest interval. Nothing else below `base` is one.

    Reads footers only, and the times of a file that has a row dated after `now`, which is taken for nobody's newest.
    """
    names = {one.name for one in wanted if one.name.endswith(".parquet")}
    found: dict[Path, Candidate] = {}
    for folder in [source, *_folders(source, collectors)]:
        real = folder.resolve()
        if real in found or len(found) >= _MOST:
            continue
        is_source = not found
        apart = not real.is_relative_to(base.resolve())
        if is_source or (apart and names & set(inventory.names_in(folder))):
            found[real] = _looked_at(folder, wanted, now)
    first, *others = found.values()
    return [first, *sorted(others, key=lambda one: one.newest or datetime.min, reverse=True)]


def newer(found: Sequence[Candidate]) -> Candidate | None:
    """A candidate with a newer interval than the source, which is then probably not the live folder. What we write is none."""
    source, *others = found
    best = next((one for one in others if not adopted(one.folder)), None)
    if best and best.newest and (source.newest is None or best.newest > source.newest):
        return best
    return None


@dataclass(frozen=True)
class Likely:
    """Where an old collector that runs writes, and what tells its command line from those of others."""

    folder: Path
    pattern: str


def likely(patterns: Sequence[str], now: datetime, source: Path | None = None) -> Likely | None:
    """The folder near a running old collector that has the newest rows of the usual files; None where none runs.

    `source`: only a collector of this folder.
    """
    names = {one.name for one in inventory.USUAL if one.name.endswith(".parquet")}
    found = [
        (_looked_at(path, inventory.USUAL, now), one)
        for one in programs.look(patterns, source)
        for path in ([source] if source else (*_near(one), *_named(one)))
        if names & set(inventory.names_in(path))
    ]
    if not found:
        return None
    best, collector = max(found, key=lambda pair: (pair[0].newest or datetime.min, pair[0].files))
    return Likely(best.folder, _telling(collector.command, patterns, best.folder))


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
        yield from _below(place, 1)


def _folders(source: Path, collectors: Sequence[Program]) -> Iterator[Path]:
    for one in collectors:
        yield from _near(one)
    yield from _below(source.parent, _DEPTH)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders, those higher up first; hidden ones and links are passed over."""
    try:
        inner = sorted(
            Path(entry.path)
            for entry in os.scandir(folder)
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        )
    except OSError:
        return
    yield from inner
    if depth > 1:
        for one in inner[:_MOST]:
            yield from _below(one, depth - 1)


def _looked_at(folder: Path, wanted: Sequence[Wanted], now: datetime) -> Candidate:
    taken = inventory.take(folder, wanted)
    written = max((item.written for item in taken.moved if item.written), default=None)
    return Candidate(folder, len(taken.moved), taken.newest(now), written)
