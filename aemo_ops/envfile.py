"""A `.env` file as python-dotenv reads it, and where that is not what stands in it.

An unquoted value ends at " #", a variable that is not set becomes nothing, and a line that cannot be understood is passed
over: for a path each of these means another place than was written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from aemo_ops.errors import SettingsError

_CUT = re.compile(r"\s#")
_VARIABLE = re.compile(r"\$\{([^}:]+)\}")
_NAME = re.compile(r"\s*(?:export\s+)?(\w+)")
_ADVICE = "Write the whole value between single quotes, and a comment in a line of its own."


@dataclass(frozen=True)
class Value:
    """A value, and the line in which it stands."""

    text: str
    line: int


def read(path: Path, names: Collection[str], paths: Collection[str]) -> dict[str, Value]:
    """Every value of a `.env` file that is not empty; none where there is no such file.

    Raises SettingsError for a file that cannot be read, a line that says one of `names` and cannot be understood, a variable
    in their values that is not set, and a value of `paths` that is cut off.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); make it readable or remove it.") from error
    values = dotenv_values(stream=StringIO(text))
    found = {}
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        for reason in _reasons(binding, names, paths, values):
            raise SettingsError(f"{path}, line {line}: {reason}")
        if binding.key and values.get(binding.key):
            found[binding.key] = Value(values[binding.key] or "", line)
    return found


def _reasons(
    binding: Binding, names: Collection[str], paths: Collection[str], values: Collection[str]
) -> Iterator[str]:
    """Why a line does not say what it seems to."""
    said = _NAME.match(binding.original.string)
    name = said[1] if said else ""
    if name not in names:
        return
    if binding.error or binding.value is None:
        yield f"{name} is there, but the line is not NAME=value, or a quote is not closed. {_ADVICE}"
        return
    unset = [one for one in _VARIABLE.findall(binding.value) if one not in os.environ and one not in values]
    if unset:
        yield f"{name} uses ${{{unset[0]}}}, which is not set. Set it, or write its value."
    written = binding.original.string.partition("=")[2].strip()
    if name in paths and written[:1] not in ("'", '"') and _CUT.search(written) and binding.value:
        yield f'{name} would be cut off at " #" and mean {binding.value}. {_ADVICE}'
