"""Faults on demand: what goes wrong, how often, for which files, how many times.

A spec is a comma-separated list of `[REPORT/]KIND[=AMOUNT][:RATE][xTIMES]`, for example
`late=12:0.05,403:0.02,dispatch_scada/500:0.1x2`. RATE is the share of files that have the fault (default 1), drawn from
the seed and the file's name, so the same files have it every time. TIMES is how many requests for one URL meet it, `*`
for every one; what is spoilt on the way (403 429 500 html truncated footer drip reset) is met once, other kinds always.
AMOUNT is minutes for late, duplicate and revised, seconds for 429 (Retry-After) and drip (pause between pieces).
Only the generated site has late, missing, absent, duplicate and revised files; a folder has what lies in it.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache

from aemo_ops.errors import SettingsError
from aemo_ops.market.report import REPORTS


class Kind(StrEnum):
    REFUSED = "403"
    TOO_MANY = "429"  # with Retry-After
    SERVER_ERROR = "500"
    HTML = "html"  # 200, but an error page
    TRUNCATED = "truncated"  # a whole answer with a cut zip
    FOOTER = "footer"  # the count in the last line is wrong
    EMPTY = "empty"  # a zip of nothing
    COLUMN = "column"  # a wanted column is not there
    DRIP = "drip"  # a few bytes at a time
    RESET = "reset"  # the connection breaks in the middle of the body
    LATE = "late"  # published later than usual
    MISSING = "missing"  # never in Current, nor in Archive; a bundle or table of this path is never listed
    ABSENT = "absent"  # nowhere, not even in MMSDM's monthly table
    DUPLICATE = "duplicate"  # the same again under another running number
    REVISED = "revised"  # once more, later, with other values


class Outage(StrEnum):
    """The whole site is down."""

    REFUSE = "refuse"  # 403 for everything
    CLOSE = "close"  # connections are closed without an answer


PUBLICATION = frozenset({Kind.LATE, Kind.MISSING, Kind.ABSENT, Kind.DUPLICATE, Kind.REVISED})
NEVER = frozenset({Kind.MISSING, Kind.ABSENT})
DAMAGE = frozenset({Kind.TRUNCATED, Kind.FOOTER, Kind.EMPTY, Kind.COLUMN})
_LASTING = PUBLICATION | {Kind.EMPTY, Kind.COLUMN}
_HARMLESS = PUBLICATION | {Kind.DRIP}
_AMOUNTS = {Kind.LATE: 12.0, Kind.DUPLICATE: 1.0, Kind.REVISED: 20.0, Kind.TOO_MANY: 2.0, Kind.DRIP: 0.2}
_SPEC = re.compile(
    r"(?:(?P<report>[a-z_]+)/)?(?P<kind>" + "|".join(Kind) + r")"
    r"(?:=(?P<amount>\d+(?:\.\d+)?))?(?::(?P<rate>\d*\.?\d+))?(?:x(?P<times>\d+|\*))?"
)


@dataclass(frozen=True)
class Fault:
    """One rule. `report` limits it to a report's files, `path` to URL paths that match a shell pattern (listings too).

    `times`: requests for one URL that meet it; None: what is usual for the kind; `math.inf`: all.
    """

    kind: Kind
    rate: float = 1.0
    report: str | None = None
    path: str | None = None
    times: float | None = None
    amount: float | None = None

    @property
    def limit(self) -> float:
        if self.times is not None:
            return self.times
        return math.inf if self.kind in _LASTING else 1

    @property
    def lasting(self) -> bool:
        return math.isinf(self.limit)

    @property
    def quantity(self) -> float:
        """Minutes or seconds, whichever the kind counts in."""
        return _AMOUNTS.get(self.kind, 0.0) if self.amount is None else self.amount

    @property
    def delay(self) -> timedelta:
        return timedelta(minutes=self.quantity)

    def concerns(self, path: str, seed: int) -> bool:
        """Whether the file or page at this URL path has the fault."""
        if self.path is not None:
            if not fnmatchcase(path, self.path):
                return False
        elif not path.endswith(".zip"):
            return False
        if self.report is not None and not path.startswith(_directory(self.report)):
            return False
        return self.rate >= 1.0 or _share(seed, self.kind, path.rpartition("/")[2]) < self.rate


@cache
def _directory(report: str) -> str:
    for known in REPORTS:
        if known.name == report:
            return known.directory
    raise SettingsError(f"no report called {report!r}; known: {', '.join(known.name for known in REPORTS)}")


def _share(seed: int, kind: str, name: str) -> float:
    digest = hashlib.blake2b(f"{seed} {kind} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2.0**64


class Faults:
    """The faults in force. Everything may be changed while the site is up, from any thread."""

    def __init__(self, faults: tuple[Fault, ...] = (), seed: int = 1) -> None:
        self.seed = seed
        self.outage: Outage | None = None
        self._faults = faults
        self._met: Counter[tuple[Fault, str]] = Counter()
        self._lock = threading.Lock()

    @classmethod
    def from_spec(cls, spec: str, seed: int = 1) -> Faults:
        """The faults of a spec (see the module). Raises SettingsError that names the part it cannot read."""
        return cls(tuple(_read(part.strip()) for part in spec.split(",") if part.strip()), seed)

    @property
    def in_force(self) -> tuple[Fault, ...]:
        return self._faults

    def add(
        self,
        kind: Kind | str,
        *,
        rate: float = 1.0,
        report: str | None = None,
        path: str | None = None,
        times: float | None = None,
        amount: float | None = None,
    ) -> Fault:
        """Put one more fault in force."""
        if report is not None:
            _directory(report)
        fault = Fault(Kind(kind), rate, report, path, times, amount)
        with self._lock:
            self._faults = (*self._faults, fault)
        return fault

    def clear(self) -> None:
        """End every fault and the outage, and forget which requests met one."""
        with self._lock:
            self._faults = ()
            self._met.clear()
            self.outage = None

    def publication(self, path: str) -> tuple[Fault, ...]:
        """The faults that decide when and whether the file is on the site."""
        return tuple(f for f in self._faults if f.kind in PUBLICATION and f.concerns(path, self.seed))

    def longest_delay(self) -> timedelta:
        """How much later than usual a file may appear at most."""
        return max((f.delay for f in self._faults if f.kind in PUBLICATION), default=timedelta(0))

    def standing_damage(self, path: str) -> Fault | None:
        """The damage that every reader of the file meets, so that the listing shows the damaged size."""
        for fault in self._faults:
            if fault.kind in DAMAGE and fault.lasting and fault.concerns(path, self.seed):
                return fault
        return None

    def unreadable(self, path: str) -> bool:
        """Whether no reader will ever get the rows of this file."""
        return any(f.lasting and f.kind not in _HARMLESS and f.concerns(path, self.seed) for f in self._faults)

    def meet(self, path: str) -> Fault | None:
        """The fault that this request meets, if any; counts it."""
        with self._lock:
            for fault in self._faults:
                if fault.kind in PUBLICATION or not fault.concerns(path, self.seed):
                    continue
                if self._met[fault, path] < fault.limit:
                    self._met[fault, path] += 1
                    return fault
        return None


def _read(part: str) -> Fault:
    match = _SPEC.fullmatch(part)
    if match is None:
        raise SettingsError(
            f"--faults: cannot read {part!r}; it is [REPORT/]KIND[=AMOUNT][:RATE][xTIMES] "
            f"with KIND one of {', '.join(Kind)}, for example late=12:0.05 or dispatch_scada/500:0.1x2"
        )
    if match["report"] is not None:
        _directory(match["report"])
    times = match["times"]
    return Fault(
        Kind(match["kind"]),
        rate=float(match["rate"] or 1),
        report=match["report"],
        times=None if times is None else math.inf if times == "*" else int(times),
        amount=None if match["amount"] is None else float(match["amount"]),
    )
