"""Layout: how the columns of a file, whoever wrote it, become the columns of its dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from aemo_ops.market.dataset import Column, Dataset
from aemo_ops.store.contract import conversion
from aemo_ops.store.contract.problem import Kind, Problem


@dataclass(frozen=True)
class Layout:
    """`sources`: the dataset's column -> the file's column that holds it; absent where the file has none.

    `extra`: the file's columns that the dataset does not have. `problems`: where the file's schema is not the dataset's.
    """

    dataset: Dataset
    schema: pa.Schema
    sources: dict[str, str]
    extra: tuple[str, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def obstacles(self) -> tuple[str, ...]:
        """Why the rows cannot be read as the dataset's; empty when they can."""
        return tuple(_obstacles(self))

    @cached_property
    def texts(self) -> list[str]:
        """The file's id columns that are plain strings: worth reading as dictionaries, for they repeat for ever."""
        return [
            source
            for name, source in self.sources.items()
            if conversion.is_text(self.dataset.schema.field(name).type)
            and self.schema.names.count(source) == 1
            and conversion.is_text(self.schema.field(source).type)
        ]

    def rows(self, table: pa.Table) -> pa.Table:
        """The dataset's columns of a table read from the file: times in ns, numbers in float64, ids as dictionaries.

        Missing columns are null, and so is what cannot be read as its column's type.
        """
        return pa.table({column.name: self._array(table, column) for column in self.dataset.columns})

    def _array(self, table: pa.Table, column: Column) -> pa.ChunkedArray:
        source = self.sources.get(column.name)
        if source is None:
            return pa.chunked_array([pa.nulls(table.num_rows, column.type)])
        return conversion.convert(table[source], column.type)


def layout(dataset: Dataset, schema: pa.Schema) -> Layout:
    """How a file of this Arrow schema maps to the dataset: exact names first, then names that differ in case."""
    wanted = {column.name.casefold(): column.name for column in dataset.columns}
    sources = {name: name for name in schema.names if name in wanted.values()}
    for name in schema.names:
        if name.casefold() in wanted:
            sources.setdefault(wanted[name.casefold()], name)
    _restore_unnamed_index(dataset, schema, sources)
    extra = tuple(dict.fromkeys(name for name in schema.names if name not in sources.values()))
    problems = tuple(_problems(dataset, schema, sources, extra))
    return Layout(dataset, schema, sources, extra, problems)


def _restore_unnamed_index(dataset: Dataset, schema: pa.Schema, sources: dict[str, str]) -> None:
    """pandas stores an index without a name as `__index_level_0__`; one of times can only be the missing time column."""
    unnamed = "__index_level_0__"
    if dataset.time_column in sources or unnamed not in schema.names:
        return
    if pa.types.is_timestamp(schema.field(unnamed).type):
        sources[dataset.time_column] = unnamed


def _problems(
    dataset: Dataset, schema: pa.Schema, sources: dict[str, str], extra: tuple[str, ...]
) -> Iterator[Problem]:
    for name, times in Counter(schema.names).items():
        if times > 1:
            yield Problem(Kind.COLUMN_TWICE, f"{name} stands {times} times in the schema")
    index = _index_columns(schema)
    if index:
        yield Problem(Kind.INDEX_COLUMN, f"{', '.join(index)} is stored as the index of a pandas frame", len(index))
    missing = [column.name for column in dataset.columns if column.name not in sources]
    if missing:
        yield Problem(Kind.MISSING_COLUMN, f"no column {', '.join(missing)}", len(missing))
    if extra:
        yield Problem(Kind.EXTRA_COLUMN, f"{', '.join(extra)} is no column of {dataset.name}", len(extra))
    renamed = [
        f"{source} for {name}"
        for name, source in sources.items()
        if source != name and source.casefold() == name.casefold()
    ]
    if renamed:
        yield Problem(Kind.WRONG_CASE, ", ".join(renamed), len(renamed))
    wrong = [
        f"{source} is {schema.field(source).type}, not {dataset.schema.field(name).type}"
        for name, source in sources.items()
        if schema.names.count(source) == 1
        and not conversion.is_same(schema.field(source).type, dataset.schema.field(name).type)
    ]
    if wrong:
        yield Problem(Kind.WRONG_TYPE, "; ".join(wrong), len(wrong))
    order = [source for column in dataset.columns if (source := sources.get(column.name))]
    if [name for name in dict.fromkeys(schema.names) if name in order] != order:
        yield Problem(Kind.COLUMN_ORDER, f"the columns stand as {', '.join(schema.names)}")


def _obstacles(layout: Layout) -> Iterator[str]:
    names, dataset = layout.schema.names, layout.dataset
    for column in dataset.columns:
        source = layout.sources.get(column.name)
        if source is None:
            if column.name in dataset.key:
                yield f"no column {column.name}, which is part of the key"
        elif names.count(source) > 1:
            yield f"column {source} stands {names.count(source)} times"
        elif not conversion.is_convertible(layout.schema.field(source).type, column.type):
            yield f"{source} is {layout.schema.field(source).type}, which cannot be read as {column.type}"


def _index_columns(schema: pa.Schema) -> list[str]:
    """The columns that pandas would take out of the frame and make its index."""
    try:
        told: Any = schema.pandas_metadata or {}
    except ValueError:  # the note that pandas left is broken; pandas itself then takes every column as a column
        return []
    listed = told.get("index_columns", []) if isinstance(told, dict) else []
    return [name for name in listed if isinstance(name, str) and name in schema.names]
