"""Zips of a size that is known before they are made: a page lists hundreds of bundles, and makes none of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable

Member = tuple[str, bytes]


def padded(members: Iterable[Member], size: int, compress: bool) -> bytes:
    """A zip of exactly `size` bytes; what is over stands between the last member and the directory, where none looks.

    Raises ValueError where the members need more.
    """
    sink = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, method, compresslevel=1)
        spare = size - sink.tell() - _directory_size(archive)
        if spare < 0:
            raise ValueError(f"the members need {-spare} bytes more than the {size} that are listed")
        sink.seek(archive.start_dir)
        sink.write(bytes(spare))
        archive.start_dir = sink.tell()
    return sink.getvalue()


def _directory_size(archive: zipfile.ZipFile) -> int:
    """Bytes of the central directory and its end record."""
    return sum(46 + len(entry.filename.encode()) for entry in archive.infolist()) + 22
