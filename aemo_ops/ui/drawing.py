"""A plot of HoloViews as a Bokeh figure that nobody but its page holds on to."""

from __future__ import annotations

from typing import Any

import holoviews as hv
from bokeh.document import Document


def figure_of(element: Any) -> Any:
    """A Bokeh figure, as `hv.render` makes it, but in a document of its own.

    A plot asks the document at hand to be told of the session's end. In a thread beside the loop that is the one document
    of the whole process, which never ends: it would keep every page that was ever opened.
    """
    plot = hv.renderer("bokeh").get_plot(element)
    plot.document = Document()  # it takes its wish back from the one it asked
    return plot.state
