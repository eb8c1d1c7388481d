"""What OpenSearch answers when something is wrong, and what becomes of it."""

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse

from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.knowledge import open_knowledge
from services.retrieval.adapters.opensearch import OpenSearchKnowledge
from services.retrieval.adapters.opensearch_server import OpenSearchRefused, OpenSearchServer, OpenSearchUrlInvalid
from services.retrieval.rules.passages import Chunk
from services.retrieval.settings import RetrievalSettings
from shared.failures import DependencyDown
from shared.settings import Settings
from tests.fakes.opensearch import ScriptedOpenSearch, fault, on
from tests.fakes.opensearch_records import Index
from tests.suites.knowledge import ARTICLES, Library


class TestFailures:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 403, 404])
    async def test_a_cluster_that_is_away_or_overloaded_is_a_dependency_that_is_down(
        self, library: Library, server: ScriptedOpenSearch, status: int
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_msearch", fault(status)))

        with pytest.raises(DependencyDown, match=str(status)):
            await library.find("one", "anything")

    @pytest.mark.parametrize(
        "answer",
        [
            {"status": 200, "timed_out": False, "_shards": {"failed": 1}, "hits": {"hits": []}},
            {"status": 200, "timed_out": True, "_shards": {"failed": 0}, "hits": {"hits": []}},
            {"status": 429, "error": {"type": "rejected_execution_exception"}},
        ],
    )
    async def test_half_an_answer_is_none(
        self, library: Library, server: ScriptedOpenSearch, answer: dict[str, object]
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_msearch", JSONResponse({"took": 1, "responses": [answer]})))

        with pytest.raises(DependencyDown):
            await library.find("one", "anything")

    async def test_a_rejected_part_of_a_bulk_request_is_not_lost_silently(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        item = {"index": {"_id": "x", "status": 429, "error": {"type": "rejected_execution_exception"}}}
        server.fails(on("_bulk", JSONResponse({"took": 1, "errors": True, "items": [item]})))

        with pytest.raises(DependencyDown):
            await library.ingest("one", ARTICLES)
        assert await library.knowledge.versions("one") == {}

    async def test_nobody_listens(self, embedder: PassageEmbedder) -> None:
        nowhere = RetrievalSettings(opensearch_url=SecretStr("http://me:hidden@127.0.0.1:1"))
        library = Library(open_knowledge(Settings(), nowhere, embedder, "tests")[0], embedder)

        with pytest.raises(DependencyDown) as caught:
            await library.find("one", "anything")
        assert "hidden" not in str(caught.value) + repr(caught.value.__cause__)

    async def test_a_wrong_password_is_told_without_it(
        self, server: ScriptedOpenSearch, embedder: PassageEmbedder
    ) -> None:
        wrong = RetrievalSettings(opensearch_url=SecretStr(server.url.replace("s3cret", "guess")))
        library = Library(open_knowledge(Settings(), wrong, embedder, "tests")[0], embedder)

        with pytest.raises(DependencyDown, match="401") as caught:
            await library.find("one", "anything")
        assert "guess" not in str(caught.value)

    async def test_what_a_cluster_quotes_of_a_record_is_not_told_on(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.fails(on("_msearch", fault(400, "query_shard_exception")))

        with pytest.raises(OpenSearchRefused) as caught:
            await library.find("one", "anything")
        assert str(caught.value) == "OpenSearch answered 400 query_shard_exception"

    async def test_a_search_that_no_shard_could_do_is_told_by_its_cause(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        causes = [{"type": "query_shard_exception", "reason": "failed to create query: maxClauseCount is set to 1024"}]
        error = {"type": "search_phase_execution_exception", "reason": "all shards failed", "root_cause": causes}
        server.fails(on("_msearch", JSONResponse({"took": 1, "responses": [{"error": error, "status": 400}]})))

        with pytest.raises(OpenSearchRefused) as caught:
            await library.find("one", "anything")
        assert str(caught.value) == "OpenSearch answered 400 query_shard_exception"

    async def test_an_index_that_somebody_deleted_is_not_made_by_a_write(
        self, library: Library, server: ScriptedOpenSearch, embedder: PassageEmbedder
    ) -> None:
        await library.ingest("one", ARTICLES)
        server.index = None
        chunk = Chunk(0, len(ARTICLES[0].text), ARTICLES[0].text, ())

        # OpenSearch would make it, with vectors that are only numbers.
        with pytest.raises(DependencyDown):
            await library.knowledge.put("one", "help", [(ARTICLES[0], "2", [chunk], embedder.embed([chunk.text]))])
        assert server.index is None

    async def test_an_index_that_somebody_else_s_write_made_is_refused(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        server.index = Index("handrail-knowledge", {})

        with pytest.raises(OpenSearchRefused, match="no vectors"):
            await library.ingest("one", ARTICLES)
        assert server.index.live == {}

    async def test_an_answer_without_end_is_broken_off(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        await library.ingest("one", ARTICLES)
        monkeypatch.setattr("services.retrieval.adapters.opensearch_server.ANSWER_BYTES_MAX", 1_000)

        with pytest.raises(OpenSearchRefused, match="longer than"):
            await library.find("one", "roll back a release")

    async def test_an_index_of_another_size_is_not_written_into(
        self, library: Library, server: ScriptedOpenSearch
    ) -> None:
        await library.ingest("one", ARTICLES)
        narrow = OpenSearchKnowledge(
            OpenSearchServer(server.url, "handrail-knowledge", timeout_seconds=5),
            RetrievalSettings(opensearch_url=SecretStr(server.url)),
            "narrow",
            12,
        )

        with pytest.raises(OpenSearchRefused, match="12 dimensions"):
            await narrow.versions("one")
        await narrow.aclose()

    @pytest.mark.parametrize("url", ["opensearch:9200", "ftp://host", "https://", "/path", "http://a:99999999"])
    def test_a_setting_that_is_no_address_is_told(self, url: str) -> None:
        with pytest.raises(OpenSearchUrlInvalid):
            OpenSearchServer(url, "x", timeout_seconds=5)
