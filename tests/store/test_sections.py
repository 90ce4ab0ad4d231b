from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aemo_ops.store.splice import sections as subject
from aemo_ops.store.splice.sections import Section, cuts, sections

SPANS = [(0, 9), (9, 20), (30, 40), (50, 50)]


def found(times: list[int], sizes: list[int] | None = None) -> list[Section]:
    return sections(SPANS, sizes or [200_000] * 4, np.array(times))


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([5], [Section(0, 1, 0, 1)]),
        ([35, 35, 36], [Section(2, 3, 0, 3)]),
        ([9], [Section(0, 2, 0, 1)]),
        ([25], [Section(2, 2, 0, 1)]),
        ([-1], [Section(0, 0, 0, 1)]),
        ([60, 61], [Section(4, 4, 0, 2)]),
        ([20, 25], [Section(1, 2, 0, 2)]),
        ([25, 30], [Section(2, 3, 0, 2)]),
        ([1, 35, 50], [Section(0, 1, 0, 1), Section(2, 3, 1, 2), Section(3, 4, 2, 3)]),
        ([1, 9, 10], [Section(0, 2, 0, 3)]),
    ],
)
def test_only_the_groups_that_new_rows_meet_are_touched(times: list[int], expected: list[Section]) -> None:
    assert found(times) == expected


def test_small_neighbours_are_taken_along() -> None:
    assert found([60], [200_000, 200_000, 200_000, 100]) == [Section(3, 4, 0, 1)]
    assert found([60], [200_000, 200_000, 40_000, 100]) == [Section(3, 4, 0, 1)]
    assert found([60], [200_000, 200_000, 40_000, 16_384]) == [Section(4, 4, 0, 1)]
    assert found([50], [200_000, 200_000, 40_000, 16_384]) == [Section(2, 4, 0, 1)]
    assert found([-5], [100, 200_000, 100, 100]) == [Section(0, 1, 0, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(1, 60)), max_size=12),
    st.lists(st.integers(-3, 60), min_size=1, max_size=20),
)
def test_every_row_falls_into_one_section_and_meets_every_group_of_its_time(
    steps: list[tuple[int, int, int]], times: list[int]
) -> None:
    spans: list[tuple[int, int]] = []
    for gap, length, _ in steps:
        low = (spans[-1][1] if spans else 0) + gap
        spans.append((low, low + length))
    with patch.object(subject, "HOT", 20), patch.object(subject, "SEALED", 50):
        result = sections(spans, [size for _, _, size in steps], np.array(sorted(times)))
    assert all(before.last <= after.first for before, after in pairwise(result))
    assert [at for section in result for at in range(section.start, section.stop)] == list(range(len(times)))
    for section in result:
        for time in sorted(times)[section.start : section.stop]:
            meets = [n for n, (low, high) in enumerate(spans) if low <= time <= high]
            assert all(section.first <= n < section.last for n in meets)
            assert all(high < time for _, high in spans[: section.first])
            assert all(low > time for low, _ in spans[section.last :])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.booleans())
def test_cuts_cover_all_rows_and_part_no_instant(times: list[int], is_end: bool) -> None:
    ordered = np.array(sorted(times))
    with patch.object(subject, "HOT", 10), patch.object(subject, "SEALED", 40):
        bounds = cuts(ordered, is_end)
    assert [at for start, stop in bounds for at in range(start, stop)] == list(range(len(times)))
    assert all(ordered[start - 1] < ordered[start] for start, _ in bounds[1:])


def test_the_end_of_a_file_stays_small() -> None:
    times = np.repeat(np.arange(1100), 200)
    assert [stop - start for start, stop in cuts(times, is_end=True)] == [107_800, 108_000, 4_200]
    assert [stop - start for start, stop in cuts(times, is_end=False)] == [110_000, 110_000]
