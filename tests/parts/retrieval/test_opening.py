"""What an argument of `handrail ingest` means."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from infra.cli.main import app
from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.opening import open_source
from services.retrieval.rules.passages import Document
from shared.tenants import Source, Tenant
from shared.web import Bounds
from tests.fakes.web_server import ScriptedWeb, page


@pytest.fixture
def web() -> Iterator[ScriptedWeb]:
    with ScriptedWeb() as server:
        yield server


def tenant(reply_url: str = "https://desk.example") -> Tenant:
    sources = {
        "desk": Source(kind="zendesk", secret=SecretStr("s"), reply_url=reply_url, token=SecretStr("t")),
        "own": Source(kind="generic", secret=SecretStr("s"), reply_url="https://own.example"),
    }
    return Tenant(id="acme", pack=Path("none"), sources=sources)


@pytest.mark.parametrize(
    ("argument", "collection"),
    [
        ("docs/guides", "guides"),
        ("corpus.jsonl.gz", "corpus.jsonl.gz"),
        ("https://help.example/sitemap.xml", "help.example"),
        ("git+https://git.example/team/handbook.git@main#docs", "handbook"),
        ("zendesk:desk", "zendesk-desk"),
    ],
)
def test_each_kind_of_source_has_a_collection_of_its_own(argument: str, collection: str) -> None:
    assert open_source(argument, tenant()).collection == collection


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("zendesk:none", "it has desk"),
        ("zendesk:own", "it has desk"),
        ("ftp://help.example/x", "no source"),
        ("file:///etc/passwd", "no source"),
        ("git+ssh://git@git.example/a.git", "https only"),
    ],
)
def test_what_is_no_source_is_told(argument: str, told: str) -> None:
    with pytest.raises(KnowledgeUnreadable, match=told):
        open_source(argument, tenant())


def test_only_a_folder_or_file_can_be_watched() -> None:
    assert open_source("docs", tenant()).folder == Path("docs")
    assert open_source("https://help.example/", tenant()).folder is None


def test_a_page_is_read_within_the_operator_s_bounds(web: ScriptedWeb) -> None:
    web.answers["/a"] = page("<h1>A</h1>")
    counts: list[int] = []

    with pytest.raises(KnowledgeUnreadable, match="--allow-host"):
        list(open_source(web.url("/a"), tenant()).read(counts.append))
    assert web.requests == []
    bounds = Bounds(allowed_hosts=frozenset({f"127.0.0.1:{web.port}"}))
    [document] = open_source(web.url("/a"), tenant(), bounds=bounds).read(counts.append)

    assert isinstance(document, Document)
    assert counts == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none", "--tenant", "nobody"], "there is no tenant"),
        (["docs", "--tenant", "acme", "--collection", "solved"], "belongs to answers"),
        (["docs", "more", "--tenant", "acme", "--watch"], "one folder or file"),
        (["https://help.example/", "--tenant", "acme", "--watch"], "one folder or file"),
        (["http://127.0.0.1:9/", "gopher://x", "--tenant", "acme"], "no source"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    (tmp_path / "tenants.yaml").write_text("tenants: {acme: {pack: none, sources: {}}}\n")
    monkeypatch.setenv("HANDRAIL_TENANTS_FILE", str(tmp_path / "tenants.yaml"))

    result = CliRunner().invoke(app, ["ingest", *arguments])

    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())
