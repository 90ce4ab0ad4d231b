"""Loss: rows that stand in a file and have no place in its normal form. A person has to agree before they are left out.

A row that shares its key with a later one is no loss: the later one stays.
"""

from __future__ import annotations

from pathlib import Path

from aemo_ops.errors import RowsLeftOut
from aemo_ops.market.intervals import EARLIEST
from aemo_ops.store.contract.census import Census


def unread_keys(census: Census) -> int:
    """Parts of keys that are there and that nobody can read."""
    return sum(census.unread[name] for name in census.dataset.key)


def check_loss(census: Census, source: Path, with_off_grid: bool) -> None:
    """Raises RowsLeftOut, with the count of each kind, where rows would be left out.

    `with_off_grid`: rows that end no interval count too. Without it they do not: 5-minute rows in a 30-minute file have no
    key there.
    """
    unread = unread_keys(census)
    nobody = f", {unread:,} of them with one that nobody can read" if unread else ""
    kinds = [
        (census.null_keys, f"without a whole key{nobody}"),
        (census.impossible.count, f"dated before {EARLIEST.year} or after tomorrow"),
        (census.off_grid.count if with_off_grid else 0, f"that end no interval of {census.dataset.name}"),
    ]
    lost = sum(count for count, _ in kinds)
    if lost:
        told = "; ".join(f"{count:,} {words}" for count, words in kinds if count)
        raise RowsLeftOut(
            f"{source}: {lost:,} of its {census.rows:,} rows would be left out of the normal form: {told}. Nothing was "
            f"written; `aemo-ops check {source.name}` says more. Agree with --accept-loss that they may go."
        )
