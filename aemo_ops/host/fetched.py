"""A read that may never end, in a process that can be killed: the first read of a file whose bytes are still in a cloud."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from aemo_ops.errors import Cancelled, UnreadableNow

STALLED = 120.0  # real seconds without a byte
_CHUNK = 4 * 2**20
_LOOK = 0.2


def fetched(
    path: Path, told: Callable[[int], bool] = lambda done: True, stalled: float = STALLED, chunk: int = _CHUNK
) -> int:
    """Read all of a file once and keep nothing, so that its bytes are here when they are needed; how many there are.

    `told` gets the bytes so far, again and again, and says whether to go on. Raises UnreadableNow when no byte came for
    `stalled` seconds, or where the file cannot be read; Cancelled. Whatever is raised, the reading process is gone.
    """
    context = multiprocessing.get_context("spawn")  # a fork would inherit locks and connections
    ours, theirs = context.Pipe(duplex=False)
    reader = context.Process(target=_read, args=(str(path), theirs, chunk), daemon=True)
    reader.start()
    theirs.close()
    try:
        return _followed(path, ours, told, stalled)
    finally:
        reader.kill()
        reader.join()
        ours.close()


def _followed(path: Path, ours: Connection, told: Callable[[int], bool], stalled: float) -> int:
    done, silent = 0, 0.0
    while True:
        if not told(done):
            raise Cancelled(f"{path}: stopped as asked while its bytes were fetched; nothing was changed.")
        if not ours.poll(_LOOK):
            silent += _LOOK
            if silent >= stalled:
                raise UnreadableNow(
                    f"{path} gave no byte for {stalled:g} s: it is probably still being downloaded. Open its folder in Finder, "
                    "choose Download Now, wait until the cloud sign is gone, then try again."
                )
            continue
        silent = 0.0
        try:
            kind, value = ours.recv()
        except EOFError as error:
            raise UnreadableNow(f"{path}: the process that read it ended without a word.") from error
        if kind == "failed":
            raise UnreadableNow(f"{path} cannot be read now: {value}")
        done = int(value)
        if kind == "end":
            return done


def _read(name: str, theirs: Connection, chunk: int) -> None:
    done = 0
    try:
        with Path(name).open("rb", buffering=0) as file:
            while block := file.read(chunk):
                done += len(block)
                theirs.send(("more", done))
        theirs.send(("end", done))
    except OSError as error:
        theirs.send(("failed", error.strerror or str(error)))
