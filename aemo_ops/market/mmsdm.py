"""MMSDM: AEMO's monthly tables. Where a month lies, how its files are named in either era, what a month holds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from aemo_ops.market.intervals import DAY

# Before 2015 a month exists only as one zip of all tables, up to 44 GB: never fetched.
FIRST_MONTH = datetime(2015, 1, 1)
FIRST_HASHED_MONTH = datetime(2024, 8, 1)
# Seen from about the 7th of the next month, sometimes after the 20th.
EARLIEST_PUBLICATION = timedelta(days=6)
_ROOT = "/Data_Archive/Wholesale_Electricity/MMSDM"
_NAME = re.compile(
    r"PUBLIC_(?:DVD_(?P<dvd>[A-Z0-9_]+?)|ARCHIVE#(?P<hashed>[A-Z0-9_]+)#FILE(?P<part>\d\d))[_#](?P<month>\d{4}(?:0[1-9]|1[0-2]))010000\.zip",
    re.IGNORECASE,
)


def month_of(interval: datetime) -> datetime:
    """The first day, at midnight, of the month whose tables hold an interval end: 00:00 of the 1st ends the month before."""
    inside = interval - timedelta(microseconds=1)
    return datetime(inside.year, inside.month, 1)


def following(month: datetime) -> datetime:
    """The month after."""
    return (month + 31 * DAY).replace(day=1)


def overrun(table: str, month: datetime) -> timedelta:
    """How far beyond its month a table's rows go: those of rooftop solar, under the older names, by a day."""
    return longest_overrun(table) if month < FIRST_HASHED_MONTH else timedelta(0)


def longest_overrun(table: str) -> timedelta:
    """How far beyond its month a table's rows may go, whatever the month."""
    return DAY if table == "ROOFTOP_PV_ACTUAL" else timedelta(0)


def directory(month: datetime) -> str:
    """The path of the folder that lists a month's tables."""
    name = f"MMSDM_{month:%Y_%m}"
    return f"{_ROOT}/{month:%Y}/{name}/MMSDM_Historical_Data_SQLLoader/DATA/"


def file_name(table: str, month: datetime, part: int = 1) -> str:
    """The name of a table's file, as a folder would show it (`#`, not `%23`)."""
    if month < FIRST_HASHED_MONTH:
        return f"PUBLIC_DVD_{table}_{month:%Y%m}010000.zip"
    return f"PUBLIC_ARCHIVE#{table}#FILE{part:02d}#{month:%Y%m}010000.zip"


def table_of(name: str) -> tuple[str, datetime, int] | None:
    """(table, month, part) of a file name of either era; None for another file."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    table = (match["dvd"] or match["hashed"]).upper()
    return table, datetime.strptime(match["month"], "%Y%m"), int(match["part"] or 1)
