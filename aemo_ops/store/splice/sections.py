"""Which row groups of a sorted file new rows meet, and where the rows go that meet none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

HOT = 16_384
SEALED = 131_072


@dataclass(frozen=True, slots=True)
class Section:
    """Row groups first..last-1 (none: a gap before group `first`) that new rows start..stop-1, sorted by time, go into."""

    first: int
    last: int
    start: int
    stop: int


def sections(spans: Sequence[tuple[int, int]], sizes: Sequence[int], times: np.ndarray) -> list[Section]:
    """How sorted `times` of new rows fall on row groups of these time spans and sizes in rows, in order of time.

    Groups that share an instant of the new rows share a section. A group left out is one that an update need not touch.
    """
    return _widened(_joined(_met(spans, times), sizes), sizes)


def _met(spans: Sequence[tuple[int, int]], times: np.ndarray) -> list[Section]:
    found: list[Section] = []
    done = 0
    starts = np.searchsorted(times, [low for low, _ in spans], "left").tolist()
    stops = np.searchsorted(times, [high for _, high in spans], "right").tolist()
    for group, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if start > done:
            found.append(Section(group, group, done, start))
        if stop > start and start < done:  # the instant at which the group before ends
            before = found.pop()
            found.append(Section(before.first, group + 1, before.start, stop))
        elif stop > start:
            found.append(Section(group, group + 1, start, stop))
        done = max(done, stop)
    if done < len(times):
        found.append(Section(len(spans), len(spans), done, len(times)))
    return found


def _rows(section: Section, sizes: Sequence[int]) -> int:
    return sum(sizes[section.first : section.last]) + section.stop - section.start


def _joined(found: list[Section], sizes: Sequence[int]) -> list[Section]:
    """Neighbours as one where one of them is a gap or both are small."""
    joined: list[Section] = []
    for section in found:
        if joined and joined[-1].last == section.first:
            before = joined[-1]
            gap = before.first == before.last or section.first == section.last
            if gap or _rows(before, sizes) + _rows(section, sizes) <= SEALED:
                joined[-1] = Section(before.first, section.last, before.start, section.stop)
                continue
        joined.append(section)
    return joined


def _widened(found: list[Section], sizes: Sequence[int]) -> list[Section]:
    """Take small neighbours along, so that groups grow: up to HOT rows each time, above that when a section outgrew HOT.

    An update so rewrites a hot group of up to HOT rows, and only once in a while what was collected before it.
    """
    widened: list[Section] = []
    for position, section in enumerate(found):
        left = widened[-1].last if widened else 0
        right = found[position + 1].first if position + 1 < len(found) else len(sizes)
        rows = _rows(section, sizes)
        first, last = section.first, section.last
        while first > left and _takes(rows, sizes[first - 1]):
            first -= 1
            rows += sizes[first]
        while last < right and _takes(rows, sizes[last]):
            rows += sizes[last]
            last += 1
        widened.append(Section(first, last, section.start, section.stop))
    return widened


def _takes(rows: int, neighbour: int) -> bool:
    return rows + neighbour <= SEALED and (neighbour < HOT or rows > HOT)


def cuts(times: np.ndarray, is_end: bool) -> list[tuple[int, int]]:
    """Where to cut sorted rows into row groups: even ones of about SEALED rows, (start, stop), between two instants.

    At the file's end the newest rows become a small group of their own: the next update, and most revisions, meet only them.
    """
    body = len(times)
    if is_end and body > HOT:
        body = int(np.searchsorted(times, times[body - HOT // 4], "left"))
    count = max(1, round(body / SEALED))
    even = [body * part // count for part in range(1, count)]
    bounds = sorted({0, body, len(times), *(int(np.searchsorted(times, times[at], "left")) for at in even)})
    return list(pairwise(bounds))
