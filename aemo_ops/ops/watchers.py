"""Who wants to hear of every change: pages come and go while another thread tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watchers:
    """Callbacks that are called from whatever thread tells."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at each `tell`, until the returned function is called."""
        with self._lock:
            self._callbacks.append(callback)

        def leave() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return leave

    def tell(self) -> None:
        with self._lock:
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()
