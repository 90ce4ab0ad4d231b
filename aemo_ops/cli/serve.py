"""aemo-ops serve, demo: the app on localhost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from aemo_ops.settings import Settings


def register(verbs: Any) -> None:
    parser = verbs.add_parser("serve", help="the app, on localhost")
    parser.add_argument("--port", type=int, help="default AEMO_OPS_PORT or 5010")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    parser.set_defaults(run=serve)
    parser = verbs.add_parser("demo", help="the app on the built-in replica, on a fast clock; needs no internet")
    parser.add_argument("--port", type=int)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="everything the demo writes")
    parser.add_argument("--speed", type=float, default=30.0, help="NEM seconds in one real second")
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    parser.add_argument(
        "--no-old-collector", action="store_true", help="without the one that Migration moves away from"
    )
    parser.set_defaults(run=demo)


def serve(chosen: argparse.Namespace) -> int:
    from aemo_ops.serving import serve_app

    port = chosen.port or Settings.load().port
    return serve_app(port, show=not chosen.no_browser)


def demo(chosen: argparse.Namespace) -> int:
    from aemo_ops.demo import run_demo

    port = chosen.port or Settings.load().port
    old = not chosen.no_old_collector
    return run_demo(chosen.folder, port, chosen.speed, chosen.fresh, not chosen.no_browser, old)
