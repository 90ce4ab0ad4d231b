"""Beginning: from which interval on each file has ever held rows, so that a file that is lost or set aside is missed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aemo_ops.errors import StoreError
from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.market.intervals import EARLIEST, ceil
from aemo_ops.store.ledger import Ledger
from aemo_ops.store.parquet import Store


class Beginning:
    """Keeps what the ledger knows of the first intervals of a folder's files."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._known: dict[str, datetime] = {}

    def look(self, datasets: Iterable[Dataset]) -> None:
        """At the start: of files that were never looked at, also what was merged once. One that cannot be read tells nothing."""
        for dataset in datasets:
            before = self._ledger.began(dataset.name)
            if before is not None:
                self._known[dataset.name] = before
            elif (merged := self._ledger.oldest_merged(catalogue.origin(dataset).name)) is not None:
                self._began(dataset, ceil(merged, dataset.cadence))
            try:
                self.wrote(dataset)
            except StoreError:  # whoever reads or writes it says what is wrong with it
                continue

    def wrote(self, dataset: Dataset) -> None:
        """The file was written. Raises StoreCorrupt, SchemaMismatch."""
        if (first := self._store.extent(dataset).first) is not None:
            self._began(dataset, first)

    def _began(self, dataset: Dataset, first: datetime) -> None:
        known = self._known.get(dataset.name)
        if first >= EARLIEST and (known is None or first < known):
            self._ledger.mark_began(dataset.name, first)
            self._known[dataset.name] = first
