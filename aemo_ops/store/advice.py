"""What to do about a file that cannot be read: one sentence for each reason, said alike by `check` and by whoever merges."""

from __future__ import annotations

import errno
import os

RESTORE = (
    "restore it from a backup; without one, move it away: AEMO Ops then fills it from AEMO's site as far back as AEMO "
    "keeps the rows"
)
DECRYPT = "write it anew without encryption, with a program that has its key"

_SYSTEM = {
    errno.EACCES: "give this user the right to read it",
    errno.EPERM: "the system guards this folder; on a Mac give the terminal full disk access",
}


def refused_by_system(error: OSError) -> str:
    """What the operating system refused, and what to do."""
    todo = _SYSTEM.get(error.errno or 0, "check the disk, then try again")
    return f"{os.strerror(error.errno) if error.errno else error}: {todo}"
