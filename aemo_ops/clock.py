"""The two clocks: NEM time (UTC+10 all year, naive) and real monotonic time. Nothing else asks for the time.

NEM time drives cadence, freshness, retention and quiet windows; a clock file makes it run fast (the demo) or stand still
(tests). Real monotonic time drives time-outs, pacing, rates. The file, named by AEMO_OPS_CLOCK, is JSON:
`{"real": <seconds since 1970>, "nem": "YYYY-MM-DDTHH:MM:SS", "speed": <NEM seconds in one real second>}`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from aemo_ops.errors import SettingsError

NEM_OFFSET = timedelta(hours=10)


def to_nem(utc: datetime) -> datetime:
    """An aware instant as naive NEM time."""
    return utc.astimezone(UTC).replace(tzinfo=None) + NEM_OFFSET


def to_utc(nem: datetime) -> datetime:
    """Naive NEM time as an aware UTC instant."""
    return (nem - NEM_OFFSET).replace(tzinfo=UTC)


def stamp(nem: datetime) -> str:
    """NEM time as logs, JSON and state write it: `YYYY-MM-DDTHH:MM:SS`."""
    return nem.isoformat(timespec="seconds")


_REAL_START = to_nem(datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True)
class Clock:
    """NEM time as `nem` at the real instant `real`, running at `speed`; by default the true one."""

    real: float = 0.0
    nem: datetime = _REAL_START
    speed: float = 1.0

    @classmethod
    def from_file(cls, path: Path | None) -> Self:
        """The clock of a clock file; the true clock where `path` is None. Raises SettingsError."""
        if path is None:
            return cls()
        try:
            told = json.loads(path.read_text())
            return cls(float(told["real"]), datetime.fromisoformat(told["nem"]), float(told["speed"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"AEMO_OPS_CLOCK names {path}, which is no clock file ({error}); "
                'it holds {"real": seconds, "nem": "YYYY-MM-DDTHH:MM:SS", "speed": number}. Unset it for the true time.'
            ) from error

    @classmethod
    def starting(cls, nem: datetime, speed: float) -> Self:
        """A clock that shows `nem` at this very instant."""
        return cls(time.time(), nem, speed)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"real": self.real, "nem": self.nem.isoformat(), "speed": self.speed}))

    def now(self) -> datetime:
        """NEM time, naive."""
        return self.nem + timedelta(seconds=(time.time() - self.real) * self.speed)

    @staticmethod
    def monotonic() -> float:
        """Real seconds from an arbitrary start; never goes back."""
        return time.monotonic()

    @staticmethod
    def utc() -> datetime:
        """The real instant, aware, for journals and logs."""
        return datetime.now(UTC)
