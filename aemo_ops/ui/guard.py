"""Admits visitors of this machine only: a loopback peer that asks for one of our own host names.

A foreign name that was made to point at 127.0.0.1 (DNS rebinding) passes a websocket's origin check; so the Host is
looked at for every page, with `panel serve`'s own way of refusing: an authorize callback gives no token.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import panel as pn
from panel.io.server import AutoloadJsHandler, DocHandler, WSHandler
from tornado.web import HTTPError

log = logging.getLogger(__name__)
HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


def admits(host: str | None, peer: str | None) -> bool:
    """Whether to serve a request with this Host header from this address."""
    return _host_name(host or "") in HOSTS and _loopback(peer or "")


def admits_current() -> bool:
    """Whether to serve the visitor of the current session; a warm-up run of the server has no request and is served."""
    context: Any = pn.state.curdoc.session_context if pn.state.curdoc else None
    request = context.request if context else None
    host, peer = (request.headers.get("Host"), getattr(request, "remote_ip", None)) if request else (None, None)
    if host is None and peer is None:
        return True
    admitted = admits(host, peer)
    if not admitted:
        log.warning("refused a visitor from %s asking for host %r", peer, host)
    return admitted


def hold(config: Any) -> None:
    """Guard this session and, from now on, every request before a session is made for it.

    The first is for plain `panel serve app.py`, which runs app.py only when the first visitor is there already.
    """
    config.authorize_callback = lambda _user: admits_current()
    for handler in (DocHandler, AutoloadJsHandler, WSHandler):
        if not getattr(handler.prepare, "guarded", False):
            setattr(handler, "prepare", _guarded(handler.prepare))  # noqa: B010 - a method, replaced on purpose


def _guarded(prepare: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def guarded(handler: Any) -> None:
        if not admits(handler.request.headers.get("Host"), handler.request.remote_ip):
            raise HTTPError(403, "this app answers only to localhost, on this machine")
        await prepare(handler)

    guarded.guarded = True  # type: ignore[attr-defined]
    return guarded


def _host_name(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
