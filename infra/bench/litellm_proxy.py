"""The peer of the gateway: the LiteLLM proxy, in an environment of its own, since it pins what we need otherwise.

infra/locks/litellm.txt was made by `uv pip compile --generate-hashes --no-emit-index-url --no-header --no-annotate
--python-version 3.11` from the one line `litellm[proxy]==1.106.2`. The environment is made below `HANDRAIL_CACHE` at
the first bench and takes about 600 MB.
"""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.bench.problems import BenchFailed

LOCK = Path(__file__).parent.parent / "locks" / "litellm.txt"
INSTALL_SECONDS_MAX = 900

CONFIGURATION = """\
model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench, api_base: "{upstream}", api_key: none}}
"""


@dataclass(frozen=True)
class Proxy:
    """How the proxy is run and reached. It refuses to start without a key, as it should."""

    command: list[str]
    environment: Mapping[str, str]
    base_url: str
    api_key: str


def environment_folder(environ: Mapping[str, str]) -> Path:
    """Where the proxy's environment is kept: a new lock file gets a new one."""
    root = Path(environ.get("HANDRAIL_CACHE") or "~/.cache/handrail").expanduser().resolve()
    return root / f"litellm-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def installed(environ: Mapping[str, str], report: Callable[[str], None]) -> Path:
    """The folder of the environment, made where it is not there yet.

    Raises:
        BenchFailed: it could not be made, as without a network.
    """
    folder = environment_folder(environ)
    if (folder / "bin" / "litellm").exists() and (folder / ".complete").exists():
        return folder
    report(f"installing the LiteLLM proxy into {folder} (once; some minutes)")
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}")
    if uv is None:
        raise BenchFailed("the LiteLLM proxy cannot be installed without uv")
    python = str(folder / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(LOCK)],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
        except (OSError, subprocess.SubprocessError) as error:
            told = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            raise BenchFailed(f"the LiteLLM proxy could not be installed: {told[-1] if told else error}") from error
    (folder / ".complete").touch()
    return folder


def proxy(environ: Mapping[str, str], folder: Path, port: int, upstream: str, report: Callable[[str], None]) -> Proxy:
    """The proxy with one worker and nothing switched on: no database, no callbacks, no limits.

    Args:
        folder: gets its configuration.
        upstream: base URL of the model.

    Raises:
        BenchFailed: it cannot be installed.
    """
    binary = installed(environ, report) / "bin" / "litellm"
    configuration, key = folder / "litellm.yaml", f"sk-{secrets.token_hex(16)}"
    configuration.write_text(CONFIGURATION.format(upstream=upstream))
    command = [str(binary), "--config", str(configuration), "--host", "127.0.0.1", "--port", str(port)]
    own = {
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # Else it fetches prices from the network at its start.
        "LITELLM_LOG": "ERROR",
        "NO_COLOR": "1",
    }
    return Proxy(command, own, f"http://127.0.0.1:{port}/v1", key)
