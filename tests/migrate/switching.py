"""Two collectors side by side, as they are before a switch: the stand-in in `old`, ours in `ssd/data`; the clock runs fast."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pandas as pd
import psutil
import pyarrow as pa

from aemo_ops.clock import Clock
from aemo_ops.market import catalogue
from aemo_ops.migrate.move import Move
from aemo_ops.migrate.note import Note
from aemo_ops.migrate.private import Private
from aemo_ops.migrate.shadow import Shadow
from aemo_ops.migrate.steps.switch import NOTE, Switch
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Replica, Shelf
from aemo_ops.settings import Settings
from aemo_ops.store.journal import Journal
from aemo_ops.store.lease import adopt
from tests.conftest import NOON, QUICK
from tests.migrate.moving import WANTED
from tests.migrate.stepping import quiet
from tests.ops import history
from tests.ops.healed import EVERY
from tests.waiting import until

SPEED = 120.0
BEGIN = NOON - timedelta(hours=3)


def frame(path: Path) -> pd.DataFrame:
    """A file that the stand-in may be writing, in place: in the middle of that nobody can read it."""
    read: list[pd.DataFrame] = []

    def whole() -> bool:
        try:
            read.append(pd.read_parquet(path))
        except (OSError, pa.ArrowException):
            return False
        return True

    until(whole, f"{path.name} can be read")
    return read[0]


class Switching:
    """`place` holds everything; `prepare` makes it, another process goes on with what is there."""

    def __init__(self, place: Path, url: str, make: Callable[..., Engine]) -> None:
        self.place, self.url, self._make = place, url, make
        self.site: Replica
        self.clock_file = place / "clock.json"
        self.settings = place / "home" / ".env"
        self.move = Move(place / "old", place / "ssd", WANTED, (f"--data {place / 'old'}",))
        self.shadow = Shadow(self._engine, self.move.data)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.whole: history.Frames = {}

    @classmethod
    def prepare(cls, place: Path, site: Replica, shelf: Shelf, make: Callable[..., Engine]) -> Self:
        made = cls(place, site.url, make)
        made.site = site
        made.settings.parent.mkdir(parents=True)
        for folder in (made.move.source, *made.move.folders):
            folder.mkdir(parents=True)
        adopt(made.move.data)
        made.whole = history.whole(shelf, EVERY, BEGIN, NOON)
        for folder in (made.move.source, made.move.data):
            for name, rows in made.whole.items():
                rows.to_parquet(folder / f"{name}.parquet", index=False)
        site.clock = Clock.starting(NOON, SPEED)
        site.clock.write(made.clock_file)
        return made

    @property
    def clock(self) -> Clock:
        return Clock.from_file(self.clock_file)

    def _engine(self, folder: Path) -> Engine:
        # What the files lack is what came since NOON: the first cycle reads it, older files are nobody's concern here.
        return self._make(self.url, self.clock, home=self.place / "home", data=folder, catchup_gap=2.0)

    def old(self, *variants: str) -> subprocess.Popen[bytes]:
        """The old collector, running."""
        self.processes.append(subprocess.Popen(self.command(*variants), cwd=self.place, stdout=subprocess.DEVNULL))
        return self.processes[-1]

    def command(self, *variants: str) -> list[str]:
        words = [word for name in variants for word in ("--variant", name)]
        program = [sys.executable, "-m", "aemo_ops.replica.legacy", "unified_collector"]
        return [
            *program,
            "--data",
            str(self.move.source),
            "--url",
            self.site.url,
            "--clock",
            str(self.clock_file),
            *words,
        ]

    def wizard(self) -> Wizard:
        values = {"AEMO_DATA_PATH": str(self.move.data)}
        journal = Journal(self.place / "journal.jsonl")
        step = Switch(self.move, self.shadow, self.clock, Private(journal.path), [(self.settings, values)])
        return Wizard(journal, [step], self.move.inputs())

    def switch(self) -> Any:
        """The evidence."""
        self.wizard().confirm("switch", "SWITCH")
        return self.wizard().run(quiet())[0].evidence

    def rollback(self) -> Any:
        return self.wizard().rollback(quiet())[0].evidence

    @property
    def note(self) -> dict[str, Any]:
        return Note(self.move.backup / NOTE).read()

    def running(self) -> list[psutil.Process]:
        """Old collectors, whoever started them."""
        found = [
            p for p in psutil.process_iter(["cmdline"]) if self.move.patterns[0] in " ".join(p.info["cmdline"] or [])
        ]
        return [one for one in found if one.status() != psutil.STATUS_ZOMBIE]

    def keys(self, folder: Path, name: str) -> set[Any]:
        dataset = catalogue.dataset(name)
        rows = frame(folder / dataset.file_name)
        return set(zip(rows["settlementdate"].astype("datetime64[ns]"), rows[dataset.key[1]], strict=True))

    def newest(self, folder: Path) -> Any:
        return max(self.keys(folder, "prices5"))[0]

    def end(self) -> None:
        self.shadow.stop()
        for one in self.running():
            one.kill()
        for process in self.processes:
            process.wait(10)


def _engine(url: str, clock: Clock, home: Path, data: Path, catchup_gap: float) -> Engine:
    return Engine(Settings(home=home, data_path=data, nemweb_url=url, catchup_gap=catchup_gap), clock, "a child", QUICK)


if __name__ == "__main__":
    here = Switching(Path(sys.argv[1]), sys.argv[2], _engine)
    try:
        (here.switch if sys.argv[3] == "run" else here.rollback)()
    finally:
        here.shadow.stop()
