"""The normal form: a file of any order and shape rewritten as its dataset's contract wants it, beside the original.

Every row of the source is accounted for: it stays, or it is counted as one of the five kinds of row that go.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.errors import SchemaMismatch, StoreCorrupt, StoreError
from aemo_ops.files import failpoint, publish
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.advice import RESTORE
from aemo_ops.store.contract.census import Census
from aemo_ops.store.contract.duplicates import Key, Settled, settle
from aemo_ops.store.contract.ends import broken
from aemo_ops.store.contract.examination import DAMAGE, Examination, damaged, examine, examine_opened, with_duplicates
from aemo_ops.store.contract.groups import Groups
from aemo_ops.store.contract.layout import Layout
from aemo_ops.store.contract.loss import check_loss, unread_keys
from aemo_ops.store.contract.problem import Problem, Verdict
from aemo_ops.store.contract.slices import slices
from aemo_ops.store.contract.stretches import Stretches
from aemo_ops.store.splice.footer import add_checksum, read_footer

NORMAL = ".normal"
_MARK = b"aemo_ops.normal_form"


@dataclass(frozen=True)
class Repair:
    """What rewriting did. `before` and `after` are the verdicts on both files; sizes in bytes, `seconds` of real time.

    Rows: `identical` equalled the row of their key that stays, `differing` did not (`conflicts` are the first such keys),
    `off_grid` ended no interval, `impossible` were dated before the NEM or after tomorrow, `null_keys` had no whole key,
    `unread_keys` of them one that nobody can read. Values, which became null: `unread` could not be read as
    their column's type, `nan` were NaN. `added` columns are null throughout, `dropped` ones are left out.
    """

    source: Path
    target: Path
    before: Verdict
    after: Verdict
    rows_in: int
    rows_out: int
    identical: int
    differing: int
    conflicts: tuple[Key, ...]
    off_grid: int
    impossible: int
    null_keys: int
    unread_keys: int
    unread: int
    nan: int
    added: tuple[str, ...]
    dropped: tuple[str, ...]
    source_size: int
    target_size: int
    source_sha256: str
    target_sha256: str
    seconds: float = 0.0

    @property
    def left_out(self) -> int:
        """Rows that stood in the source, are no duplicates, and are not in the normal form."""
        return self.off_grid + self.impossible + self.null_keys

    @property
    def remaining(self) -> tuple[Problem, ...]:
        """What no rewriting cures: rows in the future, infinite values, rows without a value, ids that are unknown."""
        return self.after.problems


def normal_path(source: Path) -> Path:
    """Where the normal form of a file goes: `scada5.parquet` -> `scada5.normal.parquet`, in the same folder."""
    return source.with_name(f"{source.stem}{NORMAL}{source.suffix}")


def is_untouched_result(path: Path) -> bool:
    """Whether a file is a normal form just as it was written here, so that nothing is lost by writing it anew."""
    try:
        footer = read_footer(path)
        mark = json.loads(footer.metadata[_MARK])
        return bool(mark["data"] == path.stat().st_size - len(footer.encoded))
    except (*DAMAGE, ValueError, KeyError, TypeError):
        return False


def normalise(
    source: Path,
    target: Path,
    dataset: Dataset,
    now: datetime,
    drop_columns: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
    accept_loss: bool = False,
    accept_off_grid: bool = True,
) -> Repair:
    """Write the normal form of `source` to `target`, read it back, publish it durably. The source is only read.

    Of rows that share a key the last in the file stays. `now` (NEM time) tells which rows are not due yet; those of the
    next 24 hours stay. Rows without a whole key or with an impossible date are left out with `accept_loss` alone; rows off
    the grid with it or `accept_off_grid`.
    `progress` gets (rows done, of rows) and may raise to cancel. Memory does not grow with the file, as long as its rows
    spread over many days.
    Raises, with nothing written: StoreCorrupt for a source that cannot be read whole or a result that reads back wrong;
    SchemaMismatch for columns that cannot be read, extra ones without `drop_columns`, or no row that can stay; RowsLeftOut
    for rows that nobody agreed to leave out; StoreError where the target exists without `overwrite`, is the source itself,
    or the source changes meanwhile; NoSpace; FolderRefused.
    """
    started = Clock.monotonic()
    _check_target(source, target, overwrite)
    problem = broken(source)
    if problem:
        raise StoreCorrupt(f"{source}: {problem.detail}; nothing was written.")
    with source.open("rb") as file:
        identity = _identity(file)
        examination = _examined(file, source, dataset, now, drop_columns)
        census = _rewritable(examination, source)
        if not accept_loss:
            check_loss(census, source, with_off_grid=not accept_off_grid)
        repair = _rewrite(file, identity, target, now, examination.verdict, census, progress)
    return replace(repair, seconds=Clock.monotonic() - started)


def _check_target(source: Path, target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if source.exists() and target.samefile(source):
        raise StoreError(f"{target} is the source itself; nothing was written. Name another file.")
    if not overwrite:
        raise StoreError(f"{target} exists already; nothing was written. Move it away, or say that it may be replaced.")


def _examined(file: BinaryIO, source: Path, dataset: Dataset, now: datetime, drop_columns: bool) -> Examination:
    try:
        stretches = Stretches(file, source, dataset)
        _check_columns(source, stretches.layout, drop_columns)
        return examine_opened(stretches, now)
    except DAMAGE as error:
        raise StoreCorrupt(f"{source}: {damaged(error).detail}; nothing was written.") from error


def _rewritable(examination: Examination, source: Path) -> Census:
    census = examination.census
    if census is None:
        raise SchemaMismatch(f"{source} cannot be read as {examination.verdict.dataset}; nothing was written.")
    if census.rows and not census.usable:
        raise SchemaMismatch(
            f"{source}: none of its {census.rows:,} rows has a whole key on the grid of {census.dataset.name} and a possible "
            "date; nothing was written. If it is another dataset's file, say which with --dataset."
        )
    return census


def _rewrite(
    file: BinaryIO,
    identity: tuple[int, str],
    target: Path,
    now: datetime,
    before: Verdict,
    census: Census,
    progress: Callable[[int, int], None],
) -> Repair:
    source, layout, dataset = census.stretches.path, census.stretches.layout, census.dataset
    settled = Settled()
    written: list[tuple[Verdict, str]] = []

    def write(sink: BinaryIO) -> None:
        rows = _write(sink, census, settled, identity, progress)
        add_checksum(sink)
        sink.flush()
        failpoint("normal.before_verify")
        partial = Path(sink.name)
        written.append((_verified(partial, dataset, now, rows), _sha256_of(partial)))
        if _identity(file) != identity or not _still_there(source, file):
            raise StoreError(
                f"{source} changed while it was read; nothing was written. Stop what writes it, try again."
            )

    size = publish(target, write)
    after, target_sha256 = written[0]
    repair = Repair(
        source=source,
        target=target,
        before=with_duplicates(before, settled),
        after=replace(after, file=target),
        rows_in=census.rows,
        rows_out=after.rows or 0,
        identical=settled.identical,
        differing=settled.differing,
        conflicts=tuple(settled.conflicts),
        off_grid=census.off_grid.count,
        impossible=census.impossible.count,
        null_keys=census.null_keys,
        unread_keys=unread_keys(census),
        unread=sum(count for name, count in census.unread.items() if name in dataset.values),
        nan=census.nan,
        added=tuple(name for name in dataset.values if name not in layout.sources),
        dropped=layout.extra,
        source_size=identity[0],
        target_size=size,
        source_sha256=identity[1],
        target_sha256=target_sha256,
    )
    return repair


def _check_columns(source: Path, layout: Layout, drop_columns: bool) -> None:
    if layout.obstacles:
        raise SchemaMismatch(
            f"{source} cannot become a {layout.dataset.name} file: {'; '.join(layout.obstacles)}. Nothing was written. If it "
            f"is another dataset's file, say which with --dataset; else {RESTORE}."
        )
    if layout.extra and not drop_columns:
        raise SchemaMismatch(
            f"{source} has columns that {layout.dataset.name} does not: {', '.join(layout.extra)}. Nothing was written; "
            "confirm with --drop-columns that the normal form may leave them out."
        )


def _write(
    sink: BinaryIO,
    census: Census,
    settled: Settled,
    identity: tuple[int, str],
    progress: Callable[[int, int], None],
) -> int:
    """Write every row group; the rows written. Raises StoreCorrupt when they are not what the census promised."""
    done = out = 0
    with Groups(sink, census.dataset) as groups:
        for rows in _readable(census, Path(sink.name).parent):
            kept = settle(rows, census.dataset, settled)
            groups.add(kept)
            done, out = done + rows.num_rows, out + kept.num_rows
            progress(done, census.usable)
        groups.finish()
        mark = {"of": identity[1], "rows": out, "data": sink.tell()}
        groups.note({_MARK: json.dumps(mark)})
    if out + settled.identical + settled.differing != census.usable:
        raise StoreCorrupt(
            f"{census.stretches.path}: {census.usable:,} rows were counted, but {done:,} came; nothing was written. "
            "Somebody may be writing the file: stop that, try again."
        )
    return out


def _readable(census: Census, room: Path) -> Iterator[pa.Table]:
    """The slices, with the reader's errors told apart from the writer's."""
    try:
        yield from slices(census, room)
    except DAMAGE as error:
        raise StoreCorrupt(f"{census.stretches.path}: {damaged(error).detail}; nothing was written.") from error


def _verified(path: Path, dataset: Dataset, now: datetime, rows: int) -> Verdict:
    """The verdict on what was written, read back. Raises StoreCorrupt when it is not the normal form."""
    verdict = examine(path, now, dataset)
    wrong = [*verdict.cured_by_rewriting, *filter(None, [verdict.fatal])]
    if wrong or verdict.rows != rows:
        told = "; ".join(problem.detail for problem in wrong) or f"{verdict.rows} rows, not {rows}"
        raise StoreCorrupt(
            f"the normal form reads back wrong ({told}); nothing was written. Check the disk, try again."
        )
    return verdict


def _identity(file: BinaryIO) -> tuple[int, str]:
    """Size and sha256 of an open file."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(1 << 20):
        digest.update(piece)
    return file.tell(), digest.hexdigest()


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return _identity(file)[1]


def _still_there(path: Path, file: BinaryIO) -> bool:
    """Whether the path still names the open file: an updated one has another inode."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
