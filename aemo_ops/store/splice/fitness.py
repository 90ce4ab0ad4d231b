"""Whether a parquet file can be updated by replacing row groups; where not, the reason in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aemo_ops.errors import SchemaMismatch, StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.splice.footer import Footer, read_footer
from aemo_ops.store.splice.successor import Original


def footer_of(old: Original, dataset: Dataset) -> Footer:
    """The footer of a file that can be spliced as far as a footer tells. Raises SchemaMismatch, StoreCorrupt."""
    try:
        with refused(old.path):
            footer = read_footer(old.fd)
            kept = [group for group in footer.groups if group.rows]
            if len(kept) < len(footer.groups):
                footer = footer.with_groups(kept)
            if not all(chunk.plain for group in footer.groups for chunk in group.chunks):
                raise SchemaMismatch("some of its columns are encrypted or lie in another file")
    except StoreCorrupt as error:
        raise StoreCorrupt(
            f"{old.path} cannot be read as parquet ({error}). It was not changed; restore it from a backup or move it "
            "away, then its rows are collected anew."
        ) from error
    check_columns(old.path, footer, dataset)
    with refused(old.path):
        footer.spans(dataset.key[0])
    return footer


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Say of which file a SchemaMismatch speaks, that it was not changed, and what to do."""
    try:
        yield
    except SchemaMismatch as error:
        raise SchemaMismatch(
            f"{path} cannot be updated as it is: {error}. It was not changed; "
            f"`aemo-ops check --repair {path.name}` writes it in normal form."
        ) from error


def check_columns(path: Path, footer: Footer, dataset: Dataset) -> None:
    """Raises SchemaMismatch that lists everything in which the file's columns are not the dataset's.

    What the file tells Arrow beyond that (large strings, string views, dictionaries) makes no difference to its bytes.
    """
    found = {column.name: column.kind for column in footer.columns}
    wanted = {field.name: str(field.type) for field in dataset.schema}
    wrong = [f"no column {name}" for name in wanted if name not in found]
    wrong += [f"an extra column {name}" for name in found if name not in wanted]
    wrong += [
        f"{name} is {found[name]}, not {kind}" for name, kind in wanted.items() if name in found and found[name] != kind
    ]
    if not wrong and [column.name for column in footer.columns] != list(wanted):
        wrong = [f"its columns stand in another order ({', '.join(found)})"]
    if wrong:
        raise SchemaMismatch(
            f"{path} is not a {dataset.name} file: {'; '.join(wrong)}. It was not changed; "
            f"`aemo-ops check {path.name}` lists everything that is wrong with it."
        )
