"""AEMO Ops: `panel serve app.py`. Guard the visitor, get the engine, show the page."""

import panel as pn

from aemo_ops.errors import AemoOpsError
from aemo_ops.migrate.house import running
from aemo_ops.settings import Settings
from aemo_ops.ui import guard, shell

guard.hold(pn.config)
if guard.admits_current():
    try:
        shell.page(running(Settings.load, "the app")).servable()
    except AemoOpsError as error:
        shell.trouble(error).servable()
