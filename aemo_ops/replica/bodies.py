"""Files made lately, so that a listing and the downloads after it make each once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

_LIMIT = 64 * 2**20


class Bodies:
    """Keeps the bytes of the latest files, at most `limit` bytes of them."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._limit, self._size = limit, 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The file of this key, made where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        return self._put(key, make())

    def _put(self, key: Hashable, body: bytes) -> bytes:
        with self._lock:
            self._size += len(body) - len(self._kept.pop(key, b""))
            self._kept[key] = body
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        return body
