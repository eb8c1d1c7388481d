"""Reads a vertical pack from its folder of YAML files."""

import hashlib
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from contracts.pack import Pack

FILE_BYTES_MAX = 5_000_000


class PackInvalid(Exception):
    """The pack cannot be used; the text says which file is wrong, where, and how."""


def load_pack(folder: Path) -> Pack:
    """The pack in `folder`.

    `pack.yaml` holds the pack's own fields; `intents.yaml`, `flags.yaml` and `out_of_scope.yaml` may be missing.
    `flags_file` in `pack.yaml` names another flags file, relative to the folder, so that packs can share one.

    Raises:
        PackInvalid: a file is missing, too large, not YAML, or breaks the format.
    """
    fields = _mapping(folder / "pack.yaml", _read(folder / "pack.yaml"))
    flags_path = folder / str(fields.pop("flags_file", "flags.yaml"))
    flags = _mapping(flags_path, _read_optional(flags_path, {}))
    fields["flags"] = flags.get("flags", {})
    fields["ordinary"] = flags.get("none", [])
    fields["intents"] = _listed(folder / "intents.yaml", "intents")
    fields["out_of_scope"] = _listed(folder / "out_of_scope.yaml", "out_of_scope")
    try:
        return Pack.model_validate(_with_examples(fields))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "pack"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise PackInvalid(f"the pack in {folder} is invalid at {place}: {first['msg']}{more}") from error


def training_hash(pack: Pack) -> str:
    """Twelve hexadecimal digits that change with anything in the pack that a model is trained on."""
    trained_on = pack.model_dump_json(include={"languages", "intents", "flags", "ordinary", "out_of_scope"})
    return hashlib.sha256(trained_on.encode()).hexdigest()[:12]


def _read(path: Path) -> Any:
    if not path.is_file():
        raise PackInvalid(f"{path} is missing")
    if path.stat().st_size > FILE_BYTES_MAX:
        raise PackInvalid(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_SafeLoader)  # noqa: S506
    except UnicodeDecodeError as error:
        raise PackInvalid(f"{path} is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise PackInvalid(f"{path} is not YAML{place}: {getattr(error, 'problem', None) or error}") from error


# The parser in C reads the same language several times faster, where PyYAML was built with it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read_optional(path: Path, absent: Any) -> Any:
    if not path.exists():
        return absent
    content = _read(path)
    return absent if content is None else content


def _mapping(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise PackInvalid(f"{path} must hold a mapping")
    return content


def _listed(path: Path, key: str) -> list[Any]:
    """The list in the file, which may stand under `key` or alone."""
    content = _read_optional(path, [])
    if isinstance(content, dict):
        content = content.get(key, [])
    if not isinstance(content, list):
        raise PackInvalid(f"{path} must hold a list under the key `{key}`")
    return content


def _with_examples(fields: dict[str, Any]) -> dict[str, Any]:
    """Examples may be written as plain texts; in the pack each is a mapping."""
    for intent in fields["intents"]:
        if isinstance(intent, dict) and isinstance(intent.get("examples"), list):
            intent["examples"] = [_example(example) for example in intent["examples"]]
    fields["out_of_scope"] = [_example(example) for example in fields["out_of_scope"]]
    return fields


def _example(example: Any) -> Any:
    return {"text": example} if isinstance(example, str) else example
