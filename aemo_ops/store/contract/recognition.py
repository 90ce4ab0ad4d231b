"""Which dataset a file belongs to, told by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset

# The names that older collectors gave their files.
OLDER_NAMES = {
    "gen_output": "scada5",
    "spot_hist": "prices5",
    "transmission_flows": "transmission5",
    "rooftop_solar": "rooftop5",
}
# What cloud folders and people add to the name of a copy, and what we add to that of a normal form.
_COPY = re.compile(r"(?: \d+| \([^)]*\)|[ -]+copy(?: \d+)?|\.normal)$", re.IGNORECASE)


@dataclass(frozen=True)
class Recognition:
    """`name` of the dataset that a file name stands for; `dataset` is None where the catalogue does not have it.

    `older`: an older collector's name for it.
    """

    name: str
    dataset: Dataset | None
    older: bool = False


def recognise(file_name: str) -> Recognition | None:
    """The dataset of a file: its own name, an older collector's, or a conflict copy of either; None for a foreign one."""
    stem, dot, suffix = file_name.rpartition(".")
    if not dot or suffix.lower() != "parquet":
        return None
    while (shorter := _COPY.sub("", stem)) != stem:
        stem = shorter
    name = OLDER_NAMES.get(stem.lower(), stem.lower())
    dataset = catalogue.dataset_of_file(f"{name}.parquet")
    known = dataset is not None or name in OLDER_NAMES.values()
    return Recognition(name, dataset, stem.lower() in OLDER_NAMES) if known else None
