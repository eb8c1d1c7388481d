"""Knowledge on a real PostgreSQL with pgvector: found by words and by meaning, by its own tenant only."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import Evidence
from services.retrieval.adapters.embedding import TwoModels
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import IngestReport, ingest
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.failures import DependencyDown
from shared.settings import Settings

pytestmark = pytest.mark.real

ARTICLES = [
    Document(
        document_id="rollback",
        title="Roll back a release",
        text="A rollback puts an earlier release into service.\n\n## Steps\n\nRun `nq rollback` and choose the number.",
    ),
    Document(
        document_id="invoices",
        title="Invoices and receipts",
        text="Invoices are sent on the first day of the month. Download each as a PDF in the console.",
    ),
    Document(
        document_id="certificates",
        title="Certificate not issued",
        text="A certificate is not issued while the CAA record forbids it. Error ACME-403 says so.",
    ),
]


@pytest.fixture(scope="module")
def embedder() -> TwoModels:
    return TwoModels()


@pytest.fixture
async def engine(migrated_database: str) -> AsyncIterator[AsyncEngine]:
    engine = async_engine(Settings(database_url=SecretStr(migrated_database)), "tests")
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE retrieval.document, retrieval.corpus CASCADE"))
    yield engine
    await engine.dispose()


@pytest.fixture
def knowledge(engine: AsyncEngine, embedder: TwoModels) -> PostgresKnowledge:
    return PostgresKnowledge(engine, RetrievalSettings(), embedder.name)


class Library:
    """Puts articles in and asks for them, as the command and the service do."""

    def __init__(self, knowledge: PostgresKnowledge, embedder: TwoModels) -> None:
        self._knowledge = knowledge
        self._embedder = embedder

    async def ingest(self, tenant: str, documents: Sequence[Document], collection: str = "help") -> IngestReport:
        return await ingest(
            tenant,
            collection,
            documents,
            store=self._knowledge,
            embedder=self._embedder,
            index_version=self._knowledge.index_version,
        )

    async def find(self, tenant: str, query: str, language: str = "en") -> tuple[Evidence, ...]:
        return await self._knowledge.search(tenant, query, self._embedder.embed_query(query, language))


@pytest.fixture
def library(knowledge: PostgresKnowledge, embedder: TwoModels) -> Library:
    return Library(knowledge, embedder)


async def chunk_ids(engine: AsyncEngine, tenant: str) -> dict[str, list[int]]:
    query = text(
        "SELECT document_id, array_agg(chunk_id ORDER BY chunk_id) FROM retrieval.chunk WHERE tenant = :t GROUP BY 1"
    )
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(query, {"t": tenant})}


async def test_an_article_is_found_by_its_words_and_by_its_meaning(library: Library) -> None:
    await library.ingest("one", ARTICLES)

    by_code = await library.find("one", "ACME-403")
    by_meaning = await library.find("one", "go back to how our app was before today's deployment")

    assert by_code[0].document_id == "certificates"
    assert by_code[0].lexical > 0
    assert by_meaning[0].document_id == "rollback"
    assert by_meaning[0].similarity > by_meaning[-1].similarity


async def test_evidence_is_an_exact_span_of_its_article(library: Library) -> None:
    await library.ingest("one", ARTICLES)

    found = await library.find("one", "rollback release invoice certificate")

    texts = {article.document_id: article.text for article in ARTICLES}
    assert {passage.document_id for passage in found} == set(texts)
    assert all(texts[passage.document_id][passage.start : passage.end] == passage.text for passage in found)
    assert len({passage.evidence_id for passage in found}) == len(found)
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


async def test_a_question_in_another_language_finds_the_english_article(library: Library) -> None:
    await library.ingest("one", ARTICLES)

    german = await library.find("one", "Wie komme ich zur vorherigen Version meiner Anwendung zurück?", "de")
    french = await library.find("one", "Où puis-je télécharger ma facture ?", "fr")

    assert german[0].document_id == "rollback"
    assert french[0].document_id == "invoices"
    assert 0 < german[0].similarity <= 1


async def test_tenants_never_see_each_other(library: Library) -> None:
    # The neighbour has many passages nearer to the question than any of our own.
    neighbour = [
        Document(document_id=f"secret-{number}", title="Rollback", text=f"How to roll back a release, part {number}.")
        for number in range(300)
    ]
    await library.ingest("neighbour", neighbour)
    await library.ingest("one", ARTICLES)

    found = await library.find("one", "How do I roll back a release?")
    foreign = await library.find("neighbour", "ACME-403 certificate invoices")

    assert {passage.document_id for passage in found} <= {article.document_id for article in ARTICLES}
    assert found[0].document_id == "rollback"
    assert all(passage.document_id.startswith("secret-") for passage in foreign)
    assert await library.find("stranger", "How do I roll back a release?") == ()


async def test_two_tenants_may_have_an_article_of_the_same_id(library: Library) -> None:
    await library.ingest("one", ARTICLES)
    await library.ingest("two", [replace(ARTICLES[0], text="Ask Bob to roll back the release.")])

    assert "Bob" not in (await library.find("one", "roll back the release"))[0].text
    assert "Bob" in (await library.find("two", "roll back the release"))[0].text


async def test_internal_articles_are_not_shown_to_customers(library: Library) -> None:
    internal = Document(
        document_id="runbook", title="Runbook", text="Zanzibar is the override word.", audience="internal"
    )
    await library.ingest("one", [*ARTICLES, internal])

    found = await library.find("one", "Zanzibar override word runbook")

    assert "runbook" not in {passage.document_id for passage in found}


async def test_ingesting_again_touches_only_what_changed(library: Library, engine: AsyncEngine) -> None:
    first = await library.ingest("one", ARTICLES)
    before = await chunk_ids(engine, "one")
    changed = replace(ARTICLES[1], text="Invoices are sent on the fifteenth, by carrier pigeon.")
    added = Document(document_id="pigeons", title="Pigeons", text="Where pigeons rest.")

    again = await library.ingest("one", [ARTICLES[0], changed, added])
    after = await chunk_ids(engine, "one")

    assert (first.added, first.changed, first.unchanged, first.removed) == (3, 0, 0, 0)
    assert (again.added, again.changed, again.unchanged, again.removed) == (1, 1, 1, 1)
    assert after["rollback"] == before["rollback"]
    assert after["invoices"] != before["invoices"]
    assert "certificates" not in after


async def test_a_changed_article_is_found_by_its_new_text_and_never_by_its_old(library: Library) -> None:
    await library.ingest("one", ARTICLES)
    await library.ingest("one", [replace(ARTICLES[1], text="Billing papers come by carrier pigeon.")], "help")

    found = await library.find("one", "carrier pigeon")
    old = await library.find("one", "Download each as a PDF")

    assert found[0].text == "Billing papers come by carrier pigeon."
    assert all("PDF" not in passage.text for passage in old)


async def test_collections_do_not_remove_each_other_s_articles(library: Library) -> None:
    await library.ingest("one", ARTICLES[:2], "help")

    report = await library.ingest("one", ARTICLES[2:], "handbook")

    assert report.removed == 0
    assert (await library.find("one", "roll back a release"))[0].document_id == "rollback"


async def test_a_reading_error_removes_nothing(library: Library) -> None:
    await library.ingest("one", ARTICLES)

    def broken() -> "Sequence[Document]":
        yield ARTICLES[0]  # type: ignore[misc]
        raise ValueError("line 2 is broken")

    with pytest.raises(ValueError, match="line 2"):
        await library.ingest("one", broken())
    assert {passage.document_id for passage in await library.find("one", "ACME-403 invoices")} >= {
        "certificates",
        "invoices",
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "'; DROP TABLE retrieval.chunk; --",
        "a & | ! ( <-> :*",
        "\ud800 lone surrogate",
        "🎉" * 400,
        "مرحبا",
        "the of and",
    ],
)
async def test_hostile_and_odd_queries_are_only_text(library: Library, query: str) -> None:
    await library.ingest("one", ARTICLES)

    found = await library.find("one", query)

    assert {passage.document_id for passage in found} <= {article.document_id for article in ARTICLES}
    assert (await library.find("one", "ACME-403"))[0].document_id == "certificates"


async def test_an_unreachable_database_is_a_dependency_that_is_down(embedder: TwoModels) -> None:
    nowhere = async_engine(Settings(database_url=SecretStr("postgresql://nobody:x@127.0.0.1:1/none")), "tests")
    lost = PostgresKnowledge(nowhere, RetrievalSettings(), embedder.name)

    with pytest.raises(DependencyDown):
        await lost.search("one", "anything", embedder.embed_query("anything", "en"))
    await nowhere.dispose()
