"""Only visitors of this machine, asking for one of our names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from aemo_ops.ui.guard import admits
from tests.conftest import ROOT
from tests.ui.browsing import answers, free_port
from tests.waiting import until


@pytest.mark.parametrize(
    ("host", "peer", "admitted"),
    [
        ("localhost:5010", "127.0.0.1", True),
        ("127.0.0.1:5010", "127.0.0.1", True),
        ("[::1]:5010", "::1", True),
        ("LOCALHOST", "::ffff:127.0.0.1", True),
        ("localhost:5010", "192.168.1.20", False),
        ("evil.example:5010", "127.0.0.1", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("evil.example#localhost", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        (None, "127.0.0.1", False),
        ("localhost", None, False),
        ("localhost", "not an address", False),
    ],
)
def test_who_is_admitted(host: str | None, peer: str | None, admitted: bool) -> None:
    assert admits(host, peer) is admitted


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Plain `panel serve app.py`, or with the options that scripts/run passes; its address without the path."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "panel", "serve", str(ROOT / "app.py"), "--port", str(port), *request.param],
            env={**os.environ, "AEMO_OPS_HOME": str(tmp_path / "home"), "NEMWEB_URL": "http://127.0.0.1:1"},
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(f"{url}/static/js/bokeh.min.js") or process.poll() is not None, "the server answers", 60)
    yield url
    process.send_signal(signal.SIGTERM)
    process.wait(20)


PATHS = ["/app", "/app/autoload.js?bokeh-autoload-element=1&bokeh-app-path=/app", "/"]


@pytest.mark.parametrize("served", [["--address", "127.0.0.1", "--warm"]], indirect=True)
def test_a_foreign_host_gets_no_token(served: str) -> None:
    for path in PATHS:
        answer = requests.get(served + path, headers={"Host": "evil.example"}, timeout=20)
        assert "session_id" not in answer.text and "token" not in answer.text.lower(), path
    answer = requests.get(f"{served}/app", headers={"Host": "evil.example"}, timeout=20)
    assert answer.status_code == 403
    ours = requests.get(f"{served}/app", timeout=20)
    assert ours.status_code == 200
    assert "token" in ours.text


@pytest.mark.parametrize("served", [[]], indirect=True)
def test_a_foreign_host_as_the_very_first_visitor_of_plain_panel_serve_gets_no_token(served: str) -> None:
    first = requests.get(f"{served}/app", headers={"Host": "evil.example"}, timeout=30)
    assert "token" not in first.text.lower()
    again = requests.get(f"{served}/app", headers={"Host": "evil.example"}, timeout=30)
    assert again.status_code == 403
    assert "token" in requests.get(f"{served}/app", timeout=30).text


@pytest.mark.parametrize("served", [["--address", "127.0.0.1", "--warm"]], indirect=True)
def test_a_websocket_from_a_foreign_origin_or_host_is_refused(served: str) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    foreign_origin = requests.get(f"{served}/app/ws", headers={**upgrade, "Origin": "http://evil.example"}, timeout=20)
    assert foreign_origin.status_code == 403
    foreign_host = requests.get(f"{served}/app/ws", headers={**upgrade, "Host": "evil.example"}, timeout=20)
    assert foreign_host.status_code == 403


def test_a_busy_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "aemo_ops.cli", "serve", "--port", str(port)],
            env={**os.environ, "AEMO_OPS_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
