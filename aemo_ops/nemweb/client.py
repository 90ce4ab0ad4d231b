"""The one door to the network: polite, pooled, paced, with a deadline and a size cap for every body."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from aemo_ops import __version__
from aemo_ops.clock import Clock
from aemo_ops.errors import NemwebGone, NemwebRefused, NemwebUnavailable, SizeDiffers, SourceError
from aemo_ops.market.report import Report
from aemo_ops.nemweb.listing import Listing, every_entry, files_of

_CHUNK = 64 * 1024
_REFUSALS = (403, 429)
_UNAVAILABLE = 503
_LARGEST_LISTING = 32 * 1024 * 1024
_SLOWEST = 100_000  # bytes a second: what a large file must come with at least


@dataclass(frozen=True)
class Manners:
    """How politely to ask. All times in real seconds; NEMWEB answers 403 to who asks too fast."""

    at_once: int = 2
    gap: float = 0.2
    connect_timeout: float = 10.0
    read_timeout: float = 20.0
    deadline: float = 90.0
    largest: int = 64 * 1024 * 1024
    retries: int = 2
    first_backoff: float = 30.0
    longest_backoff: float = 900.0


@dataclass
class Traffic:
    """Requests made so far, and the bytes of the bodies received."""

    listings: int = 0
    files: int = 0
    received: int = 0


class _Retry(Retry):
    """Leaves alone what tells its own time to come back."""

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return not has_retry_after and super().is_retry(method, status_code)


class Client:
    """NEMWEB over HTTP. Safe to share between threads.

    After a refusal (403, 429, or a 503 with Retry-After) nothing is asked until a backoff has passed that doubles with
    each further refusal, or until the site's own Retry-After; every call in between raises NemwebRefused at once.
    """

    def __init__(
        self,
        base: str,
        manners: Manners | None = None,
        clock: Clock | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.base = base if base.endswith("/") else base + "/"
        self.manners = manners or Manners()
        self.traffic = Traffic()
        self._clock = clock or Clock()
        self._pause = pause or threading.Event().wait
        self._slots = threading.BoundedSemaphore(self.manners.at_once)
        self._turn = threading.Lock()
        self._next_start = 0.0
        self._refusals = 0
        self._refused_until = 0.0
        self._twice_escaped = False
        self._session = self._connect()

    def _connect(self) -> requests.Session:
        # Refusals are not in the list: they concern the whole site, so the client as a whole holds still (see _refuse).
        retry = _Retry(
            total=self.manners.retries,
            backoff_factor=0.5,
            backoff_jitter=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=("GET",),
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        session = requests.Session()
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=self.manners.at_once, max_retries=retry)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.headers = requests.structures.CaseInsensitiveDict(
            {"User-Agent": f"aemo-ops/{__version__}", "Accept": "*/*"}
        )
        return session

    def files(self, report: Report) -> tuple[Listing, ...]:
        """The report's files in Current, oldest interval first. One request."""
        url = urljoin(self.base, report.directory)
        page = self._get(url, _LARGEST_LISTING)
        self.traffic.listings += 1
        return files_of(report, page.decode("utf-8", "replace"), url)

    def directory(self, path: str) -> tuple[Listing, ...]:
        """Every entry of a directory page, in its order; none for a page of an empty directory. One request.

        Raises ListingRejected for a page that is no directory listing, NemwebGone where there is no such directory.
        """
        url = urljoin(self.base, path)
        page = self._get(url, _LARGEST_LISTING).decode("utf-8", "replace")
        self.traffic.listings += 1
        return every_entry(page, url)

    def fetch(self, entry: Listing, largest: int | None = None) -> bytes:
        """A file as it lies on the site. Raises SizeDiffers when it has not the listed size. One request.

        `largest`: bytes to accept instead of what a Current file may have; the deadline grows with the listed size.
        """
        body = self._fetch(entry, largest or self.manners.largest)
        self.traffic.files += 1
        # An error page has another size too, but its own, better reason from the report reader.
        if entry.size is not None and len(body) != entry.size and body[:2] == b"PK":
            raise SizeDiffers(
                f"{entry.name}: {len(body)} bytes came, the listing says {entry.size}: cut on the way, or listed wrong"
            )
        return body

    @property
    def refused_for(self) -> float:
        """Real seconds until the site may be asked again; 0 when it may now."""
        return max(0.0, self._refused_until - self._clock.monotonic())

    def _fetch(self, entry: Listing, largest: int) -> bytes:
        deadline = max(self.manners.deadline, (entry.size or 0) / _SLOWEST)
        url = self._hash_form(entry.url)
        try:
            return self._get(url, largest, deadline)
        except SourceError as error:
            if "%23" not in url or error.transient:
                raise
        # Those who did it differ on how MMSDM's "#" is to be sent: as the listing says it, or escaped once more.
        body = self._get(url.replace("%23", "%2523"), largest, deadline)
        self._twice_escaped = True
        return body

    def _hash_form(self, url: str) -> str:
        url = url.replace("#", "%23")
        return url.replace("%23", "%2523") if self._twice_escaped else url

    def _get(self, url: str, largest: int, deadline: float | None = None) -> bytes:
        with self._slots:
            self._wait_for_turn(url)
            try:
                with self._session.get(
                    url, stream=True, timeout=(self.manners.connect_timeout, self.manners.read_timeout)
                ) as answer:
                    self._check(url, answer)
                    body = self._body(url, answer, largest, deadline or self.manners.deadline)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise NemwebUnavailable(f"no answer from {url} ({_short(error)})") from error
        self._refusals = 0
        self.traffic.received += len(body)
        return body

    def _wait_for_turn(self, url: str) -> None:
        with self._turn:
            if self.refused_for > 0:
                raise NemwebRefused(f"NEMWEB is refusing us; not asked for {url}", self.refused_for)
            ahead = self._next_start - self._clock.monotonic()
            if ahead > 0:
                self._pause(ahead)
            self._next_start = self._clock.monotonic() + self.manners.gap

    def _check(self, url: str, answer: requests.Response) -> None:
        status = answer.status_code
        retry_after = answer.headers.get("Retry-After", "")
        if status in _REFUSALS or (status == _UNAVAILABLE and retry_after):
            raise self._refuse(url, status, retry_after)
        if status == 404:
            raise NemwebGone(f"{url}: not there (404)")
        if status >= 500:
            raise NemwebUnavailable(f"{url}: NEMWEB has an error of its own ({status})")
        if status != 200:
            raise SourceError(f"{url}: NEMWEB answers {status}, which is neither a file nor a known refusal")

    def _refuse(self, url: str, status: int, retry_after: str) -> NemwebRefused:
        self._refusals += 1
        backoff = min(self.manners.first_backoff * 2 ** (self._refusals - 1), self.manners.longest_backoff)
        # Jitter, so that many copies of this program do not come back at the same instant.
        backoff *= 0.75 + random.random() / 2
        backoff = max(backoff, min(_seconds(retry_after), self.manners.longest_backoff * 4))
        self._refused_until = self._clock.monotonic() + backoff
        return NemwebRefused(f"NEMWEB is refusing us ({status} for {url}); asking again in {backoff:.0f} s", backoff)

    def _body(self, url: str, answer: requests.Response, largest: int, deadline: float) -> bytes:
        """The body, bounded in size and in total time: a socket's time-out does not bound a slow drip."""
        ends = self._clock.monotonic() + deadline
        parts: list[bytes] = []
        size = 0
        # read1 returns what has come; read(n) would wait for n bytes and never look at the deadline.
        while part := answer.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > largest:
                raise SourceError(
                    f"{url}: more than {largest // 2**20} MB; no report is so large, the rest was not read"
                )
            if self._clock.monotonic() > ends:
                raise NemwebUnavailable(f"{url}: not complete after {deadline:.0f} s ({size} bytes came)")
        declared = answer.headers.get("Content-Length", "")
        if declared.isdigit() and "Content-Encoding" not in answer.headers and size != int(declared):
            raise NemwebUnavailable(f"{url}: {size} of {declared} bytes came, then the connection ended")
        return b"".join(parts)


def _seconds(retry_after: str) -> float:
    """The real seconds that a Retry-After asks for, as a number or as a date; 0 where it is neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return (until.replace(tzinfo=until.tzinfo or UTC) - Clock.utc()).total_seconds()  # "-0000" comes without a zone


def _short(error: Exception) -> str:
    """A connection error in a few words: the innermost reason, without the reprs of pools and addresses around it."""
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    return re.sub(r"^.*(?:\): |>: )", "", str(reason)) or type(error).__name__
