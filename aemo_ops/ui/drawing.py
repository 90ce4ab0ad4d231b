"""A plot of HoloViews as a Bokeh figure that belongs to no page, and that nobody but its page holds on to."""

from __future__ import annotations

from typing import Any

import holoviews as hv
from bokeh.document import Document


def figure_of(element: Any) -> Any:
    """A Bokeh figure, as `hv.render` makes it, but in a document of its own from the start.

    Left to itself a plot takes the document at hand and asks it to be told of the session's end. In a thread beside the
    loop that is whichever page the loop works for just now, one that is closed already (Bokeh keeps a page at hand for
    good once a callback of it failed, and refuses every drawing when it is gone), or that of the whole process, which
    never ends and would keep every page that was ever opened.
    """
    renderer = hv.renderer("bokeh").instance(mode="server")  # only in this mode is the document taken that is given
    return renderer.get_plot(element, doc=Document()).state
