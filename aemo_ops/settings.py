"""Settings: read once from the environment and `.env`, checked, handed down. A value remembers where it came from."""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import platformdirs

from aemo_ops import envfile
from aemo_ops.errors import SettingsError
from aemo_ops.masking import masked

log = logging.getLogger(__name__)

NEMWEB = "https://www.nemweb.com.au"
DEFAULT_DATASETS = ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
# An address in which nothing can be a secret: no user name, no query, and after a colon only a port.
_SHOWABLE = re.compile(r"(?:\w+://)?[^@?#:]*(?::\d+)?(?:/[^@?#:]*)?")
# Read by the tests and by failpoints, not settings of the program.
_FOREIGN = ("AEMO_OPS_REAL_FILES", "AEMO_OPS_FAILPOINTS", "AEMO_OPS_CHROMIUM", "AEMO_OPS_SOAK")


def folder(text: str) -> Path:
    """A path as a person writes it, made absolute; "~" is their home. Raises ValueError for what is another thing."""
    if _CONTROL.search(text):
        raise ValueError("there is a line break or another control character in it")
    if text != text.strip():
        raise ValueError("it begins or ends with a space")
    if text[:1] in ("'", '"'):
        raise ValueError("its quotes are part of it")
    if _SCHEME.match(text):
        raise ValueError("it is an address, not a path of this computer")
    if text.startswith("$"):
        raise ValueError("its variable was not filled in")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no such user") from error


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise ValueError("not a number, which is written without its unit")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1e6:
        raise ValueError("not a number above 0 and below a million")
    return value


def _hour(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 24:
        raise ValueError("not an hour from 0 to below 24")
    return value


def _address(text: str) -> str:
    """The site's root: every listing is asked for below it, and names its files from there."""
    try:
        parts = urlsplit(text)
        is_site = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # whose words would repeat what may be a password
        is_site = False
    if not is_site or _BLANK.search(text):
        raise ValueError("not an http(s) address")
    if "@" in text:
        raise ValueError("not an address without a user name and password")
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise ValueError("not the address of the site alone: nothing may follow its name and port")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError("no name in it")
    return names


def _port(text: str) -> int:
    value = _number(text)
    if not value.is_integer() or not 0 < value < 65536:
        raise ValueError("not a port, which is a whole number from 1 to 65535")
    return int(value)


# variable -> (field, how to read it, what it should be)
_VARIABLES: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "AEMO_OPS_HOME": ("home", folder, "a folder on a local disk for the program's own state"),
    "AEMO_DATA_PATH": ("data_path", folder, "the folder of the parquet files"),
    "NEMWEB_URL": ("nemweb_url", _address, "an address such as https://www.nemweb.com.au"),
    "UPDATE_INTERVAL_MINUTES": ("update_minutes", _positive, "minutes between two cycles, such as 4.5"),
    "GEN_INFO_FILE": ("gen_info_file", folder, "the path of gen_info.pkl"),
    "AEMO_OPS_CLOCK": ("clock_file", folder, "the path of a clock file"),
    "AEMO_OPS_PORT": ("port", _port, "a port number such as 5010"),
    "AEMO_DATASETS": ("datasets", _names, "names of datasets, parted by commas"),
    "AEMO_LATE_CADENCES": ("late_cadences", _positive, "cadences after the due time until a file counts as late"),
    "AEMO_STALE_CADENCES": ("stale_cadences", _positive, "cadences after the due time until a file counts as stale"),
    "AEMO_REQUEST_GAP_SECONDS": ("request_gap", _positive, "seconds between the starts of two requests"),
    "AEMO_HEAL_HOUR": (
        "heal_hour",
        _hour,
        "hour of the day, NEM time, at which gaps are filled by itself, such as 4.6",
    ),
    "AEMO_OPS_MOVE_FROM": ("move_from", folder, "the folder that a move suggests as its source"),
    "AEMO_OPS_MOVE_TO": ("move_to", folder, "the folder that a move suggests as its target"),
    "AEMO_CATCHUP_GAP_SECONDS": ("catchup_gap", _positive, "seconds between two requests of the catch-up"),
}


def _default_home() -> Path:
    return Path(platformdirs.user_data_dir("aemo-ops", appauthor=False))


@dataclass(frozen=True)
class _Told:
    """What somebody set a variable to, and where; `line` of a file, counted from 1."""

    text: str
    origin: str
    line: int | None = None

    def read(self, name: str) -> Any:
        """Raises SettingsError. An address that may hold a secret is not repeated."""
        _, read, meaning = _VARIABLES[name]
        try:
            return read(self.text)
        except ValueError as error:
            where = f"{self.origin}, line {self.line}" if self.line else self.origin
            shown = repr(self.text) if read is not _address or _SHOWABLE.fullmatch(self.text) else "..."
            raise SettingsError(f"{name}={shown} (from {where}): {error}. It should be {meaning}.") from None


@dataclass(frozen=True)
class Settings:
    """Every effective value. `origins`: variable -> where its value came from ("environment", a path, or "default")."""

    home: Path = field(default_factory=_default_home)
    data_path: Path = Path()
    nemweb_url: str = NEMWEB
    update_minutes: float = 4.5
    gen_info_file: Path | None = None
    clock_file: Path | None = None
    port: int = 5010
    datasets: tuple[str, ...] = DEFAULT_DATASETS
    late_cadences: float = 1.0
    stale_cadences: float = 3.0
    request_gap: float = 0.2
    catchup_gap: float = 2.0
    heal_hour: float = 4.6
    move_from: Path | None = None
    move_to: Path = field(default_factory=lambda: Path.home() / "aemo_production")
    origins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Self:
        """Environment first, then `.env` in AEMO_OPS_HOME, then `.env` in `folder` (the current one).

        Raises SettingsError for an unknown AEMO_* key in a `.env` or a value that cannot be read; an unknown key in the
        environment only earns a warning.
        """
        environment = os.environ if environment is None else environment
        for name in environment:
            if name.startswith("AEMO_") and name not in _VARIABLES and name not in _FOREIGN:
                log.warning("the environment variable %s is no setting of AEMO Ops; it is ignored", name)
        told = {
            name: _Told(value, "environment") for name, value in environment.items() if name in _VARIABLES and value
        }
        home = told["AEMO_OPS_HOME"].read("AEMO_OPS_HOME") if "AEMO_OPS_HOME" in told else _default_home()
        for path in dict.fromkeys((home / ".env", (folder or Path.cwd()) / ".env")):
            for name, value in _dotenv(path).items():
                told.setdefault(name, _Told(value.text, str(path), value.line))
        values = {_VARIABLES[name][0]: one.read(name) for name, one in told.items()}
        values.setdefault("data_path", Path(values.get("home", home)) / "data")
        origins = {name: told[name].origin if name in told else "default" for name in _VARIABLES}
        return cls(**values, origins=origins)

    def effective(self) -> list[tuple[str, str, str]]:
        """(variable, value, where it came from) for every setting, for people to read."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        return [
            (name, _shown(known[entry[0]]), self.origins.get(name, "default")) for name, entry in _VARIABLES.items()
        ]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return masked(", ".join(value) if isinstance(value, tuple) else str(value))


def _dotenv(path: Path) -> dict[str, envfile.Value]:
    paths = [name for name, (_, read, _) in _VARIABLES.items() if read is folder]
    found = envfile.read(path, _VARIABLES, paths)
    unknown = [name for name in found if name.startswith("AEMO_") and name not in _VARIABLES and name not in _FOREIGN]
    if unknown:
        raise SettingsError(
            f"{path} sets {', '.join(sorted(unknown))}, which AEMO Ops does not know. "
            f"Known are: {', '.join(_VARIABLES)}. Correct the spelling or remove the line."
        )
    return {name: value for name, value in found.items() if name in _VARIABLES}
