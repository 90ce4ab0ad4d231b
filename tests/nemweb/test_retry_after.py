"""When the site says itself when to come back: in seconds or as a date, with a refusal or with a 503; bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import NemwebRefused, NemwebUnavailable
from aemo_ops.market.report import DISPATCH_SCADA
from aemo_ops.nemweb.client import Client
from tests.conftest import QUICK

LONGEST = 900.0
Serve = Callable[[int, str], tuple[Client, list[str]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a site that answers everything with a status and a Retry-After; a client of it, and the paths asked for."""
    servers: list[HTTPServer] = []

    def start(status: int, retry_after: str) -> tuple[Client, list[str]]:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        manners = replace(QUICK, first_backoff=1.0, longest_backoff=LONGEST, retries=2)
        return Client(f"http://127.0.0.1:{server.server_address[1]}", manners), asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def http_date(time: datetime) -> str:
    """As RFC 9110 writes it."""
    return f"{time:%a, %d %b %Y %H:%M:%S} GMT"


def waited(client: Client) -> float:
    """The seconds that the client holds still after an answer."""
    with pytest.raises(NemwebRefused) as caught:
        client.files(DISPATCH_SCADA)
    assert caught.value.retry_after is not None
    assert abs(client.refused_for - caught.value.retry_after) < 5
    return caught.value.retry_after


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_date_is_waited_for(serve: Serve, status: int) -> None:
    client, asked = serve(status, http_date(Clock.utc() + timedelta(minutes=10)))
    assert 590 < waited(client) <= 600
    assert len(asked) == 1
    waited(client)  # not asked again meanwhile
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        pytest.param("120", 120, 120, id="seconds"),
        pytest.param("99999999", 4 * LONGEST, 4 * LONGEST, id="years of seconds"),
        pytest.param("Fri, 31 Dec 2999 23:59:59 GMT", 4 * LONGEST, 4 * LONGEST, id="a date far off"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0.75, 1.25, id="a date gone by"),
        pytest.param("soon", 0.75, 1.25, id="neither"),
    ],
)
def test_what_is_told_is_bounded_and_what_cannot_be_read_is_as_if_not_told(
    serve: Serve, told: str, least: float, most: float
) -> None:
    client, _ = serve(503, told)
    assert least <= waited(client) <= most


def test_a_503_that_names_no_time_is_tried_again_and_then_an_error_of_the_site(serve: Serve) -> None:
    client, asked = serve(503, "")
    with pytest.raises(NemwebUnavailable, match="503"):
        client.files(DISPATCH_SCADA)
    assert len(asked) == 3
