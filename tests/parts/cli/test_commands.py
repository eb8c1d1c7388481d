"""Commands end with a sentence and an exit code, never with a traceback."""

import json
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import export, main, tenant
from infra.cli.stack import plain_problems
from infra.stack.problems import StackProblem
from infra.stack.record import Record
from shared.tenants import load_tenants

RUN = CliRunner()
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with a database that is not there."""
    monkeypatch.setenv("HANDRAIL_HOME", str(tmp_path))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", NOWHERE)
    monkeypatch.delenv("HANDRAIL_TENANTS_FILE", raising=False)
    return tmp_path


class TestProblems:
    def command(self, error: Exception, as_json: bool) -> typer.Typer:
        app = typer.Typer()

        @app.command()
        def fail() -> None:
            with plain_problems(as_json):
                raise error

        return app

    def test_a_problem_is_a_sentence_for_people(self) -> None:
        result = RUN.invoke(self.command(StackProblem("Java is missing."), as_json=False))

        assert (result.exit_code, result.stderr.strip(), result.stdout) == (1, "Java is missing.", "")

    def test_and_an_object_for_machines(self) -> None:
        result = RUN.invoke(self.command(StackProblem("Java is missing."), as_json=True))

        assert result.exit_code == 1
        assert json.loads(result.stdout.splitlines()[-1]) == {"ok": False, "error": "Java is missing."}

    def test_a_refusal_of_the_system_names_the_file(self) -> None:
        error = PermissionError(13, "Permission denied", "/somewhere/tenants.yaml")
        result = RUN.invoke(self.command(error, as_json=False))

        assert result.exit_code == 1
        assert "/somewhere/tenants.yaml" in result.stderr
        assert "Traceback" not in result.stderr

    def test_brackets_in_a_problem_are_no_markup(self) -> None:
        result = RUN.invoke(self.command(StackProblem("no [bold] file [/]"), as_json=False))
        assert result.stderr.strip() == "no [bold] file [/]"


class TestTenant:
    def test_a_tenant_is_added_and_listed(self, home: Path) -> None:
        added = RUN.invoke(tenant.app, ["add", "acme", "--reply-url", "https://acme.example"])
        listed = RUN.invoke(tenant.app, ["list"])

        assert (added.exit_code, listed.exit_code) == (0, 0)
        acme = load_tenants(home / "tenants.yaml")["acme"]
        assert acme.sources["generic"].reply_url == "https://acme.example"
        assert "acme" in listed.stdout
        assert acme.sources["generic"].secret.get_secret_value() not in added.output + listed.output

    def test_a_pack_that_is_none_is_refused(self, home: Path) -> None:
        result = RUN.invoke(tenant.app, ["add", "acme", "--pack", str(home)])

        assert result.exit_code == 1
        assert "pack.yaml" in result.stderr
        assert not (home / "tenants.yaml").exists()

    @pytest.mark.parametrize("name", ["Acme", "..", "a/b"])
    def test_a_name_that_is_not_allowed_is_refused_in_a_sentence(self, name: str) -> None:
        result = RUN.invoke(tenant.app, ["add", name])

        assert result.exit_code == 1
        assert "Traceback" not in result.output

    def test_listing_before_there_are_any_says_how_to_get_some(self) -> None:
        result = RUN.invoke(tenant.app, ["list"])

        assert result.exit_code == 1
        assert "handrail up" in result.stderr


class TestExport:
    def test_without_a_database_it_says_how_to_start_one(self, home: Path) -> None:
        result = RUN.invoke(export.app, ["feedback", "--out", str(home / "out")])

        assert result.exit_code == 1
        assert "handrail up" in result.stderr

    def test_a_since_that_is_none_is_refused_before_anything_is_written(self, home: Path) -> None:
        result = RUN.invoke(export.app, ["feedback", "--out", str(home / "out"), "--since", "soon"])

        assert result.exit_code == 1
        assert "7d" in result.stderr
        assert not (home / "out").exists()


class TestMain:
    """The console script."""

    def test_it_explains_every_command(self) -> None:
        told = RUN.invoke(main.app, ["--help"], terminal_width=200).stdout

        for command in ("up", "down", "status", "doctor", "demo", "send", "trace", "ingest", "tenant", "export"):
            assert f" {command} " in told

    def test_a_command_finds_the_servers_of_the_running_stack(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HANDRAIL_DATABASE_URL", "-")  # So that it is restored after the test.
        monkeypatch.delenv("HANDRAIL_DATABASE_URL")
        (home / "run").mkdir()
        Record(environment={"HANDRAIL_DATABASE_URL": NOWHERE}).write(home / "run" / "stack.json")
        result = RUN.invoke(main.app, ["trace", "0a1b2c3d-0000-4000-8000-000000000000"])

        assert result.exit_code == 1
        assert os.environ["HANDRAIL_DATABASE_URL"] == NOWHERE
        assert "handrail up" in result.stderr

    def test_what_is_given_in_the_environment_wins(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given = NOWHERE.replace("nobody", "somebody")
        monkeypatch.setenv("HANDRAIL_DATABASE_URL", given)
        (home / "run").mkdir()
        Record(environment={"HANDRAIL_DATABASE_URL": NOWHERE}).write(home / "run" / "stack.json")
        RUN.invoke(main.app, ["tenant", "list"])

        assert os.environ["HANDRAIL_DATABASE_URL"] == given
