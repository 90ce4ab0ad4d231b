"""Where each file of the set lies that is not in the folder to move from under its own name.

Looked for where the `.env` files of the programs point, in the folders of the programs and of the files they have open, and
in the folders around. Names, attributes, footers and a few times are read, and nothing of a file that is still in the cloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dotenv import dotenv_values

from aemo_ops.errors import FolderRefused, StepRefused
from aemo_ops.host import processes
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import TIME
from aemo_ops.market.intervals import FIVE_MINUTES, HALF_HOUR, length
from aemo_ops.migrate import env, inventory, programs
from aemo_ops.migrate.inventory import Item, State
from aemo_ops.migrate.move import Move
from aemo_ops.store.contract.conversion import convert, is_convertible
from aemo_ops.store.contract.examination import DAMAGE
from aemo_ops.store.contract.recognition import recognise
from aemo_ops.store.contract.wide import time_column
from aemo_ops.store.lease import adopted

READERS = ("run_dashboard_duckdb.py",)  # what the command lines of known dashboards hold
_AROUND = 3  # folders below the one to move from; one fewer below the folder above it
_TIMES = 65_536  # of which one off the half hours tells a five-minute file
_HALF_HOUR_NS = length(HALF_HOUR)


def located(move: Move, gen_info: Path | None = None) -> Move:
    """The move with a place for each of its files that lies elsewhere, or under another name; what was chosen stays.

    `gen_info`: where the program's own settings say that gen_info.pkl is.
    """
    absent = [item.name for item in move.inventory().items if _is_sought(item)]
    if not absent:
        return move
    around = Around(move, gen_info)
    found = {name: path for name in absent if (path := around.best(name))}
    return replace(move, files={**move.files, **found}) if found else move


def _is_sought(item: Item) -> bool:
    return item.kind is inventory.Kind.DECLARED and item.state is State.ABSENT


@dataclass(frozen=True)
class Around:
    """What is around a move: the folders and files that its programs' settings name, and the folders nearby."""

    move: Move
    gen_info: Path | None = None

    def best(self, name: str) -> Path | None:
        """Where a file of the set most likely lies: in the folder to move from under another name, else where settings name
        it, else the newest of those nearby.
        """
        own, *others = self.folders or (self.move.source,)
        named = [path for path in self._named if path.name.lower() == name.lower() and path.is_file()]
        return self._newest(name, (own,)) or next(iter(named), None) or self._newest(name, others)

    def _newest(self, name: str, folders: Iterable[Path]) -> Path | None:
        found = [path for folder in folders for path in _candidates(name, folder) if path != self.move.old(name)]
        looked_at = [(item, path) for path in found if (item := self._look(name, path)).state is State.THERE]
        return max(looked_at, key=lambda one: _age(one[0]))[1] if looked_at else None

    @staticmethod
    def _look(name: str, path: Path) -> Item:
        wanted = (inventory.Wanted(name, False),)
        return inventory.take(path.parent, wanted, {name: path}).items[0]

    @cached_property
    def folders(self) -> tuple[Path, ...]:
        """Where files are looked for, in order, each folder once; not in the new place, nor in a folder of ours."""
        base, seen = self.move.base.resolve(), dict[Path, Path]()
        for folder in self._told():
            real = folder.resolve()
            if (
                len(seen) < inventory.MOST_FOLDERS
                and folder.is_dir()
                and not real.is_relative_to(base)
                and not _ours(folder)
            ):
                seen.setdefault(real, folder)
        return tuple(seen.values())

    def _told(self) -> Iterator[Path]:
        yield self.move.source
        yield from (path if path.is_dir() else path.parent for path in self._named)
        yield from self._of_programs
        for folder in self._of_programs:
            yield from inventory.folders_below(folder, 1)
        yield from inventory.folders_below(self.move.source, _AROUND)
        yield from inventory.folders_below(self.move.source.parent, _AROUND - 1)

    @cached_property
    def _named(self) -> tuple[Path, ...]:
        """Files and folders that settings name, ours first."""
        paths = [self.gen_info] if self.gen_info else []
        for file in self.env_files:
            paths += _paths_in(file)
        return tuple(paths)

    @cached_property
    def env_files(self) -> tuple[Path, ...]:
        """The settings of programs around the data."""
        told = [self.move.env_file] if self.move.env_file else []
        folders = [*self._of_programs, *self.move.repositories, self.move.source, self.move.source.parent]
        folders += inventory.folders_below(self.move.source, 2)
        told += [folder / ".env" for folder in folders]
        return tuple(dict.fromkeys(path for path in told if path.is_file()))

    @cached_property
    def _of_programs(self) -> tuple[Path, ...]:
        """Folders in which programs work, in which their scripts lie, and that their own environment names."""
        try:
            seen = [*self.move.collectors(), *programs.look(READERS)]
        except StepRefused:
            return ()
        told: list[str | Path | None] = []
        for one in seen:
            told += [one.folder, one.plain.get("AEMO_DATA_PATH")]
            told += [path.parent for path in processes.opened(one.identity) if path.name.endswith(inventory.SUFFIXES)]
            told += [Path(word).parent for word in one.command[1:] if word.endswith(".py") and Path(word).is_absolute()]
        return tuple(dict.fromkeys(Path(path) for path in told if path))


def _ours(folder: Path) -> bool:
    try:
        return adopted(folder) is not None
    except FolderRefused:
        return True


def _age(item: Item) -> tuple[datetime, datetime]:
    return item.last or datetime.min, item.written or datetime.min


def _paths_in(file: Path) -> list[Path]:
    """What a file of settings says of places; nothing else in it is looked at."""
    try:
        told = dotenv_values(file, interpolate=False)
    except (OSError, UnicodeDecodeError):
        return []
    values = [value for name, value in told.items() if name in env.NAMES and value]
    return [file.parent / Path(value).expanduser() for value in values]


def _candidates(name: str, folder: Path) -> Iterator[Path]:
    """Files of a folder that may be the one of this name: by its name in any case, or as an older collector called it."""
    for there in inventory.names_in(folder):
        if there.lower() == name.lower() or _older(name, folder / there):
            yield folder / there


def _older(name: str, path: Path) -> bool:
    """Whether an older collector's file is the dataset's of this name: five minutes or half hours, its times tell."""
    told = recognise(path.name)
    wanted = catalogue.dataset_of_file(name)
    if told is None or not told.older or wanted is None:
        return False
    kind = "rooftop" if told.name.startswith("rooftop") else told.name.removesuffix("5")
    if not wanted.name.startswith(kind):
        return False
    if kind == "rooftop":
        return True
    return (wanted.cadence == HALF_HOUR) == (_cadence(path) == HALF_HOUR)


def _cadence(path: Path) -> timedelta | None:
    """Half an hour for a file all of whose last times are on the half hours; None where no time can be read."""
    item = inventory.take(path.parent, (inventory.Wanted(path.name, False),)).items[0]
    if item.state is not State.THERE or not item.rows:
        return None
    try:
        some = _last_times(path)
    except DAMAGE:  # it is written in place at this moment
        return None
    if some is None:
        return None
    times = convert(some, TIME).cast(pa.int64()).drop_null().to_numpy()
    return HALF_HOUR if not (times % _HALF_HOUR_NS).any() else FIVE_MINUTES


def _last_times(path: Path) -> pa.ChunkedArray | None:
    with pq.ParquetFile(path) as file:
        name = time_column(file.schema_arrow, "settlementdate")
        if name is None or not is_convertible(file.schema_arrow.field(name).type, TIME):
            return None
        last = max(n for n in range(file.num_row_groups) if file.metadata.row_group(n).num_rows)
        some = next(file.iter_batches(_TIMES, row_groups=[last], columns=[name]))
    return pa.chunked_array([some[0]])
