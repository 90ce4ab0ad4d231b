"""`python -m aemo_ops.replica.legacy unified_collector --data FOLDER --url NEMWEB`: cycles until it is ended, or `--test` one."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path

from aemo_ops.clock import Clock
from aemo_ops.replica.legacy.collector import Collector
from aemo_ops.replica.legacy.files import Files
from aemo_ops.replica.legacy.site import Site
from aemo_ops.replica.legacy.variants import Variant

PERIOD = 270.0  # seconds of NEM time asleep between two cycles, so that their beat drifts


def main() -> int:
    parser = argparse.ArgumentParser(prog="legacy")
    parser.add_argument("name", help="what it is called in the list of processes")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--clock", type=Path)
    parser.add_argument("--test", action="store_true", help="one cycle")
    parser.add_argument("--variant", type=Variant, action="append", default=[], choices=list(Variant))
    parser.add_argument("-p", "--password", "--api-key", "--mirror", help="as a real one may be given; not used")
    chosen = parser.parse_args()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    if Variant.DEAF in chosen.variant:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    clock = Clock.from_file(chosen.clock)
    chosen.data.mkdir(parents=True, exist_ok=True)
    collector = Collector(Site(chosen.url), Files(chosen.data, chosen.variant), chosen.variant)
    while True:
        collector.cycle()
        if chosen.test:
            return 0
        time.sleep(PERIOD / max(clock.speed, 0.001))


if __name__ == "__main__":
    sys.exit(main())
