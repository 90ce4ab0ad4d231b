"""Noise that can be asked for at any moment in any order: a hash of (seed, stream, step), no state."""

from __future__ import annotations

import hashlib
import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64: every input bit moves every output bit."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@lru_cache(maxsize=4096)
def _draw(seed: int, stream: str, step: int, count: int) -> Values:
    start = (seed * 0x632BE59BD9B4E019 + zlib.crc32(stream.encode()) * _GOLDEN + step * 0xD1342543DE82EF95) & _MASK
    first = _mixed(np.array([start], dtype=np.uint64))
    bits = _mixed(first + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
    drawn = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    drawn.flags.writeable = False
    return drawn


class Noise:
    """Seeded noise; `stream` names what it is for, so that no two uses move together."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uniform(self, stream: str, step: int, count: int) -> Values:
        """`count` independent numbers in [0, 1) for this step."""
        return _draw(self.seed, stream, step, count)

    def one(self, stream: str, step: int) -> float:
        """A single number in [0, 1); cheap where thousands of steps are asked once each."""
        digest = hashlib.blake2b(f"{self.seed} {stream} {step}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2.0**64

    def smooth(self, stream: str, minutes: int, period: int, count: int) -> Values:
        """`count` slow curves in [-1, 1] at a minute: random knots `period` minutes apart, eased between."""
        knot, since = divmod(minutes, period)
        x = since / period
        ease = x * x * (3.0 - 2.0 * x)
        before, after = self.uniform(stream, knot, count), self.uniform(stream, knot + 1, count)
        return 2.0 * (before + (after - before) * ease) - 1.0
