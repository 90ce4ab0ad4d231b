"""Other programs: found by what they do, known again after a pid was reused, asked to end, never killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from aemo_ops.clock import Clock
from aemo_ops.errors import StepRefused
from aemo_ops.files import make_private
from aemo_ops.masking import masked_command

_SAME_START = 0.01  # seconds: the same process tells the same start, but for rounding
# Variables that decide which program a command is and where it works, and that are no secrets.
_PLAIN = ("PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONUNBUFFERED", "AEMO_DATA_PATH")


class EndedAtOnce(StepRefused):
    """A program that was started is not there any more."""


@dataclass(frozen=True)
class Identity:
    """What a process is known by: a pid is given to another one sooner or later, its start and program are not."""

    pid: int
    started: float  # seconds since 1970
    program: str  # path of what it runs, empty where the system does not say


@dataclass(frozen=True)
class Found:
    """A process as it was seen. Of its environment only the names are kept, and the values of a few that are never secret.

    `files` are those it had open below the folders asked for; `unseen` says what the system did not let us see.
    """

    identity: Identity
    command: tuple[str, ...]
    folder: Path | None
    user: str
    names: tuple[str, ...]
    files: tuple[Path, ...]
    parent: int
    unseen: str = ""
    plain: tuple[tuple[str, str], ...] = ()

    @property
    def line(self) -> str:
        """As a person would type it, its secrets masked."""
        return masked_command(self.command)


def find(patterns: Sequence[str], folders: Sequence[Path] = ()) -> list[Found]:
    """Processes whose command line holds one of `patterns`, or that have a file below one of `folders` open for writing.

    Ourselves, and whoever started us, are none of them.
    """
    ours = {os.getpid(), *(one.pid for one in psutil.Process().parents())}
    seen = []
    for process in psutil.process_iter():
        if process.pid in ours:
            continue
        try:
            found = _look(process, folders)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if found.files or (_is_program(found.command) and holds(found.command, patterns)):
            seen.append(found)
    return sorted(seen, key=lambda one: one.identity.pid)


def holds(command: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a command line holds one of `patterns`."""
    return any(one and one in " ".join(command) for one in patterns)


# Programs that only look at files: what they name is not what they are.
_LOOKERS = frozenset(
    {"tail", "head", "less", "more", "cat", "vi", "vim", "nano", "emacs", "view", "grep", "awk", "sed", "watch", "open"}
    | {"code", "ssh", "scp", "rsync", "cp", "mv", "git"}
)


def _is_program(command: Sequence[str]) -> bool:
    """Whether a command line that names a pattern may be an old collector's: not a looker's, nor our own or what wraps it."""
    ours = any(word == "aemo_ops.cli" or Path(word).name == "aemo-ops" for word in command)
    return bool(command) and not ours and Path(command[0]).name not in _LOOKERS


def _look(process: psutil.Process, folders: Sequence[Path]) -> Found:
    """Raises psutil.NoSuchProcess, psutil.ZombieProcess."""
    unseen: list[str] = []

    def asked(what: str, ask: Any, otherwise: Any) -> Any:
        try:
            return ask()
        except psutil.AccessDenied:
            unseen.append(what)
            return otherwise

    with process.oneshot():
        program = asked("program", process.exe, "")
        folder = asked("folder", process.cwd, None)
        names = asked("environment", process.environ, {})
        opened = asked("open files", process.open_files, []) if folders else []
        return Found(
            identity=Identity(process.pid, process.create_time(), program),
            command=tuple(asked("command", process.cmdline, [])),
            folder=Path(folder) if folder else None,
            user=asked("user", process.username, ""),
            names=tuple(sorted(names)),
            plain=tuple((name, names[name]) for name in _PLAIN if name in names),
            files=tuple(_below(folders, opened)),
            parent=process.ppid(),
            unseen=", ".join(unseen),
        )


def _below(folders: Sequence[Path], opened: Iterable[Any]) -> list[Path]:
    """Of open files those below the folders that may be written to."""
    roots = [folder.resolve() for folder in folders]
    written = [Path(one.path) for one in opened if getattr(one, "mode", "r") != "r"]
    return [path for path in written if any(path.is_relative_to(root) for root in roots)]


# Run by a process of its own that ends at once, so that what it starts is nobody's child: it outlives us, and whoever
# waits for children finds no stranger.
_STARTER = """
import json, subprocess, sys
told = json.loads(sys.stdin.read())
with open(told["log"], "ab") as log:
    started = subprocess.Popen(told["command"], cwd=told["folder"], env=told["environment"], stdin=subprocess.DEVNULL,
                               stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
print(started.pid)
"""
_SECONDS = 30


def start(command: Sequence[str], folder: str | None, environment: Mapping[str, str], log: Path) -> Identity:
    """Start a program in the background, in a session of its own, what it prints appended to `log`.

    Raises StepRefused, EndedAtOnce.
    """
    with suppress(OSError):  # what is the matter with it, opening the log tells
        log.parent.mkdir(exist_ok=True)
        make_private(log)
    told = {"command": list(command), "folder": folder, "environment": dict(environment), "log": str(log)}
    helper = [sys.executable, "-I", "-c", _STARTER]
    try:
        done = subprocess.run(
            helper, input=json.dumps(told), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode == 0:
            return identify(int(done.stdout))
        reason = done.stderr.strip().splitlines()[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    raise StepRefused(
        f"{masked_command(command)} could not be started in {folder}: {reason}. Start it by hand, then go on."
    )


def identify(pid: int) -> Identity:
    """Of a process that runs. Raises EndedAtOnce where it has ended."""
    try:
        process = psutil.Process(pid)
        return Identity(pid, process.create_time(), process.exe())
    except psutil.Error as error:
        raise EndedAtOnce(f"process {pid} ended at once") from error


def opened(identity: Identity) -> list[Path]:
    """The files that a process has open now; none where the system does not let us see them."""
    try:
        process = running(identity)
        return [Path(one.path) for one in process.open_files()] if process else []
    except psutil.Error:
        return []


def running(identity: Identity) -> psutil.Process | None:
    """The very process, None when it has ended: as a zombie too, and when its pid is another's by now."""
    try:
        process = psutil.Process(identity.pid)
        if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - identity.started) > _SAME_START:
            return None
    except psutil.NoSuchProcess:
        return None
    return process


def stop(identity: Identity, seconds: float) -> bool:
    """Ask a process to end (SIGTERM) and wait for it, at most so many real seconds; whether it is gone. Never kills.

    Raises StepRefused where the pid is another program's, or where this user may not signal it.
    """
    process = running(identity)
    if process is None:
        return True
    try:
        program = process.exe()
    except psutil.AccessDenied:
        program = ""
    if identity.program and program and program != identity.program:
        raise StepRefused(f"process {identity.pid} runs {program}, not {identity.program}; it was left alone.")
    try:
        process.terminate()
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied as error:
        raise StepRefused(
            f"process {identity.pid} belongs to {process.username()}, and this user may not end it. End it as that user."
        ) from error
    ends = Clock.monotonic() + seconds
    while running(identity) is not None:
        if Clock.monotonic() > ends:
            return False
        try:
            process.wait(0.05)
        except psutil.TimeoutExpired:
            continue
    return True
