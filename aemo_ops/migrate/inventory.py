"""What lies in a folder that is to be moved: each file with its state, and what stands beside the declared ones."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from aemo_ops.clock import to_nem
from aemo_ops.errors import UnreadableNow
from aemo_ops.migrate.foreign import newest
from aemo_ops.migrate.source import opened, rows_and_times
from aemo_ops.store.contract.recognition import recognise

_DATALESS = 0x40000000  # st_flags of a file whose bytes iCloud has taken away (SF_DATALESS)
_EVICTED = ".icloud"
MOST_FOLDERS = 500  # that are looked into
SUFFIXES = (".parquet", ".pkl", ".json", ".txt")


class State(StrEnum):
    """Absent, unreadable and not whole are three things."""

    THERE = "there"
    ABSENT = "absent"
    EVICTED = "not downloaded"
    UNREADABLE = "unreadable"
    BROKEN = "not whole"
    NO_FILE = "no file"
    LEFT_OUT = "left out"


class Kind(StrEnum):
    DECLARED = "declared"
    OTHER = "other"  # discovered beside them
    COPY = "conflict copy"  # `scada5 2.parquet`: a cloud's, or a person's
    OLDER = "older layout"  # `gen_output.parquet`: an earlier collector's


@dataclass(frozen=True)
class Wanted:
    """A file that is to be moved. `required`: the move does not begin without it."""

    name: str
    required: bool


@dataclass(frozen=True)
class Item:
    """A file as it was looked at. `size` in bytes (of an evicted one what is to be fetched), `written` is NEM time.

    `rows`, `first`, `last` of a parquet file whose footer tells. `leads_to`: of a link, the file behind it. `detail` says
    what is the matter, and what to do.
    """

    name: str
    path: Path
    kind: Kind
    state: State
    required: bool = False
    size: int = 0
    written: datetime | None = None
    rows: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    leads_to: Path | None = None
    links: int = 1
    detail: str = ""


@dataclass(frozen=True)
class Inventory:
    """`items` in the order of the declaration, then what was discovered, by name."""

    folder: Path
    items: tuple[Item, ...] = field(default=())

    @property
    def blocking(self) -> list[str]:
        """Why the move cannot begin with this folder, empty where it can."""
        wanting = [
            item
            for item in self.items
            if item.kind is Kind.DECLARED
            and item.state not in (State.THERE, State.LEFT_OUT)
            and (item.required or item.state is not State.ABSENT)
        ]
        if wanting and not self.moved and all(item.state is State.ABSENT and not item.detail for item in wanting):
            names = ", ".join(item.name for item in wanting)
            return [
                f"{self.folder} holds none of the files ({names} are absent): choose the one that the old collector writes"
            ]
        return [f"{item.name} is {item.state}{f' ({item.detail})' if item.detail else ''}" for item in wanting]

    @property
    def sought(self) -> list[str]:
        """Names of the required files that were found nowhere."""
        declared = (item for item in self.items if item.kind is Kind.DECLARED and item.required)
        return [item.name for item in declared if item.state is State.ABSENT]

    @property
    def moved(self) -> list[Item]:
        """The files that go along."""
        return [item for item in self.items if item.kind is Kind.DECLARED and item.state is State.THERE]

    def ends(self, now: datetime) -> dict[str, datetime]:
        """Name -> newest settlementdate of each dataset's file that tells one."""
        known = {item.name: newest(item.name, item.path, item.last, now) for item in self.moved}
        return {name: end for name, end in known.items() if end}

    def newest(self, now: datetime) -> datetime | None:
        """The newest settlementdate of any dataset's file: the live folder has the newest of all candidates."""
        return max(self.ends(now).values(), default=None)


# What an old collector keeps. A further dataset that AEMO Ops collects is none of it; the last four serve only programs that
# read the data.
USUAL = (
    *(
        Wanted(f"{name}.parquet", True)
        for name in ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")
    ),
    Wanted("gen_info.pkl", False),
    Wanted("price_alert_state.pkl", False),
    Wanted("renewable_records.json", False),
    Wanted("known_duids.txt", False),
)


def take(
    folder: Path,
    wanted: Sequence[Wanted] = USUAL,
    files: Mapping[str, Path] | None = None,
    without: Mapping[str, str] | None = None,
) -> Inventory:
    """Look at a folder; reads file names, attributes and footers, and no evicted file. Writes nothing.

    `files`: name -> path of those that lie elsewhere, or under another name. `without`: name -> why it is left out.
    """
    files, without = files or {}, without or {}
    items = []
    for one in wanted:
        path = files.get(one.name, folder / one.name)
        if one.name in without:
            items.append(Item(one.name, path, Kind.DECLARED, State.LEFT_OUT, one.required, detail=without[one.name]))
        else:
            items.append(_declared(path, one))
    chosen = {path.name for path in files.values() if path.parent == folder}
    items += _discovered(folder, names_in(folder), {one.name for one in wanted} | chosen)
    return Inventory(folder, tuple(items))


def folders_below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders below one, those higher up first; hidden ones and links are passed over."""
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
        for one in inner[:MOST_FOLDERS]:
            yield from folders_below(one, depth - 1)


def names_in(folder: Path) -> list[str]:
    """What a folder holds, by name; nothing where it cannot be looked into. No file is looked at."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names only: nothing is looked at yet
    except OSError:
        return []


def _declared(path: Path, wanted: Wanted) -> Item:
    """A file of the set, where it should lie."""
    names = names_in(path.parent)
    if path.name in names:
        return replace(_looked_at(path, Kind.DECLARED, wanted.required), name=wanted.name)
    if f".{path.name}{_EVICTED}" in names:
        return Item(wanted.name, path, Kind.DECLARED, State.EVICTED, wanted.required, detail=_FETCH)
    other_case = [name for name in names if name.lower() == path.name.lower()]
    detail = f"but {other_case[0]} is there: rename it" if other_case else ""
    return Item(wanted.name, path, Kind.DECLARED, State.ABSENT, wanted.required, detail=detail)


def _discovered(folder: Path, names: Sequence[str], declared: set[str]) -> Iterator[Item]:
    for name in names:
        if name in declared or name.startswith(".") or not name.lower().endswith(SUFFIXES):
            continue
        told = recognise(name)
        kind = Kind.OTHER
        if told is not None and told.older:
            kind = Kind.OLDER
        elif told is not None and told.dataset is not None and told.dataset.file_name in declared:
            kind = Kind.COPY
        yield _looked_at(folder / name, kind, False)


_FETCH = "its bytes are in the cloud; open the folder in Finder and choose Download Now"


def _looked_at(path: Path, kind: Kind, required: bool) -> Item:
    """Never opens a pipe or an evicted file."""
    link = path.is_symlink()
    try:
        status = path.stat()
    except OSError as error:
        state = State.ABSENT if error.errno == errno.ENOENT else State.UNREADABLE
        detail = (
            "a link to a file that does not exist" if link and state is State.ABSENT else os.strerror(error.errno or 0)
        )
        return Item(path.name, path, kind, state, required, detail=detail)
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "neither a file nor a link to one"
        return Item(path.name, path, kind, State.NO_FILE, required, detail=what)
    written = to_nem(datetime.fromtimestamp(status.st_mtime, UTC))
    leads_to = path.resolve() if link else None
    common = {"size": status.st_size, "written": written, "leads_to": leads_to, "links": status.st_nlink}
    if getattr(status, "st_flags", 0) & _DATALESS:
        return Item(path.name, path, kind, State.EVICTED, required, **common, detail=_FETCH)  # type: ignore[arg-type]
    try:
        rows, first, last = _footer(path)
    except UnreadableNow as error:
        return Item(path.name, path, kind, State.BROKEN, required, **common, detail=str(error))  # type: ignore[arg-type]
    except PermissionError as error:
        detail = _permission(error)
        return Item(path.name, path, kind, State.UNREADABLE, required, **common, detail=detail)  # type: ignore[arg-type]
    return Item(path.name, path, kind, State.THERE, required, **common, rows=rows, first=first, last=last)  # type: ignore[arg-type]


def _footer(path: Path) -> tuple[int | None, datetime | None, datetime | None]:
    """Raises UnreadableNow, PermissionError."""
    if not os.access(path, os.R_OK):
        with path.open("rb"):  # what the system says, in its own words
            pass
    if path.suffix.lower() != ".parquet":
        return None, None, None
    with opened(path) as source:
        return rows_and_times(source.fd, path)


def _permission(error: PermissionError) -> str:
    if error.errno == errno.EPERM:
        return "the system guards this folder; on a Mac give the terminal full disk access"
    return "give this user the right to read it"
