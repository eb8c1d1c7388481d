"""What the stores of knowledge do: articles put in are found by their words and by their meaning, by their tenant."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import pytest

from contracts.events import Evidence
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.ingest import IngestReport, ingest
from services.retrieval.ports import KnowledgeStore, Search
from services.retrieval.rules.passages import Document

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
IDS = {article.document_id for article in ARTICLES}


class Knowledge(Search, KnowledgeStore, Protocol):
    """Both ports on one store."""


class Library:
    """Puts articles in and asks for them, as the command and the service do."""

    def __init__(self, knowledge: Knowledge, embedder: PassageEmbedder) -> None:
        self.knowledge = knowledge
        self.embedder = embedder

    async def ingest(self, tenant: str, documents: Sequence[Document], collection: str = "help") -> IngestReport:
        return await ingest(
            tenant,
            collection,
            documents,
            store=self.knowledge,
            embedder=self.embedder,
            index_version=self.knowledge.index_version,
        )

    async def find(self, tenant: str, query: str, language: str = "en") -> tuple[Evidence, ...]:
        return await self.knowledge.search(tenant, query, self.embedder.embed_query(query, language))

    async def found_ids(self, tenant: str, query: str) -> set[str]:
        return {passage.document_id for passage in await self.find(tenant, query)}


class KnowledgeSuite:
    """Give it the fixture `library`, over an empty store."""

    async def test_an_article_is_found_by_its_words_and_by_its_meaning(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)

        by_code = await library.find("one", "ACME-403")
        by_meaning = await library.find("one", "go back to how our app was before today's deployment")

        assert by_code[0].document_id == "certificates"
        assert by_code[0].lexical > 0
        assert by_meaning[0].document_id == "rollback"
        assert by_meaning[0].similarity > by_meaning[-1].similarity

    async def test_evidence_is_an_exact_span_of_its_article(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)

        found = await library.find("one", "rollback release invoice certificate")

        texts = {article.document_id: article.text for article in ARTICLES}
        assert {passage.document_id for passage in found} == set(texts)
        assert all(texts[passage.document_id][passage.start : passage.end] == passage.text for passage in found)
        assert len({passage.evidence_id for passage in found}) == len(found)
        assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)

    async def test_a_question_in_another_language_finds_the_english_article(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)

        german = await library.find("one", "Wie komme ich zur vorherigen Version meiner Anwendung zurück?", "de")
        french = await library.find("one", "Où puis-je télécharger ma facture ?", "fr")

        assert german[0].document_id == "rollback"
        assert french[0].document_id == "invoices"
        assert 0 < german[0].similarity <= 1

    async def test_evidence_says_the_language_of_its_article(self, library: Library) -> None:
        german = Document(document_id="zurueck", title="Zurück", text="Ein Rollback bringt das Release zurück.",
                          language="de")  # fmt: skip
        await library.ingest("one", [*ARTICLES, german])

        found = await library.find("one", "rollback release zurück")

        assert {passage.document_id: passage.language for passage in found}.items() >= {
            ("zurueck", "de"),
            ("rollback", "en"),
        }

    async def test_tenants_never_see_each_other(self, library: Library) -> None:
        # The neighbour has many passages nearer to the question than any of our own.
        neighbour = [
            Document(
                document_id=f"secret-{number}", title="Rollback", text=f"How to roll back a release, part {number}."
            )
            for number in range(120)
        ]
        await library.ingest("neighbour", neighbour)
        await library.ingest("one", ARTICLES)

        found = await library.find("one", "How do I roll back a release?")
        foreign = await library.find("neighbour", "ACME-403 certificate invoices")

        assert {passage.document_id for passage in found} <= IDS
        assert found[0].document_id == "rollback"
        assert foreign
        assert all(passage.document_id.startswith("secret-") for passage in foreign)
        assert await library.find("stranger", "How do I roll back a release?") == ()

    async def test_two_tenants_may_have_an_article_of_the_same_id(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)
        await library.ingest("two", [replace(ARTICLES[0], text="Ask Bob to roll back the release.")])

        assert "Bob" not in (await library.find("one", "roll back the release"))[0].text
        assert "Bob" in (await library.find("two", "roll back the release"))[0].text

    async def test_internal_articles_are_not_shown_to_customers(self, library: Library) -> None:
        internal = Document(
            document_id="runbook", title="Runbook", text="Zanzibar is the override word.", audience="internal"
        )
        await library.ingest("one", [*ARTICLES, internal])

        found = await library.found_ids("one", "Zanzibar override word runbook")

        assert found
        assert "runbook" not in found

    async def test_ingesting_again_reports_what_changed(self, library: Library) -> None:
        first = await library.ingest("one", ARTICLES)
        changed = replace(ARTICLES[1], text="Invoices are sent on the fifteenth, by carrier pigeon.")
        added = Document(document_id="pigeons", title="Pigeons", text="Where pigeons rest.")

        again = await library.ingest("one", [ARTICLES[0], changed, added])

        assert (first.added, first.changed, first.unchanged, first.removed) == (3, 0, 0, 0)
        assert (again.added, again.changed, again.unchanged, again.removed) == (1, 1, 1, 1)
        assert set(await library.knowledge.versions("one")) == {"rollback", "invoices", "pigeons"}
        assert "certificates" not in await library.found_ids("one", "ACME-403 certificate")

    async def test_a_changed_article_is_found_by_its_new_text_and_never_by_its_old(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)
        await library.ingest("one", [replace(ARTICLES[1], text="Billing papers come by carrier pigeon.")], "help")

        found = await library.find("one", "carrier pigeon")
        old = await library.find("one", "Download each as a PDF")

        assert found[0].text == "Billing papers come by carrier pigeon."
        assert all("PDF" not in passage.text for passage in old)

    async def test_an_article_that_becomes_internal_is_shown_no_more(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)
        await library.ingest("one", [*ARTICLES[1:], replace(ARTICLES[0], audience="internal")])

        assert await library.found_ids("one", "roll back a release") == IDS - {"rollback"}

    async def test_an_article_goes_with_the_one_it_was_made_from(self, library: Library) -> None:
        made = Document(document_id="made", title="Made", text="Nine pigeons.", depends_on=("invoices",))
        again = Document(document_id="again", title="Again", text="Ninety pigeons.", depends_on=("made",))
        await library.ingest("one", ARTICLES)
        await library.ingest("one", [made], "answers")
        await library.ingest("one", [again], "summaries")
        assert await library.found_ids("one", "pigeons") >= {"made", "again"}

        await library.ingest("one", [ARTICLES[0], replace(ARTICLES[1], text="Quite another text."), ARTICLES[2]])

        assert set(await library.knowledge.versions("one")) == IDS
        assert await library.found_ids("one", "pigeons") <= IDS

    async def test_collections_do_not_remove_each_other_s_articles(self, library: Library) -> None:
        await library.ingest("one", ARTICLES[:2], "help")

        report = await library.ingest("one", ARTICLES[2:], "handbook")

        assert report.removed == 0
        assert (await library.find("one", "roll back a release"))[0].document_id == "rollback"

    async def test_a_reading_error_removes_nothing(self, library: Library) -> None:
        await library.ingest("one", ARTICLES)

        def broken() -> Iterator[Document]:
            yield ARTICLES[0]
            raise ValueError("line 2 is broken")

        with pytest.raises(ValueError, match="line 2"):
            await library.ingest("one", broken())  # type: ignore[arg-type]
        assert await library.found_ids("one", "ACME-403 invoices") >= {"certificates", "invoices"}

    async def test_an_article_without_text_is_known_and_never_found(self, library: Library) -> None:
        await library.ingest("one", [*ARTICLES, Document(document_id="empty", title="Nothing", text="")])

        assert "empty" in await library.knowledge.versions("one")
        assert "empty" not in await library.found_ids("one", "nothing")

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "'; DROP TABLE retrieval.chunk; --",
            "a & | ! ( <-> :*",
            '{"match_all": {}} OR tenant:* "\n{}\n',
            "\ud800 lone surrogate",
            "🎉" * 400,
            "مرحبا",
            "the of and",
            "x" * 4000,
        ],
    )
    async def test_hostile_and_odd_queries_are_only_text(self, library: Library, query: str) -> None:
        await library.ingest("one", ARTICLES)

        assert await library.found_ids("one", query) <= IDS
        assert (await library.find("one", "ACME-403"))[0].document_id == "certificates"
