"""Serves app.py with Panel, on the loopback address only."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

from tornado.websocket import WebSocketClosedError

from aemo_ops.errors import SettingsError

ADDRESS = "127.0.0.1"
# Seconds: a cycle in another thread is otherwise given 5 ms, each time that a page's answer wants to go on.
_TURN = 0.001


def app_file() -> Path:
    """app.py: beside the package in a checkout, inside it in an installed wheel."""
    package = Path(__file__).parent
    beside = package.parent / "app.py"
    return beside if beside.exists() else package / "app.py"


def serve_app(port: int, show: bool) -> int:
    """Run `panel serve app.py` in this process until it is stopped; its exit code. Raises SettingsError for a busy port."""
    check_port(port)
    from panel.command import main

    print(f"AEMO Ops: http://localhost:{port}/app  (Ctrl-C ends)", flush=True)
    arguments = ["panel", "serve", str(app_file()), "--address", ADDRESS, "--port", str(port), "--warm"]
    for name in ("localhost", ADDRESS):
        arguments += ["--allow-websocket-origin", f"{name}:{port}"]
    if show and (sys.platform == "darwin" or os.environ.get("DISPLAY")):
        arguments.append("--show")
    os.environ["AEMO_OPS_PORT"] = str(port)  # what was asked for is what the Settings page tells
    logging.getLogger("asyncio").addFilter(_ClosedTabs())
    sys.setswitchinterval(_TURN)
    sys.argv = arguments  # Panel's command reads its words from there only
    main()
    return 0


class _ClosedTabs(logging.Filter):
    """A tab that is closed while something is on its way to it is no error, though the server's own libraries log it as one."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], WebSocketClosedError))


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise SettingsError(
                f"port {port} is in use on this machine ({error.strerror}). Is AEMO Ops running already? "
                "Open it in the browser, or choose another port with --port or AEMO_OPS_PORT."
            ) from error
