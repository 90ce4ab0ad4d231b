"""What a file is that is no parquet file, where its first bytes tell."""

from __future__ import annotations

HEAD = 512  # bytes to look at

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"\x1f\x8b", "a gzip file: unpack it"),
    (b"BZh", "a bzip2 file: unpack it"),
    (b"\xfd7zXZ\0", "an xz file: unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it"),
    (b"ARROW1", "an Arrow file (Feather): write it anew as parquet"),
    (b"FEA1", "a Feather file of the first version: write it anew as parquet"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: write it anew as parquet"),
    (b"Obj\x01", "an Avro file: write it anew as parquet"),
    (b"ORC", "an ORC file: write it anew as parquet"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (
        b"bplist00",
        "a property list, as iCloud leaves in the place of a file that is not on this Mac: download it in Finder",
    ),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself with `git lfs pull`"),
)
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXT = frozenset([*range(0x20, 0x7F), *b"\t\r\n"])


def named(head: bytes) -> str | None:
    """The format of a file that begins with these bytes, and what to do; None where they do not tell."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[8:12] == b"DUCK":
        return "a DuckDB database"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle"
    if not head.strip(b"\0"):
        return "nothing but zero bytes at its beginning: its contents were lost by a disk, a copy or a crash"
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if text.lower().startswith(_PAGES):
        return "a web page or XML, as a download that failed leaves: download it again"
    return _of_text(text)


def _of_text(text: bytes) -> str | None:
    if len(text) < 8 or not _TEXT.issuperset(text):
        return None
    if text[:1] in b"{[":
        return "JSON"
    line = text.splitlines()[0]
    return "a text file of columns (CSV): write it anew as parquet" if b"," in line else "a text file"
