"""Settings: read once from the environment and `.env`, checked, handed down. A value remembers where it came from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import platformdirs
from dotenv import dotenv_values

from aemo_ops.errors import SettingsError
from aemo_ops.masking import masked

log = logging.getLogger(__name__)

NEMWEB = "https://www.nemweb.com.au"
DEFAULT_DATASETS = ("prices5", "scada5", "transmission5", "prices30", "scada30", "transmission30", "rooftop30")
# Read by the tests and by failpoints, not settings of the program.
_FOREIGN = ("AEMO_OPS_REAL_FILES", "AEMO_OPS_FAILPOINTS", "AEMO_OPS_CHROMIUM", "AEMO_OPS_SOAK")


def folder(text: str) -> Path:
    """A path as a person writes it, made absolute; "~" is their home."""
    return Path(text).expanduser().absolute()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError("not a number above 0")
    return value


def _hour(text: str) -> float:
    value = float(text)
    if not 0 <= value < 24:
        raise ValueError("not an hour from 0 to 24")
    return value


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("not an http(s) address without a user name")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError("no name in it")
    return names


def _port(text: str) -> int:
    value = int(text)
    if not 0 < value < 65536:
        raise ValueError("not a port")
    return value


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
        told = {name: (value, "environment") for name, value in environment.items() if name in _VARIABLES and value}
        home = cls._value("AEMO_OPS_HOME", *told["AEMO_OPS_HOME"]) if "AEMO_OPS_HOME" in told else _default_home()
        for path in dict.fromkeys((home / ".env", (folder or Path.cwd()) / ".env")):
            for name, value in _dotenv(path).items():
                told.setdefault(name, (value, str(path)))
        values = {_VARIABLES[name][0]: cls._value(name, *entry) for name, entry in told.items()}
        values.setdefault("data_path", Path(values.get("home", home)) / "data")
        origins = {name: told[name][1] if name in told else "default" for name in _VARIABLES}
        return cls(**values, origins=origins)

    @staticmethod
    def _value(name: str, text: str, origin: str) -> Any:
        _, read, meaning = _VARIABLES[name]
        try:
            return read(text)
        except ValueError as error:
            raise SettingsError(f"{name}={text!r} (from {origin}): {error}. It should be {meaning}.") from error

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


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        found = {name: value for name, value in dotenv_values(path).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}); make it readable or remove it.") from error
    unknown = [name for name in found if name.startswith("AEMO_") and name not in _VARIABLES and name not in _FOREIGN]
    if unknown:
        raise SettingsError(
            f"{path} sets {', '.join(sorted(unknown))}, which AEMO Ops does not know. "
            f"Known are: {', '.join(_VARIABLES)}. Correct the spelling or remove the line."
        )
    return {name: value for name, value in found.items() if name in _VARIABLES}
