"""How it read NEMWEB: a directory page by a pattern, a zip's CSV split at commas, and any trouble counts as nothing new."""

from __future__ import annotations

import io
import logging
import re
import zipfile
from collections.abc import Iterable

import pandas as pd
import requests

log = logging.getLogger("legacy")
_SECONDS = 30


class Site:
    """Remembers, until the process ends, which files it has seen: read or not, failed or not."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._seen: dict[str, set[str]] = {}

    def new(self, what: str, directory: str, last: int, prefix: str = "") -> list[str]:
        """The last few of the files that are new to `what`; all of them count as seen."""
        try:
            page = requests.get(self._url + directory, timeout=_SECONDS).text
        except requests.RequestException as error:
            log.warning("%s: %s", directory, error)
            return []
        names = sorted(set(re.findall(rf'HREF="[^"]*?({re.escape(prefix)}[^"/]*\.zip)"', page, re.IGNORECASE)))
        fresh = [name for name in names if name not in self._seen.setdefault(what, set())]
        self._seen[what].update(fresh)
        return fresh[-last:]

    def table(self, directory: str, names: Iterable[str], table: str) -> list[pd.DataFrame]:
        """One table of each file, everything as text; a file that cannot be had or read is left out."""
        frames = []
        for name in names:
            try:
                answer = requests.get(self._url + directory + name, timeout=_SECONDS)
                with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                    text = archive.read(archive.namelist()[0]).decode()
                frames.append(_split(text, table))
            except (requests.RequestException, zipfile.BadZipFile, ValueError, IndexError, KeyError) as error:
                log.warning("%s: %s", name, error)
        return frames


def _split(text: str, table: str) -> pd.DataFrame:
    """The first header of the table wins; a line is what stands between commas."""
    header: list[str] = []
    rows = []
    for line in text.splitlines():
        fields = line.split(",")
        if ".".join(fields[1:3]) != table:
            continue
        if fields[0] == "I" and not header:
            header = fields
        elif fields[0] == "D" and header:
            rows.append([field.strip('"') for field in fields])
    return pd.DataFrame(rows, columns=header)
