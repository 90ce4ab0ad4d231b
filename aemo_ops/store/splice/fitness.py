"""Whether a parquet file can be updated by replacing row groups; where not, the reason in words.

The one judge: a splice asks before it begins, and so does `check`, so that neither calls good what the other refuses.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from aemo_ops.errors import Encrypted, SchemaMismatch, StoreCorrupt
from aemo_ops.market.dataset import Dataset
from aemo_ops.store.advice import DECRYPT, RESTORE, refused_by_system
from aemo_ops.store.splice.footer import Footer, read_footer
from aemo_ops.store.splice.successor import Original

log = logging.getLogger(__name__)

_UNFORESEEN = (pa.ArrowException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
LARGEST = 4_194_304  # rows of a group that we are willing to decode: about 0.4 GB


def footer_of_file(path: Path) -> Footer:
    """The footer of a file. Raises StoreCorrupt, Encrypted, naming it and what to do."""
    return _footer(path, path)


def footer_of(old: Original, dataset: Dataset) -> Footer:
    """The footer of a file that can be spliced as far as a footer tells, without its empty row groups.

    Raises SchemaMismatch, StoreCorrupt.
    """
    footer = filled(_footer(old.fd, old.path))
    check_columns(old.path, footer, dataset)
    with refused(old.path):
        footer.spans(dataset.key[0])
    return footer


def filled(footer: Footer) -> Footer:
    """The footer of the groups that hold rows. Many writers leave empty ones, which have no place in time."""
    kept = [group for group in footer.groups if group.rows]
    return footer if len(kept) == len(footer.groups) else footer.with_groups(kept)


def obstacles(footer: Footer, dataset: Dataset) -> list[str]:
    """Everything that keeps a file with this footer from taking every row that may come; empty for a fit one."""
    found = wrong_columns(footer, dataset)
    if found:
        return found
    required = [column.name for column in footer.columns if column.required and column.name not in dataset.key]
    found = [f"its column {name} takes no empty values" for name in required]
    try:
        check_sizes([group.rows for group in footer.groups])
        filled(footer).spans(dataset.key[0])
    except SchemaMismatch as error:
        found.append(str(error))
    return found


def check_sizes(sizes: Sequence[int]) -> None:
    """Raises SchemaMismatch for row groups of which one is too large to be decoded."""
    largest = max(sizes, default=0)
    if largest > LARGEST:
        raise SchemaMismatch(f"one of its row groups has {largest:,} rows; at most {LARGEST:,} are decoded at a time")


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Say of which file a SchemaMismatch speaks, that it was not changed, and what to do.

    An error that nobody thought of, met while its rows are decoded and merged, is this file's trouble, and never that of
    the file of AEMO's whose rows come: raises StoreCorrupt for it.
    """
    try:
        yield
    except SchemaMismatch as error:
        raise SchemaMismatch(
            f"{path} cannot be updated as it is: {error}. It was not changed; "
            f"`aemo-ops check --repair {path.name}` writes it in normal form."
        ) from error
    except _UNFORESEEN as error:
        log.exception("%s could not be updated", path)
        raise StoreCorrupt(
            f"{path}: an unexpected error met it ({error!r}); the log has the details. It was not changed; "
            f"`aemo-ops check --repair {path.name}` may write it in a form that can be updated."
        ) from error


def check_columns(path: Path, footer: Footer, dataset: Dataset) -> None:
    """Raises SchemaMismatch that lists everything in which the file's columns are not the dataset's."""
    wrong = wrong_columns(footer, dataset)
    if wrong:
        raise SchemaMismatch(
            f"{path} is not a {dataset.name} file: {'; '.join(wrong)}. It was not changed; "
            f"`aemo-ops check {path.name}` lists everything that is wrong with it."
        )


def wrong_columns(footer: Footer, dataset: Dataset) -> list[str]:
    """Everything in which a file's columns are not the dataset's.

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
    return wrong


def _footer(source: int | Path, path: Path) -> Footer:
    try:
        return read_footer(source)
    except Encrypted as error:
        raise Encrypted(f"{path}: {error}. It was not changed; {DECRYPT}.") from error
    except OSError as error:
        raise StoreCorrupt(f"{path} cannot be read. {refused_by_system(error)}. It was not changed.") from error
    except StoreCorrupt as error:
        raise StoreCorrupt(f"{path} cannot be read as parquet ({error}). It was not changed; {RESTORE}.") from error
