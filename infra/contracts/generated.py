"""Everything that is generated from the contracts and committed: which files, and whether they have drifted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contracts.flow import Flow
from infra.contracts.asyncapi import asyncapi
from infra.contracts.compatibility import breaking_changes
from infra.contracts.diagram import with_diagram
from infra.contracts.schemas import json_schema

SCHEMAS, ASYNCAPI, OPENAPI = "contracts/schemas", "contracts/asyncapi", "contracts/openapi"


class WouldBreakConsumers(Exception):
    """A committed schema may not be replaced by one that its consumers or old messages do not fit."""


def generated_files(root: Path, flow: Flow, openapi: Mapping[str, Any]) -> dict[Path, str]:
    """Each generated file with the text it should have. The README counts where there is one."""
    files = {root / SCHEMAS / topic.schema_file: _json(json_schema(topic)) for topic in flow.topics}
    files |= {root / ASYNCAPI / f"{service}.yaml": _yaml(asyncapi(flow, service)) for service in flow.services}
    files[root / OPENAPI / "intake.json"] = _json(openapi)
    readme = root / "README.md"
    if readme.exists():
        files[readme] = with_diagram(readme.read_text(encoding="utf-8"), flow)
    return files


def drifted(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """The files that are missing, differ, or are left over from a topic or service that is gone."""
    differing = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return sorted([*differing, *_left_over(root, files)])


def write(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Brings the files up to date and removes those left over; returns what was touched.

    Raises:
        WouldBreakConsumers: a schema would change incompatibly. Nothing was written.
    """
    refuse_breaking(files)
    touched = drifted(root, files)
    for path in touched:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
    return touched


def refuse_breaking(files: Mapping[Path, str]) -> None:
    """Raises WouldBreakConsumers where a schema would change in more than optional additions."""
    for path, text in files.items():
        if path.match(f"{SCHEMAS}/*.json") and path.exists():
            found = breaking_changes(json.loads(path.read_text(encoding="utf-8")), json.loads(text))
            if found:
                raise WouldBreakConsumers(advice(path.name, found))


def advice(name: str, found: list[str]) -> str:
    """What is wrong with a changed schema, and the way out."""
    listed = "\n".join(f"  - {change}" for change in found)
    return (
        f"{name} would change so that messages in the topic or their readers no longer fit:\n{listed}\n"
        "Within a version, add optional fields only. Otherwise leave this event as it is, and add a V2 event on a "
        "v2 topic\nin contracts/events/ and contracts/flow.yaml; send both until no consumer reads the first.\n"
        "(A schema that was never on main may be deleted and generated anew.)"
    )


def _left_over(root: Path, files: Mapping[Path, str]) -> list[Path]:
    folders = (root / SCHEMAS, root / ASYNCAPI, root / OPENAPI)
    return [path for folder in folders if folder.exists() for path in folder.iterdir() if path not in files]


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _PlainDumper(yaml.SafeDumper):
    """YAML without anchors, which readers of AsyncAPI need not know."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(document: Mapping[str, Any]) -> str:
    text = yaml.dump(document, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# Generated from contracts/flow.yaml by `python -m infra.contracts`.\n{text}"
