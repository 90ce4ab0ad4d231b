"""What is moved, from where, to where: fixed for a move from its first step to its last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from aemo_ops.market import catalogue
from aemo_ops.market.dataset import Dataset
from aemo_ops.migrate import inventory, programs
from aemo_ops.migrate.dashboard import Dashboard
from aemo_ops.migrate.inventory import USUAL, Inventory, Wanted
from aemo_ops.migrate.programs import Program

PATTERNS = ("aemo-combined-update", "unified_collector", "update_spot", "gen_dash")
AGREEMENTS = ("drop_columns", "accept_loss")  # what a person may agree to in the middle of a move
MOST_HOURS = 24.0 * 14  # of watching after the switch


@dataclass(frozen=True)
class Move:
    """`source` holds the files; below `base` the new place gets data, logs and backup.

    `files`: name in the set -> where that file lies now, for those that do not lie in `source` under that name. `without`:
    name -> why the file is left out. `patterns`: what the command lines of old collectors hold. The person agreed that the
    normal form leaves out columns that belong to no dataset (`drop_columns`), and rows that cannot be kept
    (`accept_loss`). `dashboard`: the program that reads the files, if any, and `env_file` its
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
    files: Mapping[str, Path] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    accept_loss: bool = False

    def old(self, file: Dataset | str) -> Path:
        """Where a file of the set lies now."""
        name = file if isinstance(file, str) else file.file_name
        return self.files.get(name, self.source / name)

    @property
    def taken(self) -> tuple[Wanted, ...]:
        """The files of the set that are not left out."""
        return tuple(one for one in self.wanted if one.name not in self.without)

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders that the old collector writes: `source`, and those in which other files of datasets lie."""
        others = (path.parent for name, path in self.files.items() if name.endswith(".parquet"))
        return tuple(dict.fromkeys((self.source, *others)))

    def inventory(self) -> Inventory:
        """Its files as they lie there now."""
        return inventory.take(self.source, self.wanted, self.files, self.without)

    def collectors(self) -> list[Program]:
        """The old collectors that run now. Raises StepRefused."""
        return programs.look(self.patterns, self.sources)

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
        """Those whose file is taken along."""
        known = (catalogue.dataset_of_file(one.name) for one in self.taken)
        return tuple(dataset for dataset in known if dataset)

    @property
    def shared(self) -> tuple[Dataset, ...]:
        """The datasets that the old collector has too: an optional file may be absent, and is then ours alone."""
        optional = {one.name for one in self.wanted if not one.required}
        return tuple(one for one in self.datasets if one.file_name not in optional or self.old(one).exists())

    @property
    def agreed(self) -> set[str]:
        """What of AGREEMENTS a person agreed to."""
        return {name for name in AGREEMENTS if getattr(self, name)}

    def agreeing(self, names: Iterable[str]) -> Move:
        """The same, a person having agreed to these too."""
        agreed = self.agreed | set(names)
        return replace(self, drop_columns="drop_columns" in agreed, accept_loss="accept_loss" in agreed)

    def is_same(self, other: Move) -> bool:
        """Whether it is the same move, but for what a person agreed to and for places that the other one found by itself."""
        mine, its = (replace(one, files={}, drop_columns=False, accept_loss=False) for one in (self, other))
        return mine == its and self.files.items() <= other.files.items()

    def inputs(self) -> Mapping[str, Any]:
        """As the journal keeps it."""
        more: dict[str, Any] = {}  # what earlier versions did not know stands there only where it says something
        if self.files:
            more["files"] = {name: str(path) for name, path in self.files.items()}
        if self.without:
            more["without"] = dict(self.without)
        if self.accept_loss:
            more["accept_loss"] = True
        return more | {
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
            {name: Path(path) for name, path in inputs.get("files", {}).items()},
            dict(inputs.get("without", {})),
            bool(inputs.get("accept_loss", False)),
        )
