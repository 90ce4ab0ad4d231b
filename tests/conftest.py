"""What every test shares: no settings of the machine leak in; real files are found, counted and never skipped quietly."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import hypothesis
import pytest

from aemo_ops.clock import Clock
from aemo_ops.nemweb.client import Manners
from aemo_ops.ops.engine import Engine
from aemo_ops.replica import Faults, Market, Replica, Shelf
from aemo_ops.settings import Settings

ROOT = Path(__file__).parent.parent
REAL = Path(os.environ.get("AEMO_OPS_REAL_FILES") or ROOT.parent / "shared" / "real")
# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start and end with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
SOAK = bool(os.environ.get("AEMO_OPS_SOAK"))  # set by scripts/soak: the full counts instead of samples
TALLY = "tally"
only_soak = pytest.mark.skipif(not SOAK, reason="takes a while: scripts/soak")
NOON = datetime(2026, 4, 20, 12, 1)
# Files of 5-minute reports on `site`: of two days and one interval, or of four hours; dispatch is five minutes early.
IN_CURRENT, SCADA_IN_CURRENT = (577, 577) if SOAK else (49, 48)
QUICK = Manners(gap=0.0001, first_backoff=0.01, longest_backoff=0.05, retries=1, deadline=5.0)


@lru_cache
def _shelf(market: tuple[tuple[str, int], ...], options: tuple[tuple[str, object], ...]) -> Shelf:
    return Shelf(_market(market), **dict(options))  # type: ignore[arg-type]


@lru_cache
def _market(options: tuple[tuple[str, int], ...]) -> Market:
    return Market(seed=7, **dict(options))


def generated(faults: Faults | None = None, units: int | None = None, **options: object) -> Shelf:
    """A generated site. What two sites of one market have in common is made once in this process: a listing tells the size
    of every file, and making all of them takes a second.
    """
    market = {} if units is None else {"units": units}
    shelf = _shelf(tuple(market.items()), tuple(sorted(options.items())))
    return shelf.with_faults(faults or Faults(seed=7))


def recent(units: int | None = None) -> Shelf:
    """As `generated`, but for Current's past: an engine that starts, beside what is looked at, reads hours and not two weeks."""
    return generated(units=units) if SOAK else generated(units=units, opened=NOON - timedelta(hours=4))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason=f"no real AEMO files in {REAL} (AEMO_OPS_REAL_FILES)")
    for item in items:
        if item.get_closest_marker("real") and not REAL.is_dir():
            item.add_marker(skip)
    # The files with the longest tests first: begun last, one of them would leave the other worker idle to the end.
    longest = Counter[Path]()
    for item in items:
        if marker := item.get_closest_marker("timeout"):
            longest[item.path] = max(longest[item.path], marker.args[0])
    items.sort(key=lambda item: -longest[item.path])


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around all other summaries: last but for pytest's closing line
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield
    ran = skipped = 0
    sums = Counter[str]()
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if "real" in getattr(report, "keywords", {}) and report.when in ("call", "setup"):
                skipped += outcome == "skipped"
                ran += outcome != "skipped" and report.when == "call"
            if report.when == "call":
                sums.update(dict(report.user_properties).get(TALLY, {}))
    for what, number in sums.items():
        terminalreporter.write_line(f"{what}: {number:,}")
    terminalreporter.write_line(f"real-file tests: {ran} ran, {skipped} skipped")


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Counts what a test goes through, e.g. `tally("flipped bits")`; the run's last lines tell the sums of all tests."""
    counts: dict[str, int] = {}
    request.node.user_properties.append((TALLY, counts))

    def count(what: str, number: int = 1) -> None:
        counts[what] = counts.get(what, 0) + number

    return count


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, no .env of the current folder."""
    for name in list(os.environ):
        if name.startswith("AEMO_") and name not in ("AEMO_OPS_REAL_FILES", "AEMO_OPS_CHROMIUM", "AEMO_OPS_SOAK"):
            monkeypatch.delenv(name)
    for name in (
        "NEMWEB_URL",
        "UPDATE_INTERVAL_MINUTES",
        "GEN_INFO_FILE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def real() -> Path:
    """The folder of real AEMO files; only tests marked `real` ask for it."""
    return REAL


@pytest.fixture
def still() -> Clock:
    """A clock that stands still at noon, NEM time."""
    return Clock.starting(NOON, 0)


@pytest.fixture
def site(still: Clock) -> Iterator[Replica]:
    """A generated NEMWEB whose clock stands still; move it with `site.clock = ...`."""
    with Replica(recent(), still) as replica:
        yield replica


@pytest.fixture
def whole_site(still: Clock) -> Iterator[Replica]:
    """As `site`, with all that AEMO keeps in Current."""
    with Replica(generated(), still) as replica:
        yield replica


@pytest.fixture
def engine_at(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Makes engines for a site; all are stopped at the end."""
    made: list[Engine] = []

    def make(url: str, clock: Clock, home: Path | None = None, data: Path | None = None, **settings: object) -> Engine:
        values = {"catchup_gap": 0.0001, "update_minutes": 4.5, **settings}
        configured = Settings(
            home=home or tmp_path / "home",
            data_path=data or tmp_path / "data",
            nemweb_url=url,
            **values,  # type: ignore[arg-type]
        )
        engine = Engine(configured, clock, "a test", QUICK)
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.stop()


hypothesis.settings.register_profile("sample", derandomize=True, deadline=None)
hypothesis.settings.register_profile("soak", max_examples=5000, deadline=None)
hypothesis.settings.load_profile("soak" if SOAK else "sample")
