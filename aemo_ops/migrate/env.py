"""The `.env` of the program that reads the files: its paths set anew, everything else kept, secrets never shown."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aemo_ops import files
from aemo_ops.errors import StepRefused
from aemo_ops.masking import masked

_LINE = re.compile(r"(?P<head>\s*(?:export\s+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)")
FOLDER = "settings"  # in the move's backup: beside the file a repository would take its copies along
_PRIVATE = 0o700
_BEFORE = "before"
_EDITED = "edited-during-the-move"

# variable that the dashboard reads -> file or folder in the data set's base folder
NAMES = {
    "AEMO_DATA_PATH": "data",
    "DATA_DIR": "data",
    "LOGS_DIR": "logs",
    "SPOT_HIST_FILE": "data/prices5.parquet",
    "GEN_OUTPUT_FILE": "data/scada30.parquet",
    "GEN_OUTPUT_FILE_5MIN": "data/scada5.parquet",
    "GEN_INFO_FILE": "data/gen_info.pkl",
    "TRANSMISSION_OUTPUT_FILE": "data/transmission5.parquet",
    "ROOFTOP_SOLAR_FILE": "data/rooftop30.parquet",
}


def paths(base: Path) -> dict[str, str]:
    """What each variable should be when the files lie below `base`: each file named for what it is."""
    return {name: str(base / place) for name, place in NAMES.items()}


@dataclass(frozen=True)
class Change:
    """What the file is to become. `text` may hold secrets: only `shown` is for eyes."""

    path: Path
    text: str
    shown: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        return not self.shown


def change(path: Path, values: Mapping[str, str], old: Path | None = None) -> Change:
    """Set some variables: in place where they stand, else at the end. Writes nothing.

    `old`: the folder that no value should name any more; a variable of another name that does is told, not changed.

    Raises StepRefused for a link, something that is no file, or a file that cannot be read.
    """
    before, warnings = _read(path)
    lines, shown, left = [], [], dict(values)
    for line in before.splitlines():
        match = _LINE.fullmatch(line)
        name = match["name"] if match else ""
        if match is None or name not in values:
            lines.append(line)
            if match and old is not None and str(old) in match["value"]:
                warnings.append(f"{name} still names {old}: it is not one that AEMO Ops knows, so change it yourself")
            continue
        wanted = f"{match['head']}{name}={_quoted(values[name])}"
        if name in left:
            del left[name]
            lines.append(wanted)
            if wanted != line:
                shown += [f"- {line}", f"+ {wanted}"]
        else:
            shown.append(f"- {line}")  # a second one would win over the first
    for name, value in left.items():
        lines.append(f"{name}={_quoted(value)}")
        shown.append(f"+ {lines[-1]}")
    return Change(path, "".join(f"{line}\n" for line in lines), tuple(map(masked, shown)), tuple(warnings))


def write(wanted: Change, backup: Path) -> Path | None:
    """Write it, readable by this user only; the file as it was before is kept in the move's backup, where there was one."""
    kept = None
    if wanted.path.exists():
        kept = _copy(wanted.path, backup, _BEFORE)
        with files.explained(kept):
            kept.parent.mkdir(_PRIVATE, exist_ok=True)
        content = wanted.path.read_bytes()
        if not kept.exists():
            _published(kept, content)
    _published(wanted.path, wanted.text.encode())
    return kept


def restore(path: Path, backup: Path) -> bool:
    """Bring back the file as it was before the first `write`; whether there was one to bring back.

    What stands there now is kept in the backup, under another name, where somebody edited it since.
    """
    kept = _copy(path, backup, _BEFORE)
    if not kept.exists():
        return False
    if path.exists() and _others(path.read_text()) != _others(kept.read_text()):
        _published(_copy(path, backup, _EDITED), path.read_bytes())
    _published(path, kept.read_bytes())
    kept.unlink()
    with suppress(OSError):  # there is more in it
        kept.parent.rmdir()
    return True


def _copy(path: Path, backup: Path, what: str) -> Path:
    """Two files of settings may both be called `.env`: its folder's name, and which of that name, stand before it."""
    told = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return backup / FOLDER / f"{path.parent.name}-{told}{path.name}.{what}"


def _others(text: str) -> list[str]:
    """The lines that `write` never touches."""
    matches = ((line, _LINE.fullmatch(line)) for line in text.splitlines())
    return [line for line, match in matches if match is None or match["name"] not in NAMES]


def set_aside(path: Path, backup: Path) -> None:
    """What an earlier switch kept makes way, under a name of its own: it is not what the file was before this one."""
    kept = _copy(path, backup, _BEFORE)
    if kept.exists():
        number = 1 + sum(1 for one in kept.parent.iterdir() if one.name.startswith(f"{kept.name}-"))
        kept.rename(kept.with_name(f"{kept.name}-{number}"))


def _read(path: Path) -> tuple[str, list[str]]:
    if path.is_symlink():
        raise StepRefused(f"{path} is a link; put the file itself there, then go on.")
    if not path.exists():
        return "", []
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise StepRefused(f"{path} is no file.")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise StepRefused(f"{path} cannot be read ({type(error).__name__}); nothing was changed.") from error
    open_to_others = status.st_mode & 0o077
    return text, [f"{path} can be read by other users; it will be for this user only"] if open_to_others else []


def _published(path: Path, content: bytes) -> None:
    files.publish(path, lambda sink: sink.write(content), private=True)


def _quoted(value: str) -> str:
    """As python-dotenv reads it: between single quotes nothing but a quote and a backslash means anything."""
    if re.fullmatch(r"[\w./@%+,:=-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
