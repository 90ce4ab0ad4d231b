"""What another program prints, when it is asked something."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from aemo_ops.errors import StepRefused
from aemo_ops.masking import masked, masked_command

_SECONDS = 10


def said(command: Sequence[str], fine: str = "\0") -> str:
    """What a command prints. Raises StepRefused where it is missing, fails, or does not end; `fine` in its complaint excuses it."""
    line = masked_command(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepRefused(f"`{line}` could not be asked: {error}") from error
    if done.returncode != 0 and fine not in done.stderr:
        told = masked(" ".join(f"{done.stdout} {done.stderr}".split()))[:300]  # a part of a secret has no form any more
        raise StepRefused(f"`{line}` ended with {done.returncode}: {told or 'it said nothing'}")
    return done.stdout
