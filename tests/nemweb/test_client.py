"""The client's manners, against a real HTTP server on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from aemo_ops.clock import Clock
from aemo_ops.errors import ListingRejected, NemwebGone, NemwebRefused, NemwebUnavailable, SourceError
from aemo_ops.market.report import DISPATCH_SCADA, DISPATCHIS
from aemo_ops.nemweb.client import Client, Manners
from aemo_ops.nemweb.listing import Listing
from aemo_ops.replica import Outage, Replica
from tests.conftest import NOON, QUICK

SCADA = DISPATCH_SCADA.directory


@pytest.fixture
def client(site: Replica, still: Clock) -> Client:
    return Client(site.url, QUICK, still)


def newest(client: Client) -> Listing:
    return client.files(DISPATCH_SCADA)[-1]


def test_a_listing_and_a_file_are_one_request_each(site: Replica, client: Client) -> None:
    entry = newest(client)
    assert len(client.fetch(entry)) == entry.size
    assert site.requests == [SCADA, SCADA + entry.name]
    assert (client.traffic.listings, client.traffic.files) == (1, 1)


def test_never_more_than_two_requests_at_once_and_a_gap_between_starts(site: Replica, still: Clock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    paused: list[float] = []
    client = Client(site.url, Manners(gap=0.05), still, pause=paused.append)
    entries = client.files(DISPATCH_SCADA)[-8:]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.fetch, entries))
    assert site.most_at_once <= 2
    assert len(paused) >= 6
    assert all(0 < pause <= 0.05 for pause in paused)


@pytest.mark.parametrize("kind", ["403", "429"])
def test_after_a_refusal_nothing_is_asked_until_the_backoff_has_passed(site: Replica, still: Clock, kind: str) -> None:
    client = Client(site.url, replace(QUICK, first_backoff=1000.0, longest_backoff=8000.0), still)
    entry = newest(client)
    site.faults.add(kind, path=SCADA + entry.name, times=5)
    with pytest.raises(NemwebRefused, match="refusing us"):
        client.fetch(entry)
    asked = len(site.requests)
    for _ in range(10):
        with pytest.raises(NemwebRefused):
            client.files(DISPATCHIS)
    assert len(site.requests) == asked
    assert 700 < client.refused_for <= 1250


def test_each_further_refusal_doubles_the_backoff_and_a_success_ends_it(site: Replica, still: Clock) -> None:
    client = Client(site.url, replace(QUICK, first_backoff=0.001, longest_backoff=0.002), still)
    entry = newest(client)
    site.faults.add("403", path=SCADA + entry.name, times=3)
    delays = []
    for _ in range(3):
        while client.refused_for > 0:
            pass
        with pytest.raises(NemwebRefused) as caught:
            client.fetch(entry)
        delays.append(caught.value.retry_after)
    assert all(delay and delay <= 0.0025 for delay in delays)
    while client.refused_for > 0:
        pass
    assert len(client.fetch(entry)) == entry.size


def test_retry_after_is_honoured(site: Replica, still: Clock) -> None:
    client = Client(site.url, replace(QUICK, longest_backoff=600.0), still)
    entry = newest(client)
    site.faults.add("429", path=SCADA + entry.name, times=1)
    with pytest.raises(NemwebRefused) as caught:
        client.fetch(entry)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1


def test_a_server_error_is_tried_again_a_bounded_number_of_times(site: Replica, client: Client) -> None:
    entry = newest(client)
    site.faults.add("500", path=SCADA + entry.name, times=1)
    assert len(client.fetch(entry)) == entry.size
    site.forget()
    site.faults.add("500", path=SCADA + entry.name, times=100)
    with pytest.raises(NemwebUnavailable, match="500"):
        client.fetch(entry)
    assert len(site.requests) == QUICK.retries + 1


def test_a_reset_connection_is_unavailable_in_plain_words(site: Replica, client: Client) -> None:
    entry = newest(client)
    site.faults.add("reset", path=SCADA + entry.name, times=100)
    with pytest.raises(NemwebUnavailable) as caught:
        client.fetch(entry)
    assert "object at 0x" not in str(caught.value)


def test_a_slow_drip_ends_at_the_deadline(site: Replica, still: Clock) -> None:
    client = Client(site.url, replace(QUICK, deadline=0.3), still)
    entry = newest(client)
    site.faults.add("drip", path=SCADA + entry.name, times=100)
    with pytest.raises(NemwebUnavailable, match="not complete after"):
        client.fetch(entry)


def test_an_endless_body_ends_at_the_cap(site: Replica, still: Clock) -> None:
    client = Client(site.url, replace(QUICK, largest=1000), still)
    entry = newest(client)
    with pytest.raises(SourceError, match="more than"):
        client.fetch(entry)


def test_a_zip_of_another_size_than_listed_was_cut_on_the_way(site: Replica, client: Client) -> None:
    entry = newest(client)
    site.faults.add("truncated", path=SCADA + entry.name, times=1)
    with pytest.raises(NemwebUnavailable, match=f"listing says {entry.size}"):
        client.fetch(entry)


def test_a_file_that_left_current_is_gone_not_unavailable(site: Replica, client: Client) -> None:
    entry = newest(client)
    with pytest.raises(NemwebGone):
        client.fetch(replace(entry, url=entry.url.replace("PUBLIC", "PRIVATE")))


def test_an_error_page_for_a_listing_is_an_error(site: Replica, client: Client) -> None:
    site.faults.add("html", path=SCADA, times=1)
    with pytest.raises(ListingRejected):
        client.files(DISPATCH_SCADA)


@pytest.mark.parametrize("outage", [Outage.REFUSE, Outage.CLOSE])
def test_an_outage_is_an_error_that_may_pass(site: Replica, client: Client, outage: Outage) -> None:
    site.faults.outage = outage
    with pytest.raises(SourceError) as caught:
        client.files(DISPATCH_SCADA)
    assert caught.value.transient


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_no_network_is_unavailable_in_plain_words(base: str) -> None:
    client = Client(base, replace(QUICK, retries=0), Clock.starting(NOON, 0))
    with pytest.raises(NemwebUnavailable) as caught:
        client.files(DISPATCH_SCADA)
    assert len(str(caught.value)) < 250


Make = Callable[..., Client]


def test_the_program_names_itself(site: Replica, client: Client) -> None:
    """The replica, like NEMWEB, answers 403 without a User-Agent and 406 without Accept."""
    client.files(DISPATCH_SCADA)
    client._session.headers.pop("User-Agent")
    client._session.headers["User-Agent"] = ""
    with pytest.raises(NemwebRefused):
        client.files(DISPATCH_SCADA)
