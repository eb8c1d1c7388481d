"""What is generated from the contracts is committed, up to date, and never replaced by something incompatible."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from contracts.flow import Flow, load_flow
from infra.contracts.diagram import END, START, with_diagram
from infra.contracts.generated import WouldBreakConsumers, drifted, generated_files, write
from infra.contracts.openapi import intake_openapi
from tests.contract.source import ROOT, shown, told


@pytest.fixture(scope="module")
def flow() -> Flow:
    return load_flow()


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return intake_openapi()


def test_generated_files_are_up_to_date(flow: Flow, openapi: dict[str, Any]) -> None:
    stale = [shown(path) for path in drifted(ROOT, generated_files(ROOT, flow, openapi))]

    assert not stale, told(stale, "Run `python -m infra.contracts` and commit what it writes.")


def test_writing_brings_everything_up_to_date(tmp_path: Path, flow: Flow, openapi: dict[str, Any]) -> None:
    (tmp_path / "README.md").write_text("# A project\n", encoding="utf-8")
    left_over = tmp_path / "contracts/schemas/ticket-lost.v1.schema.json"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("{}", encoding="utf-8")

    touched = write(tmp_path, generated_files(tmp_path, flow, openapi))

    assert left_over in touched
    assert not left_over.exists()
    assert len(touched) == 1 + len(flow.topics) + len(flow.services) + 2  # OpenAPI and the README.
    assert drifted(tmp_path, generated_files(tmp_path, flow, openapi)) == []


def test_a_changed_file_has_drifted(tmp_path: Path, flow: Flow, openapi: dict[str, Any]) -> None:
    files = generated_files(tmp_path, flow, openapi)
    write(tmp_path, files)
    changed = tmp_path / "contracts/asyncapi/intake.yaml"
    changed.write_text("asyncapi: 2.6.0\n", encoding="utf-8")

    assert drifted(tmp_path, files) == [changed]


def test_a_schema_is_not_replaced_by_an_incompatible_one(tmp_path: Path, flow: Flow, openapi: dict[str, Any]) -> None:
    files = generated_files(tmp_path, flow, openapi)
    write(tmp_path, files)
    path = tmp_path / "contracts/schemas/ticket-received.v1.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["properties"]["brand"] = {"type": "string"}
    path.write_text(json.dumps(schema), encoding="utf-8")

    with pytest.raises(WouldBreakConsumers, match="brand: the field was removed or renamed"):
        write(tmp_path, files)

    assert json.loads(path.read_text(encoding="utf-8")) == schema


def test_schemas_are_schemas(flow: Flow) -> None:
    for topic in flow.topics:
        schema = json.loads((ROOT / "contracts/schemas" / topic.schema_file).read_text(encoding="utf-8"))

        Draft202012Validator.check_schema(schema)
        assert schema["title"] == topic.event


def test_asyncapi_documents_name_group_and_schema(flow: Flow) -> None:
    for service in flow.services:
        document = yaml.safe_load((ROOT / f"contracts/asyncapi/{service}.yaml").read_text(encoding="utf-8"))
        receiving = [entry for entry in document["operations"].values() if entry["action"] == "receive"]

        assert len(receiving) == len(flow.consumed_by(service))
        assert all(entry["bindings"]["kafka"]["groupId"]["enum"] == [service] for entry in receiving)
        for message in document["components"]["messages"].values():
            assert (ROOT / "contracts/asyncapi" / message["payload"]["$ref"]).exists()


def test_the_diagram_replaces_the_one_before(flow: Flow) -> None:
    readme = f"# Title\n\n{START}\nan old drawing\n{END}\n\nMore.\n"

    drawn = with_diagram(readme, flow)

    assert "an old drawing" not in drawn
    assert drawn.startswith("# Title\n")
    assert drawn.endswith("\n\nMore.\n")
    assert "intake -->|ticket-received| classification" in drawn
    assert with_diagram(drawn, flow) == drawn
