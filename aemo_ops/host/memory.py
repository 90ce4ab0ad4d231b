"""How a process that runs for months asks the system for memory, so that it also gives it back."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # mallopt(3)
_ARENAS = 2
_LARGE = 1 << 20  # bytes


def trim() -> None:
    """Give the system what is free between blocks in use, as after a cycle or a page: some milliseconds, off the GIL."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def give_back() -> None:
    """From now on what is freed goes back to the system. To be called before pyarrow is imported, or any thread begun.

    Arrow's own allocator keeps its peak; so do glibc's arenas, of which each thread has one, and its heap, into which large
    blocks go once one of them was freed. Where the C library has no such switches, only the first is mended.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _LARGE)
