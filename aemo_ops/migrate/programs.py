"""Old collectors and what reads their files: written down so that each can be ended, and started again as it was found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from aemo_ops.errors import StepRefused
from aemo_ops.host import processes
from aemo_ops.host.processes import Found, Identity
from aemo_ops.host.supervisor import supervisors
from aemo_ops.masking import masked_command, masked_facts

SILENCE = timedelta(minutes=10)  # real time: an old collector writes every five minutes
# What a shell and its window tell a program of themselves: one that runs in the background does without.
_OF_THE_TERMINAL = frozenset(
    (
        "COLUMNS",
        "LINES",
        "OLDPWD",
        "PWD",
        "SHLVL",
        "TERM",
        "TERM_PROGRAM",
        "TERM_PROGRAM_VERSION",
        "TERM_SESSION_ID",
        "_",
    )
)


@dataclass(frozen=True)
class Program:
    """A program as it ran. `names` of its environment; `plain` the values of those that are never secret.

    `begun_by`: pid of the one among those seen with it that began it, as `uv run` or `bash -c` does; 0 where none did.
    `held_by`: whoever would start it again when it ends, each in words. `stop` what a person types to end that for good,
    `start` what brings it back.
    """

    identity: Identity
    command: tuple[str, ...]
    folder: str | None
    names: tuple[str, ...] = ()
    plain: Mapping[str, str] = field(default_factory=dict)
    begun_by: int = 0
    held_by: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    masked: bool = False  # its secrets are not known any more

    @property
    def line(self) -> str:
        """As a person would type it, its secrets masked."""
        return masked_command(self.command)

    def __str__(self) -> str:
        told = f"process {self.identity.pid}, {self.line}, in {self.folder or 'an unknown folder'}"
        return told + "".join(f"; started again by {one}" for one in self.held_by)

    def clear(self) -> dict[str, Any]:
        """All of it, for a file that only this user can read; see `private`."""
        return asdict(self)

    def facts(self) -> dict[str, Any]:
        """What anybody may read; `masked` says that it is not enough to start the program again."""
        return dict(masked_facts(self.clear())) | {"masked": self.masked or self.has_secrets}

    @property
    def has_secrets(self) -> bool:
        told = {name: value for name, value in self.clear().items() if name in ("command", "folder", "plain")}
        return bool(masked_facts(told) != {**told, "command": list(self.command)})

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        told: dict[str, Any] = {name: tuple(facts[name]) for name in ("command", "names", "held_by", "stop", "start")}
        # A move that an earlier version began says neither, and has all words in clear.
        told |= {"begun_by": facts.get("begun_by", 0), "masked": facts.get("masked", False)}
        return cls(Identity(**facts["identity"]), folder=facts["folder"], plain=facts["plain"], **told)

    @property
    def deed(self) -> tuple[tuple[str, ...], str | None]:
        """What it does, whichever process it is."""
        return self.command, self.folder

    @property
    def running(self) -> bool:
        return processes.running(self.identity) is not None

    def again(self, log: Path) -> tuple[Self, list[str]]:
        """Start it as it was, in the background, what it prints appended to `log`; it, and the variables it goes without.

        Values of its environment were never written down: those that our own has, it gets. Raises StepRefused.
        """
        if self.masked:
            raise StepRefused(f"{self.line} holds a secret that is not known here any more. Start it by hand.")
        plain = dict(self.plain)
        wanted = [name for name in self.names if name not in plain]
        environment = plain | {name: os.environ[name] for name in wanted if name in os.environ}
        started = processes.start(self.command, self.folder, environment, log)
        missing = [name for name in wanted if name not in os.environ and name not in _OF_THE_TERMINAL]
        return replace(self, identity=started), missing


def look(patterns: Sequence[str], sources: Sequence[Path] = ()) -> list[Program]:
    """Programs that run now: by command line, or by a file below one of `sources` that they write. Raises StepRefused.

    One whose command line names another folder of data, and none of `sources`, is a collector of that one and is left alone.
    """
    found = processes.find(patterns, sources)
    ours = [one for one in found if one.files or not sources or not _elsewhere(one.command, sources)]
    pids = {one.identity.pid for one in ours}
    return [_recorded(one, one.parent if one.parent in pids else 0) for one in ours]


def nameless(patterns: Sequence[str], running: Sequence[Program], files: Mapping[str, datetime], now: datetime) -> str:
    """Why it is not known which program writes the `files` (name -> last change); empty where one is, or where none does.

    A file that a program has open now tells too little: the switchover must find that program between two of its writes.
    """
    if any(processes.holds(one.command, patterns) for one in running):
        return ""
    held = " or ".join(map(repr, patterns))
    if running:
        who = str(running[0]).replace("; ", ", ")  # a reason is told in parts, between which that stands
        return (
            f"{who} has files there open for writing, and its command line holds no {held}: say a part of that line, by "
            "which the switchover will find it"
        )
    name, last = max(files.items(), key=lambda one: one[1], default=("", datetime.min))
    if abs(now - last) > SILENCE:
        return ""
    return (
        f"{name} was written at {last:%H:%M:%S} NEM time, and no program runs whose command line holds {held}: say a part of the "
        f"command line of the one that writes it, or, if that one was ended, wait until {last + SILENCE:%H:%M}"
    )


def noted(known: Sequence[Program], running: Sequence[Program]) -> list[Program]:
    """What was written down before and what runs now, each once: one that ended and was started again is what runs."""
    fresh = [one for one in running if one.identity not in {two.identity for two in known}]
    again = {one.deed for one in fresh}
    return [one for one in known if one.running or one.deed not in again] + fresh


def to_start(known: Sequence[Program], running: Sequence[Program]) -> list[Program]:
    """Those of the noted programs that are to be started again, each command once.

    Not what another of them begins by itself, and not one that runs, or whose own beginnings run, whoever started them.
    """
    there = {one.deed for one in running}
    found: list[Program] = []
    for one in known:
        begins = {two.deed for two in known if two.begun_by == one.identity.pid}
        if not one.begun_by and not there & {one.deed, *begins}:
            there.add(one.deed)
            found.append(one)
    return found


def _elsewhere(command: Sequence[str], sources: Sequence[Path]) -> bool:
    words = (Path(word.partition("=")[2] or word) for word in command[1:])
    named = [path for path in words if path.is_absolute() and path.is_dir()]
    ours = [source.resolve() for source in sources]
    if any(one.is_relative_to(path.resolve()) for path in named for one in ours):
        return False
    return any(next(path.glob("*.parquet"), None) for path in named)


def _recorded(found: Found, begun_by: int) -> Program:
    holders = supervisors(found)
    return Program(
        found.identity,
        found.command,
        str(found.folder) if found.folder else None,
        found.names,
        dict(found.plain),
        begun_by,
        tuple(f"{one.kind}: {one.name}" for one in holders),
        tuple(one.stop or f"put a # before the line in `crontab -e`: {one.name}" for one in holders),
        tuple(one.start or f"take the # away again in `crontab -e`: {one.name}" for one in holders),
    )
