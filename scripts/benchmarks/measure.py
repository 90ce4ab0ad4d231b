"""Work in a process of its own: how long it took, how much memory it ever held, how much it wrote."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import psutil

SPAWN = multiprocessing.get_context("spawn")  # a fresh interpreter: nobody inherits another's memory
BEGAN = time.monotonic()
LEAST = 3  # repetitions before patience may end


class Failed(Exception):
    """The work raised or its process died; the text says how."""


@dataclass(frozen=True)
class Sample:
    """Seconds of each repetition; bytes written by each, memory in bytes (None where the system does not tell).

    `idle` is what the process held before the first repetition: the interpreter, its imports and the new rows.
    """

    seconds: tuple[float, ...]
    written: tuple[int, ...] | None
    peak: int | None
    idle: int | None
    problem: str = ""

    @property
    def median(self) -> float:
        return median(self.seconds)


def say(text: str) -> None:
    """How far we are, beside what is printed as the result."""
    print(f"{time.monotonic() - BEGAN:6.0f} s  {text}", file=sys.stderr, flush=True)


def in_child(work: Callable[..., Any], *args: Any, begins_processes: bool = False) -> Any:
    """What `work(*args)` returns, from a process of its own. Raises Failed."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_answer, args=(theirs, work, args), daemon=not begins_processes)
    process.start()
    theirs.close()
    try:
        error, result = ours.recv()
    except EOFError:
        process.join()
        raise Failed(f"its process ended with {process.exitcode} (-9: killed, out of memory?)") from None
    finally:
        process.join(10)
        process.kill()
    if error:
        raise Failed(error)
    return result


def _answer(connection: Connection, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.dup2(2, 1)  # progress bars and such are no part of what we print
    try:
        answer = ("", work(*args))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  whatever an alternative raises is its result; polars' panics too
        answer = (f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", None)
    connection.send(answer)


def repeated(
    work: Callable[[Any], object], things: Sequence[Any], patience: float, between: Callable[[], None] = lambda: None
) -> Sample:
    """Do `work` with one thing after the other; `between` is not timed. To be called in a child of its own."""
    idle, seconds, written = resident(), [], []
    for thing in things:
        before, started = bytes_written(), time.perf_counter()
        work(thing)
        seconds.append(time.perf_counter() - started)
        after = bytes_written()
        if before is not None and after is not None:
            written.append(after - before)
        between()
        if len(seconds) >= LEAST and sum(seconds) > patience:
            break
    return Sample(tuple(seconds), tuple(written) or None, peak(), idle)


def peak() -> int:
    """The most memory this process ever held, in bytes.

    Linux: VmHWM, because ru_maxrss of a spawned process starts with its parent's.
    """
    kilobytes = _status("VmHWM")
    if kilobytes is not None:
        return kilobytes * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def peak_of_children() -> int:
    """The most memory that each process begun by this one ever held, and still lives, added up, in bytes."""
    held = 0
    for child in psutil.Process().children(recursive=True):
        kilobytes = _field(Path(f"/proc/{child.pid}/status"), "VmHWM")
        held += child.memory_info().rss if kilobytes is None else kilobytes * 1024
    return held


def resident() -> int:
    """The memory this process holds now, in bytes (its peak where the system does not tell)."""
    kilobytes = _status("VmRSS")
    return peak() if kilobytes is None else kilobytes * 1024


def bytes_written() -> int | None:
    """Bytes that this process, and commands it waited for, sent towards the disk; a clone counts nothing.

    None where /proc/self/io is absent.
    """
    return _field(Path("/proc/self/io"), "write_bytes")


def _status(name: str) -> int | None:
    return _field(Path("/proc/self/status"), name)


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return None
