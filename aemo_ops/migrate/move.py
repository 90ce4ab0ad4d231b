"""What is moved, from where, to where: fixed for a move from its first step to its last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate.dashboard import Dashboard
from aemo_ops.migrate.inventory import USUAL, Wanted

PATTERNS = ("aemo-combined-update", "unified_collector", "update_spot", "gen_dash")
MOST_HOURS = 24.0 * 14  # of watching after the switch


@dataclass(frozen=True)
class Move:
    """`source` holds the files; below `base` the new place gets data, logs and backup.

    `patterns`: what the command lines of old collectors hold. `drop_columns`: the person agreed that columns which belong to
    no dataset are left out of the normal form. `dashboard`: the program that reads the files, if any, and `env_file` its
    settings. `repositories`: folders of programs around the data, whose state is written down. `watch_hours` of market time
    after the switch.
    """

    source: Path
    base: Path
    wanted: tuple[Wanted, ...] = USUAL
    patterns: tuple[str, ...] = PATTERNS
    drop_columns: bool = False
    env_file: Path | None = None
    repositories: tuple[Path, ...] = ()
    watch_hours: float = 24.0
    dashboard: Dashboard | None = None

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def backup(self) -> Path:
        return self.base / "backup"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.data, self.base / "logs", self.backup)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """Those of the wanted files that are a dataset's own."""
        known = (catalogue.dataset_of_file(one.name) for one in self.wanted)
        return tuple(dataset for dataset in known if dataset)

    @property
    def shared(self) -> tuple[Dataset, ...]:
        """The datasets that the old collector has too: an optional file may be absent, and is then ours alone."""
        optional = {one.name for one in self.wanted if not one.required}
        return tuple(
            one for one in self.datasets if one.file_name not in optional or (self.source / one.file_name).exists()
        )

    def inputs(self) -> Mapping[str, Any]:
        """As the journal keeps it."""
        return {
            "source": str(self.source),
            "base": str(self.base),
            "wanted": [asdict(one) for one in self.wanted],
            "patterns": list(self.patterns),
            "drop_columns": self.drop_columns,
            "env_file": str(self.env_file) if self.env_file else None,
            "repositories": [str(path) for path in self.repositories],
            "watch_hours": self.watch_hours,
            "dashboard": asdict(self.dashboard) if self.dashboard else None,
        }

    @classmethod
    def of(cls, inputs: Mapping[str, Any]) -> Move:
        """The move that a journal was begun with."""
        return cls(
            Path(inputs["source"]),
            Path(inputs["base"]),
            tuple(Wanted(**one) for one in inputs["wanted"]),
            tuple(inputs["patterns"]),
            bool(inputs["drop_columns"]),
            Path(inputs["env_file"]) if inputs["env_file"] else None,
            tuple(Path(path) for path in inputs["repositories"]),
            float(inputs["watch_hours"]),
            Dashboard(**inputs["dashboard"]) if inputs["dashboard"] else None,
        )
