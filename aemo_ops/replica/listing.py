"""A directory page as NEMWEB draws it, in the form of either host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from urllib.parse import quote

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DATE_WIDTH = 29
_SIZE_WIDTH = 13
_DIRECTORY = "&lt;dir&gt;".rjust(_SIZE_WIDTH + len("&lt;&gt;") - len("<>"))


class Style(StrEnum):
    """Which host's form: the site moved in May 2026."""

    OLD = "old"
    NEW = "new"


@dataclass(frozen=True)
class Entry:
    """One line of a directory page. `size` in bytes, None for a directory; `modified` in NEM time."""

    name: str
    size: int | None
    modified: datetime


def page(directory: str, entries: Iterable[Entry], style: Style = Style.OLD) -> str:
    """The HTML page of a directory, whose path starts and ends with a slash."""
    lines = "".join(_line(directory, entry, style) for entry in entries)
    return (_OLD_PAGE if style is Style.OLD else _NEW_PAGE).format(
        directory=directory, parent=_parent(directory, style), lines=lines
    )


@lru_cache(maxsize=32_768)  # a page differs from the page before by a line or two
def _line(directory: str, entry: Entry, style: Style) -> str:
    is_directory = entry.size is None
    size = _DIRECTORY if is_directory else f"{entry.size:>{_SIZE_WIDTH}}"
    slash = "/" if is_directory and style is Style.OLD else ""
    href = quote(directory + entry.name) + slash
    return f'{_modified(entry.modified, style)}{size} <A HREF="{href}">{entry.name}</A><br>'


def _modified(time: datetime, style: Style) -> str:
    """The date and the 12-hour time; the new host pads the hour with a zero, the old one with a space."""
    date = f"{_DAYS[time.weekday()]}, {_MONTHS[time.month - 1]} {time.day}, {time.year}"
    hour = (time.hour + 11) % 12 + 1
    padded = f"{hour:02d}" if style is Style.NEW else f"{hour:2d}"
    return f"{date:>{_DATE_WIDTH}} {padded}:{time:%M} {'AM' if time.hour < 12 else 'PM'}"


def _parent(directory: str, style: Style) -> str:
    if directory == "/":
        return ""
    above = directory.rstrip("/").rpartition("/")[0]
    href = quote(above + ("/" if style is Style.OLD else "")) or "/"
    return f'<A HREF="{href}">[To Parent Directory]</A><br><br>'


_OLD_PAGE = (
    "<html><head><title>nemweb.com.au - {directory}</title></head><body>"
    "<H1>nemweb.com.au - {directory}</H1><hr>\r\n\r\n<pre>{parent}{lines}</pre><hr></body></html>"
)
# The real page carries some 4 kB of inline script; this one is ours, with a link in it that must not be read as one
_NEW_PAGE = """<html>
\t<head>
\t\t<title>nemweb.com.au - {directory}</title>
\t\t<script type="text/javascript">
\t\t\tvar pages = {{ visited: 0, link: '<a href="/about">about</a>' }};
\t\t\tif (window.performance && pages.visited < 1) {{ pages.visited = 1; }}
\t\t</script>
\t</head>
\t<body>
\t\t<H1>nemweb.com.au - {directory}</H1>
\t\t<hr>
\t\t<pre>{parent}
{lines}
\t\t</pre>
\t\t<hr>
\t</body>
</html>
"""
