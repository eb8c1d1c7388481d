"""What a stack remembers in stack.json: ports for the next start, and for others how to reach what runs."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Record:
    """The content of stack.json. It holds passwords in `environment`, so the file is for its owner alone."""

    broker: str = ""
    notice: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Record":
        """The record in a file; an empty one when there is none or it cannot be understood."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replaces the file in one step.

        Raises:
            OSError: it cannot be written.
        """
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(self), file, indent=2)
        draft.replace(path)
