"""Knowledge in OpenSearch, against a server that answers as real nodes do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from typer.testing import CliRunner

from infra.cli.main import app
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import open_knowledge
from services.retrieval.adapters.opensearch import OpenSearchKnowledge
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.app import learn_nothing, learning
from services.retrieval.rules.passages import Chunk, Document
from services.retrieval.settings import RetrievalSettings
from shared.embedding import Vectors
from shared.failures import DependencyDown, Retryable
from shared.settings import Settings
from tests.fakes.opensearch import ScriptedOpenSearch, fault, on
from tests.suites.knowledge import ARTICLES, KnowledgeSuite, Library

CHANGED = replace(ARTICLES[1], text="Billing papers come by carrier pigeon.")


class TestOpenSearchKnowledge(KnowledgeSuite):
    """What every store does."""


class TestAChangeIsOneMoment:
    async def test_a_write_that_broke_off_before_the_end_shows_the_old_text_only(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        # The passages get in, the articles' records do not.
        server.fails(on("_bulk", fault(503), number=1))

        with pytest.raises(DependencyDown):
            await library.ingest("one", [ARTICLES[0], CHANGED, ARTICLES[2]])

        server.fails(None)
        assert any("pigeon" in record.get("body", "") for record in server.records())
        assert all("pigeon" not in passage.text for passage in await library.find("one", "carrier pigeon"))
        assert "PDF" in (await library.find("one", "Download each invoice as a PDF"))[0].text

    async def test_what_broke_off_is_made_good_by_the_next_ingest(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_bulk", fault(503), number=1))
        with pytest.raises(DependencyDown):
            await library.ingest("one", [ARTICLES[0], CHANGED, ARTICLES[2]])
        server.fails(None)

        report = await library.ingest("one", [ARTICLES[0], CHANGED, ARTICLES[2]])

        assert (report.changed, report.unchanged) == (1, 2)
        assert (await library.find("one", "carrier pigeon"))[0].text == CHANGED.text

    async def test_old_text_that_could_not_be_deleted_is_not_found_either(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_delete_by_query", fault(503)))
        with pytest.raises(DependencyDown):
            await library.ingest("one", [ARTICLES[0], CHANGED, ARTICLES[2]])

        assert any("PDF" in record.get("body", "") for record in server.records())
        found = await library.find("one", "Download each invoice as a PDF, carrier pigeon")
        assert {passage.text for passage in found if passage.document_id == "invoices"} == {CHANGED.text}

    async def test_an_article_that_changes_during_a_search_is_found_by_its_new_text(
        self, library: Library, server: ScriptedOpenSearch, embedder: PassageEmbedder
    ) -> None:
        await library.ingest("one", ARTICLES)
        other, close = open_knowledge(
            Settings(), RetrievalSettings(opensearch_url=SecretStr(server.url)), embedder, "tests"
        )
        vector = embedder.embed_query("invoices", "en")
        counting = library.knowledge._counting  # type: ignore[attr-defined]

        async def changes_first(tenant: str, document_ids: set[str]) -> object:
            patch.undo()
            await other.put("one", "help", [(CHANGED, "2", *_cut(CHANGED, embedder))])
            return await counting(tenant, document_ids)

        patch = pytest.MonkeyPatch()
        patch.setattr(library.knowledge, "_counting", changes_first)
        found = await library.knowledge.search("one", "invoices", vector)
        await close()

        assert {passage.text for passage in found if passage.document_id == "invoices"} == {CHANGED.text}

    async def test_nothing_is_left_of_the_old_text(self, library: Library, server: ScriptedOpenSearch) -> None:
        await library.ingest("one", ARTICLES)
        await library.ingest("one", [CHANGED])

        assert {record["document_id"] for record in server.records()} == {"invoices"}
        assert [record["body"] for record in server.records(kind="passage")] == [CHANGED.text]

    async def test_remains_of_a_write_long_ago_are_swept_up(self, library: Library, server: ScriptedOpenSearch) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_bulk", fault(503), number=1))
        with pytest.raises(DependencyDown):
            await library.ingest("one", [CHANGED])
        server.fails(None)
        for record in server.records(kind="passage", document_id="invoices"):
            record["written_at"] = "2020-01-01T00:00:00+00:00"

        await library.ingest("one", [replace(CHANGED, title="Billing papers")])

        assert len(server.records(kind="passage", document_id="invoices")) == 1

    async def test_of_two_writers_of_an_article_the_first_stands_and_the_other_hears_of_it(
        self, library: Library, server: ScriptedOpenSearch, embedder: PassageEmbedder
    ) -> None:
        await library.ingest("one", ARTICLES)
        rival = replace(ARTICLES[1], text="Invoices are engraved in stone.")
        other, close = open_knowledge(
            Settings(), RetrievalSettings(opensearch_url=SecretStr(server.url)), embedder, "tests"
        )
        rows = [(document, document.text, *_cut(document, embedder)) for document in (CHANGED, rival)]

        async def rival_first(actions: object) -> set[str]:
            server_write.undo()
            await other.put("one", "help", [rows[1]])
            return await library.knowledge._server.write(actions)  # type: ignore[attr-defined, no-any-return]

        server_write = pytest.MonkeyPatch()
        server_write.setattr(library.knowledge._server, "write", rival_first)  # type: ignore[attr-defined]
        with pytest.raises(Retryable):
            await library.knowledge.put("one", "help", [rows[0]])
        await close()

        assert (await library.find("one", "Invoices"))[0].text == rival.text
        assert [one["body"] for one in server.records(kind="passage", document_id="invoices")] == [rival.text]


def _cut(document: Document, embedder: PassageEmbedder) -> tuple[list[Chunk], Vectors]:
    return [Chunk(0, len(document.text), document.text, ())], embedder.embed([document.text])


class TestQueries:
    async def test_every_search_names_tenant_and_audience_also_within_the_graph(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(None)
        await library.find("one", "roll back a release")

        bodies = [json.loads(line) for _, name, content in server.requests if name == "_msearch"
                  for line in content.splitlines()[1::2]]  # fmt: skip
        filters = [
            body["query"]["knn"]["embedding"]["filter"] if "knn" in body["query"] else body["query"] for body in bodies
        ]
        assert any("knn" in body["query"] for body in bodies)
        for one in filters:
            assert {"term": {"tenant": "one"}} in one["bool"]["filter"]
            assert {"term": {"audience": "customer"}} in one["bool"]["filter"]

    async def test_both_searches_come_in_one_request(self, library: Library, server: ScriptedOpenSearch) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(None)
        await library.find("one", "roll back a release")

        assert [name for _, name, _ in server.requests] == ["_msearch", "_msearch", "_mget"]
        assert len(server.requests[1][2].splitlines()) == 4

    async def test_nothing_is_compressed_on_the_way(self, library: Library, server: ScriptedOpenSearch) -> None:
        await library.ingest("one", ARTICLES)

        assert server.encodings == {"identity"}

    async def test_words_weigh_by_their_rarity_in_the_tenant_alone(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        before = await library.find("one", "certificate release")
        await library.ingest("two", [replace(ARTICLES[2], document_id=f"copy-{number}") for number in range(40)])

        assert await library.find("one", "certificate release") == before

    async def test_more_articles_than_a_page_are_all_known(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.retrieval.adapters.opensearch_index.PAGE", 7)
        many = [Document(document_id=f"a-{number}", title="A", text=f"Text {number}.") for number in range(20)]
        await library.ingest("one", many)

        assert len(await library.knowledge.versions("one")) == 20
        assert (await library.ingest("one", many[:3])).removed == 17

    async def test_a_large_batch_goes_in_requests_of_bounded_size(
        self, library: Library, server: ScriptedOpenSearch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.retrieval.adapters.opensearch_server._BULK_BYTES_MAX", 40_000)
        many = [Document(document_id=f"a-{number}", title="A", text=f"Text {number}.") for number in range(16)]
        await library.ingest("one", many)

        sizes = [len(content) for _, name, content in server.requests if name == "_bulk"]
        assert len(sizes) > 3
        assert max(sizes) <= 40_000
        assert len(server.records(kind="passage")) == 16


class TestChoice:
    async def test_without_an_address_knowledge_is_in_postgresql(self, embedder: PassageEmbedder) -> None:
        found, close = open_knowledge(Settings(), RetrievalSettings(opensearch_url=SecretStr("")), embedder, "tests")

        assert isinstance(found, PostgresKnowledge)
        await close()

    def test_approved_answers_are_not_learned_and_the_log_says_so(
        self, knowledge: OpenSearchKnowledge, embedder: PassageEmbedder, tmp_path: Path
    ) -> None:
        with capture_logs() as logs:
            learn = learning(knowledge, embedder, Settings(tenants_file=tmp_path / "none.yaml"), 10)

        assert learn is learn_nothing
        assert [line["log_level"] for line in logs] == ["warning"]

    def test_the_command_ingests_into_it(
        self, server: ScriptedOpenSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "help").mkdir()
        (tmp_path / "help" / "pigeons.md").write_text("# Pigeons\n\nThey bring the invoices.")
        (tmp_path / "tenants.yaml").write_text("tenants: {one: {pack: none, sources: {}}}\n")
        monkeypatch.setenv("HANDRAIL_TENANTS_FILE", str(tmp_path / "tenants.yaml"))
        monkeypatch.setenv("HANDRAIL_RETRIEVAL_OPENSEARCH_URL", server.url)
        # Else the servers of this machine's own stack would stay in the environment of the tests that follow.
        monkeypatch.setenv("HANDRAIL_HOME", str(tmp_path))

        ran = CliRunner().invoke(app, ["ingest", str(tmp_path / "help"), "--tenant", "one", "--json"])

        assert ran.exit_code == 0, ran.output
        assert [record["tenant"] for record in server.records(kind="article")] == ["one"]
