"""What a step must know again after it was killed in the middle: a small file for this user only, replaced as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aemo_ops import files
from aemo_ops.errors import StoreCorrupt

NOTE = "switch.json"  # of the switch, in the move's backup folder


class Note:
    """Facts under names, as JSON. Raises StoreCorrupt where the file is there and cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Everything; empty where nothing was written down."""
        try:
            return dict(json.loads(self.path.read_text()))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError) as error:
            raise StoreCorrupt(
                f"{self.path} cannot be read ({error}); it says how far the move is. No data was touched. "
                "Bring it back from a backup, then go on."
            ) from error

    def write(self, **facts: Any) -> None:
        """Write down some facts more, or anew; on the disk when this returns."""
        text = json.dumps(self.read() | facts, indent=1).encode()
        files.publish(self.path, lambda sink: sink.write(text), private=True)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """What it says is over, and stays to be read under another name."""
        with files.explained(path):
            self.path.replace(path)
            files.flush_folder(path.parent)
