"""Steps that write one file each, run by a process that may be killed anywhere."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from aemo_ops.errors import StepRefused
from aemo_ops.migrate.step import Facts
from aemo_ops.migrate.wizard import Wizard
from aemo_ops.ops.jobs import Progress
from aemo_ops.store.journal import Journal

NAMES = ("first", "second", "third")


@dataclass
class Writes:
    """Writes its own file, which holds the file of the step before it."""

    folder: Path
    name: str
    word: str = ""
    refuses: str = ""
    breaks: bool = False
    lies: bool = False

    @property
    def title(self) -> str:
        return self.name.capitalize()

    @property
    def path(self) -> Path:
        return self.folder / self.name

    @property
    def content(self) -> str:
        at = NAMES.index(self.name)
        return self.name + ((self.folder / NAMES[at - 1]).read_text() if at else "")

    def check(self) -> str | None:
        return self.refuses or None

    def plan(self) -> str:
        return f"writes {self.path}"

    def apply(self, progress: Progress) -> Facts:
        if self.breaks:
            raise StepRefused("it broke")
        if not self.lies:
            self.path.write_text(self.content)
        return {"wrote": self.name}

    def verify(self, evidence: Facts) -> str | None:
        if evidence.get("wrote") != self.name:
            return "no evidence"
        return None if self.path.exists() and self.path.read_text() == self.content else "its file is not there"

    def back(self, evidence: Facts) -> str:
        return f"removes {self.path}"

    def undo(self, progress: Progress) -> Facts:
        self.path.unlink(missing_ok=True)
        return {"removed": self.name}


def steps(folder: Path) -> list[Writes]:
    return [Writes(folder, name) for name in NAMES]


def wizard(folder: Path, made: list[Writes] | None = None, **inputs: object) -> Wizard:
    return Wizard(Journal(folder / "journal.jsonl"), made or steps(folder), {"target": "new", **inputs})


def quiet() -> Progress:
    return Progress()


if __name__ == "__main__":
    place, deed = Path(sys.argv[1]), sys.argv[2]
    if deed == "run":
        wizard(place).run(quiet())
    else:
        wizard(place).rollback(quiet())
