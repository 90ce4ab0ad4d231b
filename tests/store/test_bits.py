"""A single flipped bit in a file of ours: a read notices it, unless no row depends on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from aemo_ops.errors import SchemaMismatch, StoreCorrupt
from aemo_ops.market.catalogue import SCADA30
from aemo_ops.store.contract.normal import normalise
from aemo_ops.store.parquet import Store
from aemo_ops.store.splice.thrift import decode
from tests.conftest import NOON, SOAK
from tests.store.foreign import rows_at

FLIPS = 300 if SOAK else 40  # in each kind of file
CHECKED, HEADER, DEAD = "pages and footers", "page headers", "bytes that no group and no footer reaches"


def new(store: Store) -> None:
    store.merge(SCADA30, rows_at(*range(50)))


def spliced(store: Store) -> None:
    new(store)
    store.merge(SCADA30, rows_at(20, 49, 50, ids=["UNIT03", "NEW"], seed=2))
    store.merge(SCADA30, rows_at(50, 51, seed=3))


def compacted(store: Store) -> None:
    spliced(store)
    store.compact(SCADA30)


def repaired(store: Store) -> None:
    new(store)
    path = store.path(SCADA30)
    normalise(path, path.with_name("normal"), SCADA30, NOON)
    path.with_name("normal").replace(path)


def regions(path: Path) -> list[str]:
    """What each byte of a file is, told by pyarrow but for the length of page headers, which have no checksum."""
    content, told = path.read_bytes(), pq.read_metadata(path)
    found = [DEAD] * len(content)
    found[:4] = [CHECKED] * 4
    found[-8 - told.serialized_size :] = [CHECKED] * (8 + told.serialized_size)
    for number in range(told.num_row_groups):
        for column in range(told.num_columns):
            chunk = told.row_group(number).column(column)
            at = chunk.dictionary_page_offset or chunk.data_page_offset
            end = at + chunk.total_compressed_size
            while at < end:
                header, data = decode(content, at)
                found[at:data] = [HEADER] * (data - at)
                at = data + header[3][1]
                found[data:at] = [CHECKED] * (at - data)
    return found


def flipped(content: bytes, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("made", [new, spliced, compacted, repaired])
def test_a_flipped_bit_is_noticed_unless_no_row_depends_on_it(
    tmp_path: Path, made: Callable[[Store], None], tally: Callable[[str], None]
) -> None:
    store = Store(tmp_path)
    made(store)
    path = store.path(SCADA30)
    content, region, truth = path.read_bytes(), regions(path), (store.extent(SCADA30), store.read(SCADA30))
    for bit in np.random.default_rng(11).integers(0, len(content) * 8, FLIPS).tolist():
        path.write_bytes(flipped(content, bit))
        try:
            found = store.extent(SCADA30), store.read(SCADA30)
        except (StoreCorrupt, SchemaMismatch):
            tally("flipped bits that were noticed")
        else:
            assert found == truth
            assert region[bit // 8] in (HEADER, DEAD)
            tally(f"flipped bits in {region[bit // 8]}, harmless")


@pytest.mark.parametrize("made", [new, spliced, compacted, repaired])
def test_every_flipped_bit_of_a_footer_is_noticed(
    tmp_path: Path, made: Callable[[Store], None], tally: Callable[[str], None]
) -> None:
    store = Store(tmp_path)
    made(store)
    path = store.path(SCADA30)
    content = path.read_bytes()
    footer = len(content) - 8 - pq.read_metadata(path).serialized_size
    for bit in range(footer * 8, len(content) * 8, 1 if SOAK else 101):
        path.write_bytes(flipped(content, bit))
        with pytest.raises((StoreCorrupt, SchemaMismatch)):
            store.extent(SCADA30)
        tally("flipped bits that were noticed, in footers")
