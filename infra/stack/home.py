"""The folder that holds everything the stack keeps: data, logs, run files and secrets."""

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from infra.stack.problems import StackProblem

UNUSABLE_IN_PATHS = re.compile(r"""[%;#:,"'\\\n]""")
FREE_BYTES_MIN = 300 * 1024 * 1024


@dataclass(frozen=True)
class Home:
    """Paths below `HANDRAIL_HOME`; `prepare` makes them."""

    path: Path

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Home":
        """The home named by `HANDRAIL_HOME`, by default `./var`."""
        return cls(Path(environ.get("HANDRAIL_HOME") or "var").resolve())

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def secrets_file(self) -> Path:
        return self.path / "secrets.env"

    @property
    def tenants_file(self) -> Path:
        return self.path / "tenants.yaml"

    @property
    def record_file(self) -> Path:
        return self.run / "stack.json"

    def log(self, name: str) -> Path:
        """The log file of one process of the stack."""
        return self.logs / f"{name}.log"

    def prepare(self) -> None:
        """Makes the folders.

        Raises:
            StackProblem: too little room on the disk, not permitted to write there, or a path that cannot be used.
        """
        unusable = UNUSABLE_IN_PATHS.search(str(self.path))
        if unusable:
            raise StackProblem(
                f"The path {self.path} contains '{unusable.group()}', which the servers' configuration files cannot "
                "hold: set HANDRAIL_HOME to another folder."
            )
        try:
            for folder in (self.path, self.data, self.logs, self.run):
                folder.mkdir(parents=True, exist_ok=True)
            self.run.chmod(0o700)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise StackProblem(
                f"The folder {self.path} cannot be written ({error.strerror}): "
                "set HANDRAIL_HOME to a folder of yours, or change its owner."
            ) from error
        if free < FREE_BYTES_MIN:
            raise StackProblem(
                f"The disk of {self.path} has only {free // 2**20} MB left, and the stack needs "
                f"{FREE_BYTES_MIN // 2**20} MB to start: make room, or set HANDRAIL_HOME to another disk."
            )

    def secrets(self) -> dict[str, str]:
        """The stack's own secrets, made once and kept in a file that only its owner can read.

        Raises:
            OSError: the file cannot be read or written.
        """
        kept = self._read_secrets()
        fresh = {name: value for name, value in _fresh_secrets().items() if name not in kept}
        if fresh:
            kept |= fresh
            draft = self.secrets_file.with_suffix(".new")
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.writelines(f"{name}={value}\n" for name, value in kept.items())
            draft.replace(self.secrets_file)
        return kept

    def _read_secrets(self) -> dict[str, str]:
        if not self.secrets_file.exists():
            return {}
        lines = self.secrets_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _fresh_secrets() -> dict[str, str]:
    return {
        "HANDRAIL_SECRET_KEY": secrets.token_urlsafe(48),
        "HANDRAIL_VAULT_KEY": Fernet.generate_key().decode(),
        "HANDRAIL_DATABASE_PASSWORD": secrets.token_hex(16),
        "HANDRAIL_POSTGRES_PASSWORD": secrets.token_hex(16),
        "HANDRAIL_REDIS_PASSWORD": secrets.token_hex(16),
    }
