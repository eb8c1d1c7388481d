"""The opt-in local model says what is missing."""

import sys
from pathlib import Path

import pytest

from infra.local_model import LocalModelMissing, serve


def test_weights_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04")

    for weights in (path, tmp_path / "none.gguf"):
        with pytest.raises(LocalModelMissing, match="GGUF"):
            serve(weights, port=0, threads=1, context_tokens=512)


def test_a_missing_runtime_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(LocalModelMissing, match="xllamacpp"):
        serve(path, port=0, threads=1, context_tokens=512)
