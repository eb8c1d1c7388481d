"""Serves a small model on this machine behind an OpenAI-compatible address, for a tier of the gateway.

`python -m infra.local_model WEIGHTS.gguf [--port 8700] [--threads 1] [--context 8192]`

Opt-in: it needs `pip install xllamacpp` (llama.cpp, MIT) and weights of your choice in the GGUF format; Handrail ships
neither. Measure before you switch it on: `handrail eval answers --policy cascade` beside `--policy extractive`. Models
of one to two billion parameters were wrong in two of five grounded answers, so that no tier asks one by default.
"""

import argparse
import importlib
import signal
import sys
from pathlib import Path
from typing import Any


class LocalModelMissing(Exception):
    """The runtime or the weights are not there; the text says how to get them."""


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
        raise LocalModelMissing("The runtime is missing: pip install xllamacpp.") from error
    parameters = runtime.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx, parameters.n_parallel, parameters.port = context_tokens, 1, port
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return runtime.Server(parameters)


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--port", type=int, default=8700)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=8192)
    asked = parser.parse_args()
    # Blocked first, so that no thread of the runtime takes the signal instead.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        server = serve(asked.weights, port=asked.port, threads=asked.threads, context_tokens=asked.context)
    except LocalModelMissing as missing:
        sys.exit(str(missing))
    print(f"base_url: {server.listening_address}/v1", flush=True)  # noqa: T201
    signal.sigwait(signals)


if __name__ == "__main__":
    main()
