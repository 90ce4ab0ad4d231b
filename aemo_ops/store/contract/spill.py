"""Spill: rows put aside in a temporary file, to be taken out again by number."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from aemo_ops.files import explained

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=True)


class Spill:
    """A temporary file in `folder`. It has no name, so that nothing is left behind even by a process that is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with explained(folder / "a temporary file"):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed at the end of our own `with`
        self._places: defaultdict[int, list[int]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, number: int, rows: pa.Table) -> None:
        """Raises NoSpace."""
        with explained(self._folder / "a temporary file"):
            self._places[number].append(self._file.tell())
            with pa.ipc.new_stream(self._file, rows.schema, options=_OPTIONS) as stream:
                stream.write_table(rows)

    def take(self, number: int) -> Iterator[pa.Table]:
        """The tables put aside under this number, in the order in which they came."""
        for place in self._places.pop(number, []):
            self._file.seek(place)
            yield pa.ipc.open_stream(self._file).read_all()
