"""How results are printed: one JSON document, or a plain table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aemo_ops.clock import stamp

GOOD, ATTENTION, ERROR = 0, 1, 2


def document(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=2, default=_plain))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    print("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip())
    for row, values in zip(cells, rows, strict=True):
        print(
            "  ".join(
                cell.rjust(width) if isinstance(value, int | float) else cell.ljust(width)
                for cell, value, width in zip(row, values, widths, strict=True)
            ).rstrip()
        )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return stamp(value)
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _plain(value: object) -> str:
    return stamp(value) if isinstance(value, datetime) else str(value)
