"""How one HTTP request is answered, faults included."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from aemo_ops.replica.damage import damaged
from aemo_ops.replica.faults import DAMAGE, Fault, Kind, Outage
from aemo_ops.replica.listing import Style

if TYPE_CHECKING:
    from aemo_ops.replica.server import Replica

_HTML = "text/html; charset=UTF-8"
_ZIP = "application/x-zip-compressed"
_DRIP_BYTES = 64
_IDLE_SECONDS = 60
_ERROR_PAGE = (
    "<!DOCTYPE html>\r\n<html><head><title>{code} - {reason}</title></head>"
    "<body><h1>Server Error</h1><h2>{code} - {reason}</h2></body></html>\r\n"
)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], replica: Replica) -> None:
        super().__init__(address, Answer)
        self.replica = replica
        self._open: set[socket.socket] = set()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visitor that hangs up is no news; anything else is a bug and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def close_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-IIS/10.0"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        """The replica keeps its own log."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        replica = self.server.replica
        self._visited: str | None = unquote(urlsplit(self.path).path)
        self._status = 0
        replica.arrived()
        try:
            self._answer(replica, self._visited)
        finally:
            self._depart()

    def _depart(self) -> None:
        """Log the visit, once."""
        if self._visited is not None:
            self.server.replica.departs(self._visited, self._status)
            self._visited = None

    def _answer(self, replica: Replica, path: str) -> None:
        outage = replica.faults.outage
        if outage is Outage.CLOSE:
            self._depart()
            self.close_connection = True
        elif outage is Outage.REFUSE or not self.headers.get("User-Agent"):
            self._refuse(HTTPStatus.FORBIDDEN)
        elif "*/*" not in self.headers.get("Accept", ""):
            self._refuse(HTTPStatus.NOT_ACCEPTABLE)
        else:
            self._find(replica, path)

    def _find(self, replica: Replica, asked: str) -> None:
        path = replica.path_of(asked)
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        body = None if path.endswith("/") else replica.site.body(path, replica.clock.now())
        if body is not None:
            self._serve(replica, path, body, _ZIP)
            return
        listing = replica.listing(path if path.endswith("/") else f"{path}/")
        if listing is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        elif not path.endswith("/") and replica.style is Style.OLD:
            self._send(HTTPStatus.MOVED_PERMANENTLY, b"", _HTML, {"Location": f"{urlsplit(self.path).path}/"})
        else:
            self._serve(replica, path, listing, _HTML)

    def _serve(self, replica: Replica, path: str, body: bytes, kind: str) -> None:
        fault = replica.faults.meet(path) if self.command == "GET" else None
        if fault is None:
            self._send(HTTPStatus.OK, body, kind)
        elif fault.kind in DAMAGE:
            self._send(HTTPStatus.OK, damaged(fault.kind, body), kind)
        elif fault.kind is Kind.DRIP:
            self._drip(fault, body, kind, replica.stopping)
        elif fault.kind is Kind.RESET:
            self._reset(body, kind)
        elif fault.kind is Kind.HTML:
            error = _error_page(HTTPStatus.INTERNAL_SERVER_ERROR)
            self._send(HTTPStatus.OK, error, _HTML)
        else:
            retry = {"Retry-After": f"{fault.quantity:.0f}"} if fault.kind is Kind.TOO_MANY else {}
            self._refuse(HTTPStatus(int(fault.kind)), retry)

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self._send(status, _error_page(status), _HTML, headers)

    def _send(self, status: HTTPStatus, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self._status = int(status)
        self._depart()
        self._head(status, len(body), kind, headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, length: int, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _drip(self, fault: Fault, body: bytes, kind: str, stopping: threading.Event) -> None:
        self._status = int(HTTPStatus.OK)
        self._head(HTTPStatus.OK, len(body), kind)
        for start in range(0, len(body), _DRIP_BYTES):
            if stopping.wait(fault.quantity):
                self.close_connection = True
                return
            if start + _DRIP_BYTES >= len(body):
                self._depart()
            self.wfile.write(body[start : start + _DRIP_BYTES])

    def _reset(self, body: bytes, kind: str) -> None:
        self._status = int(HTTPStatus.OK)
        self._depart()
        self._head(HTTPStatus.OK, len(body), kind)
        self.wfile.write(body[: len(body) // 2])
        # A linger of zero seconds makes the close a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def _error_page(status: HTTPStatus) -> bytes:
    return _ERROR_PAGE.format(code=status.value, reason=status.phrase).encode()
