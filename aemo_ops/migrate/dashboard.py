"""The program that reads the files and shows them: found, measured from outside, ended and started with the new settings."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from tornado.httpclient import HTTPError
from tornado.websocket import WebSocketClosedError, websocket_connect

from aemo_ops.clock import Clock
from aemo_ops.errors import StepRefused, VerificationFailed
from aemo_ops.host import processes
from aemo_ops.migrate import programs
from aemo_ops.migrate.programs import Program
from aemo_ops.ops.jobs import Progress

_TO_END = 30.0  # real seconds
_TO_ANSWER = 120.0
_TO_OPEN = 10.0
_LOOK = 0.5
_TOKEN = re.compile(r'"token":"([^"]+)"')  # of a Bokeh page: what opens its websocket


@dataclass(frozen=True)
class Dashboard:
    """`pattern` is in its command line, and in no other program's; its page is at `url`."""

    pattern: str
    url: str

    def running(self) -> Program | None:
        """It as it runs now. Raises StepRefused where several match."""
        found = programs.look([self.pattern])
        if len(found) > 1:
            raise StepRefused(
                f"{len(found)} programs have {self.pattern!r} in their command line: {'; '.join(map(str, found))}. "
                "Say more of the dashboard's."
            )
        return found[0] if found else None

    def measure(self) -> dict[str, Any]:
        """What a visitor meets: whether the page answers, seconds until it has, whether its websocket opens; memory in bytes."""
        begun = Clock.monotonic()
        page = ""
        with suppress(requests.RequestException):
            answer = requests.get(self.url, timeout=_TO_ANSWER)
            page = answer.text if answer.ok else ""
        seconds = round(Clock.monotonic() - begun, 2)
        one = self.running()
        return {
            "answers": bool(page),
            "seconds": seconds,
            "websocket": asyncio.run(self._opens(page)),
            "memory_bytes": _resident(one) if one else None,
        }

    async def _opens(self, page: str) -> bool:
        token = _TOKEN.search(page)
        if token is None:
            return False
        address = f"{self.url.rstrip('/').replace('http', 'ws', 1)}/ws"
        with suppress(OSError, HTTPError, WebSocketClosedError, TimeoutError):
            socket = await websocket_connect(address, subprotocols=["bokeh", token[1]], connect_timeout=_TO_OPEN)
            socket.close()
            async with asyncio.timeout(_TO_OPEN):
                while await socket.read_message() is not None:  # until the other side has closed it too
                    pass
            return True
        return False

    def end(self) -> Program | None:
        """End it, if it runs; it as it was. Raises StepRefused where it does not end, or would be started again."""
        one = self.running()
        if one is None:
            return None
        if one.held_by:
            raise StepRefused(f"{one}. End that first ({'; '.join(one.stop)}).")
        if not processes.stop(one.identity, _TO_END):
            raise StepRefused(
                f"{one} did not end within {_TO_END:.0f} s; it was not killed. End it yourself, then go on."
            )
        return one

    def begin(self, one: Program, log: Path) -> dict[str, Any]:
        """Start it again as it was, with the settings that are there now; what a visitor meets. Raises VerificationFailed."""
        silent = VerificationFailed(
            f"the dashboard was started and {self.url} does not answer; {log} has what it said."
        )
        try:
            one.again(log)
        except processes.EndedAtOnce as error:
            raise silent from error
        ends, waiting = Clock.monotonic() + _TO_ANSWER, Progress()
        while not (found := self.measure())["answers"]:
            if Clock.monotonic() > ends or self.running() is None:
                raise silent
            waiting.pause(_LOOK)
        return found


def _resident(one: Program) -> int | None:
    with suppress(psutil.Error):
        process = psutil.Process(one.identity.pid)
        family = [process, *process.children(recursive=True)]
        return int(sum(each.memory_info().rss for each in family))
    return None
