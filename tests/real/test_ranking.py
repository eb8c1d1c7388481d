"""The order of evidence on a real PostgreSQL: rare terms, titles, near-duplicates, and counts that stay true."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import Evidence
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings

pytestmark = pytest.mark.real

STEPS = " ".join(f"To renew certificate number {number}, open page {number} of the console." for number in range(12))
COUNTED = text("""
    SELECT count(*) FROM retrieval.term FULL JOIN (
        SELECT tenant, audience, lexeme, count(*) AS passages FROM retrieval.posting GROUP BY 1, 2, 3) AS truth
    USING (tenant, audience, lexeme) WHERE coalesce(found_in, 0) <> coalesce(passages, 0)""")
SIZES = text("""
    SELECT corpus.chunks, corpus.total_terms, count(chunk_id) AS true_chunks, coalesce(sum(terms), 0) AS true_terms
    FROM retrieval.corpus LEFT JOIN retrieval.chunk USING (tenant) WHERE tenant = 'one'
    GROUP BY corpus.chunks, corpus.total_terms""")


class Desk:
    """Knowledge of the tenant `one`, filled by the real ingest."""

    def __init__(self, engine: AsyncEngine, embedder: PassageEmbedder) -> None:
        self._embedder, self._engine = embedder, engine
        self._store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)

    async def learn(self, *documents: Document) -> None:
        store = self._store
        await ingest("one", "help", documents, store=store, embedder=self._embedder, index_version=store.index_version)

    async def find(self, query: str) -> tuple[Evidence, ...]:
        return await self._store.search("one", query, self._embedder.embed_query(query, "en"))

    async def assert_counts_are_true(self) -> None:
        async with self._engine.connect() as connection:
            assert (await connection.execute(COUNTED)).scalar_one() == 0
            sizes = (await connection.execute(SIZES)).one()
        assert (sizes.chunks, sizes.total_terms) == (sizes.true_chunks, sizes.true_terms)


@pytest.fixture
def desk(engine: AsyncEngine, embedder: PassageEmbedder) -> Desk:
    return Desk(engine, embedder)


def article(name: str, body: str, **fields: object) -> Document:
    return Document(document_id=name, **{"title": name.replace("-", " "), "text": body, **fields})  # type: ignore[arg-type]


async def test_counts_of_terms_stay_true_when_articles_come_change_and_go(desk: Desk) -> None:
    one, two = article("invoices", "Invoices come monthly."), article("backups", "Backups come nightly. " * 200)
    for state in ((one, two), (one, replace(two, text="Backups are gone.")), (one,), ()):
        await desk.learn(*state)

        await desk.assert_counts_are_true()


async def test_an_article_s_exact_error_code_decides_between_like_articles(desk: Desk) -> None:
    bulletin = "A vulnerability was found in the gateway. Update the gateway to be safe. It is known as {}."
    codes = [f"NQ-2026-{number}" for number in range(5100, 5130)]
    await desk.learn(*(article(f"bulletin-{code}", bulletin.format(code), title="Security bulletin") for code in codes))

    found = await desk.find("Is our gateway affected by the vulnerability NQ-2026-5117, and how do we update it?")

    assert "NQ-2026-5117" in found[0].text


async def test_of_near_duplicates_the_newer_one_is_shown_alone(desk: Desk) -> None:
    await desk.learn(
        article("old", STEPS, title="Renew", updated_at=datetime(2020, 1, 1, tzinfo=UTC)),
        article("new", f"{STEPS} Done.", title="Renew", updated_at=datetime(2026, 1, 1, tzinfo=UTC)),
        article("invoices", "Invoices come monthly."),
    )

    found = await desk.find("renew certificate number 7")

    assert [one.document_id for one in found] == ["new", "invoices"]


async def test_a_very_long_question_is_read_to_its_end(desk: Desk) -> None:
    await desk.learn(
        article("refunds", "A refund is paid within nine days."), article("domains", "A domain moves in a week.")
    )
    story = "I have been a customer for years and I was always content with what you do for us. " * 30

    found = await desk.find(f"{story} Now tell me: when is my domain moved?")

    assert found[0].document_id == "domains"


async def test_the_scores_fall_and_lie_between_nought_and_one(desk: Desk) -> None:
    await desk.learn(*(article(f"article-{n}", f"Button {n} opens page {n} of the console.") for n in range(30)))

    found = await desk.find("Which button opens page 17?")

    scores = [one.score for one in found]
    assert found[0].document_id == "article-17"
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len(found) == RetrievalSettings().evidence_max


async def test_terms_that_did_not_choose_a_passage_count_for_it_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [f"Button NQ-{n % 5} opens page {n} of the console, and button NQ-{n} closes it." for n in range(30)]
    await desk.learn(*(article(f"article-{n}", body) for n, body in enumerate(codes)))
    question = "Which button of the console closes page 17 that NQ-17 opens?"
    all_lead = await desk.find(question)

    monkeypatch.setattr("services.retrieval.rules.terms.LEADING_POSTINGS_MIN", 1)
    rarest_leads = await desk.find(question)

    assert all_lead[0] == rarest_leads[0]
    assert all_lead[0].document_id == "article-17"
    lexical = {one.evidence_id: one.lexical for one in all_lead}
    assert all(one.lexical == pytest.approx(lexical.get(one.evidence_id, one.lexical)) for one in rarest_leads)
