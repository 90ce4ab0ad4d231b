"""A NEMWEB of our own, for the demo and the tests.

`market` and `fleet` invent a plausible market, `reports` writes it in AEMO's form, `shelf` says which files lie on the
site at a NEM time, `folder` takes real files instead, `listing` draws the directory pages, `faults` breaks things on
demand and `server` answers over HTTP. It never imports the program's own reader: one checks the other.

    with Replica(Shelf(Market(seed=1)), clock) as site:
        ... NEMWEB_URL = site.url ...
"""

from aemo_ops.replica.faults import Fault, Faults, Kind, Outage
from aemo_ops.replica.folder import Folder
from aemo_ops.replica.listing import Style
from aemo_ops.replica.market import Market
from aemo_ops.replica.server import Replica, main
from aemo_ops.replica.shelf import Shelf

__all__ = ["Fault", "Faults", "Folder", "Kind", "Market", "Outage", "Replica", "Shelf", "Style", "main"]
