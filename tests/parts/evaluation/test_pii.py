"""`handrail eval pii` on a file, by the code that intake uses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.evaluation.pii import evaluate
from infra.evaluation.result import quiet

ROWS = [
    {"text": "Write to ann@mail.example or 192.0.2.10", "spans": [[9, 25, "EMAIL_ADDRESS"], [29, 39, "IP_ADDRESS"]]},
    {"text": "Best regards\nUlrike Zimmermann", "spans": [[13, 30, "PERSON"]]},
    {"text": "nothing to see", "spans": []},
]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path


def test_every_type_is_told_by_the_name_that_the_set_has_for_it(labelled: Path) -> None:
    figures = evaluate(labelled, quiet).figures

    assert (figures["precision"], figures["recall"], figures["f2"]) == (1.0, 1.0, 1.0)
    assert set(figures["per_type"]) == {"EMAIL_ADDRESS", "IP_ADDRESS", "PERSON"}
    assert figures["per_type"]["PERSON"] == {"precision": 1.0, "recall": 1.0, "f2": 1.0, "count": 1}


def test_the_command_prints_one_object(labelled: Path) -> None:
    result = CliRunner().invoke(app, ["eval", "pii", "--data", str(labelled), "--json"])

    assert result.exit_code == 0
    assert {"precision", "recall", "f2", "per_type"} <= set(json.loads(result.stdout.splitlines()[-1]))


def test_bad_rows_are_named_and_no_traceback_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "Ann", "spans": [[0, 9, "PERSON"]]}\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["eval", "pii", "--data", str(path), "--json"])

    assert result.exit_code != 0
    assert "row 1" in result.output
    assert "Traceback" not in result.output
