"""The report's words for what the steps note down: names of values with their units, times as people write them."""

from __future__ import annotations

import re

_LABELS = {
    "at": "When",
    "word": "Typed",
    "size": "Size (bytes)",
    "first": "First interval (NEM)",
    "last": "Last interval (NEM)",
    "newest": "Newest interval (NEM)",
    "begun": "Begun (NEM)",
    "mark": "Copied up to (NEM)",
    "since": "Since (NEM)",
    "until": "Until (NEM)",
    "inserted": "Rows added",
    "off_grid": "Rows off the grid",
    "intervals": "Intervals compared",
    "only_old": "Rows only in the old file",
    "only_new": "Rows only in the new file",
    "equal": "Rows the same",
    "different": "Rows that differ",
    "doubled": "Rows twice in the old file",
    "reasons": "Why they differ (rows)",
    "settlementdate": "Interval end (NEM)",
    "aemo": "AEMO's own",
    "waited_seconds": "Waited for a quiet moment (s)",
    "ended": "Collectors ended",
    "torn": "Old files found torn",
    "carried": "Rows carried over",
    "old_files_as_left": "Old files as left (bytes; changed at, in ns since 1970)",
    "arrived": "First interval that arrived in the new file (NEM)",
    "gap_intervals": "Intervals that nobody collected",
    "seconds": "Took (s)",
    "old_seconds": "Old (s)",
    "new_seconds": "New (s)",
    "ok": "As it should be",
}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(\+00:00)?")


def label(name: str) -> str:
    """A value's name as a heading; the name of a file, of a dataset or of a package stays as it is."""
    if any(letter in "/.-0123456789" for letter in name):
        return name
    spoken = name.replace("_", " ")
    return _LABELS.get(name, spoken[:1].upper() + spoken[1:])


def minute(text: str | None) -> str:
    """An ISO time to the minute; nothing for none."""
    return text.replace("T", " ")[:16] if text else ""


def clock(text: str) -> str:
    """A text with its ISO times as people write them; what says that it is UTC says so still."""
    return _TIME.sub(lambda found: f"{found[1]} {found[2]}" + (" UTC" if found[3] else ""), text)
