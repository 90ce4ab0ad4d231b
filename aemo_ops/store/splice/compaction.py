"""Compaction: a spliced file written anew without its dead bytes. The one moment at which bytes move: choose a quiet one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aemo_ops.errors import StoreCorrupt
from aemo_ops.files import failpoint
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.splice.chunks import check_file, encoded, opened
from aemo_ops.store.splice.clone import copy
from aemo_ops.store.splice.fitness import footer_of, refused
from aemo_ops.store.splice.footer import MAGIC, Footer
from aemo_ops.store.splice.rowgroup import Group, moved
from aemo_ops.store.splice.sections import SEALED
from aemo_ops.store.splice.successor import Original, original, succeed

MERGED = 1_048_576  # rows of a group made of sealed ones
DEAD_AT_MOST = 64 << 20
DEAD_SHARE = 0.3
DEAD_AT_LEAST = 8 << 20  # below that a share is not worth a rewrite
MERGEABLE_AT_MOST = 64
_BLOCK = 1 << 20

Run = tuple[int, int]


@dataclass(frozen=True)
class Compacted:
    """Size of the file in bytes, and its row groups, before and after."""

    before: int
    after: int
    groups_before: int
    groups_after: int


def dead_bytes(footer: Footer, size: int) -> int:
    """Bytes of a file of this size that its footer does not reach: replaced row groups and old footers."""
    return size - len(MAGIC) - len(footer.encoded) - sum(group.live for group in footer.groups)


def burden(footer: Footer, size: int) -> float:
    """What a rewrite would rid the file of, in shares of what is let lie: dead bytes, or groups that could be fewer.

    From 1 on a rewrite is worth its while in a quiet cycle.
    """
    bearable = min(DEAD_AT_MOST, max(DEAD_AT_LEAST, size * DEAD_SHARE))
    mergeable = len(footer.groups) - len(_runs(footer))
    return max(dead_bytes(footer, size) / bearable, mergeable / MERGEABLE_AT_MOST)


def compact(path: Path, dataset: Dataset, merge: bool = True, permit: Callable[[], None] = lambda: None) -> Compacted:
    """Write the file anew: live bytes only, in logical order, small sealed row groups merged into ones of about 1 M rows.

    Other groups are copied without decoding. Before it is published, the new file is compared with the old one, whole.
    Memory is that of one merged group. The caller holds the file's lock. Raises what `splice` raises; the old file stays then.
    """
    with original(path, permit) as old:
        footer = footer_of(old, dataset)
        runs = _runs(footer) if merge else [(at, at + 1) for at in range(len(footer.groups))]
        written: list[Footer] = []

        def make(partial: Path) -> int:
            with refused(path), partial.open("xb") as file:
                os.fchmod(file.fileno(), old.status.st_mode & 0o777)
                written.append(_write(file, old, footer, runs, dataset))
                return file.tell()

        def verify(partial: Path) -> None:
            _compare(partial, written[0], old, footer, runs, dataset)

        after = succeed(old, "compact", make, verify)
    return Compacted(old.size, after, len(footer.groups), len(runs))


def _runs(footer: Footer) -> list[Run]:
    """Groups first..last-1 that become one. The unsealed ones at the end stay as they are, so that updates stay cheap."""
    sizes = [group.rows for group in footer.groups]
    end = len(sizes)
    while end and sizes[end - 1] < SEALED // 2:
        end -= 1
    runs: list[Run] = []
    first = 0
    while first < len(sizes):
        last, rows = first + 1, sizes[first]
        while rows < MERGED and last < end and rows + sizes[last] <= MERGED:
            rows += sizes[last]
            last += 1
        runs.append((first, last))
        first = last
    return runs


def _write(file: BinaryIO, old: Original, footer: Footer, runs: Sequence[Run], dataset: Dataset) -> Footer:
    file.write(MAGIC)
    groups: list[Group] = []
    with opened(old.path, dataset) as reader:
        for first, last in runs:
            if last - first == 1:
                groups.append(_copied(file, old, footer.groups[first]))
                continue
            rows = reader.sound_rows(footer, first, last)
            placed, parts = encoded(old.path, [rows], footer, dataset).placed(file.tell())
            file.writelines(parts)
            groups += placed
    failpoint("compact.before_footer")
    new = footer.with_groups(groups)
    file.write(new.encoded)
    return new


def _copied(file: BinaryIO, old: Original, group: Group) -> Group:
    """Copy a group's bytes, chunk by chunk, to the end of `file`; the group as it is there."""
    file.flush()  # the kernel copies from here on, behind the buffer
    at = file.tell()
    shifts = []
    for chunk in group.chunks:
        copy(old.fd, chunk.start, chunk.length, file.fileno())
        shifts.append(at - chunk.start)
        at += chunk.length
    file.seek(at)
    placed, blobs = moved(group, shifts, lambda offset, length: os.pread(old.fd, length, offset), at)
    file.write(blobs)
    return placed


def _compare(partial: Path, new: Footer, old: Original, footer: Footer, runs: Sequence[Run], dataset: Dataset) -> None:
    merged = [(place, run) for place, run in enumerate(runs) if run[1] - run[0] > 1]
    with opened(old.path, dataset) as reader:
        check_file(partial, new, ((place, reader.rows(*run)) for place, run in merged), dataset)
    with partial.open("rb") as file:
        for place, (first, last) in enumerate(runs):
            if last - first == 1 and not _same_bytes(old.fd, footer.groups[first], file.fileno(), new.groups[place]):
                raise StoreCorrupt(f"row group {place} of {partial} is not what was copied; {old.path} is untouched.")


def _same_bytes(fd: int, group: Group, new_fd: int, new_group: Group) -> bool:
    return all(
        os.pread(fd, min(_BLOCK, chunk.length - at), chunk.start + at)
        == os.pread(new_fd, min(_BLOCK, chunk.length - at), new_chunk.start + at)
        for chunk, new_chunk in zip(group.chunks, new_group.chunks, strict=True)
        for at in range(0, chunk.length, _BLOCK)
    )
