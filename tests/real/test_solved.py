"""Answers that people approved, on a real PostgreSQL: found, replaced, forgotten."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.events import Evidence
from services.retrieval.adapters.solved import PostgresAnswers
from services.retrieval.rules.passages import Document, chunk_markdown
from tests.real.library import Library
from tests.unit.cases import NOON, evidence
from tests.unit.retrieval.approvals import approved

pytestmark = pytest.mark.real

MANY = [
    Document(document_id=f"article-{number}", title=f"Article {number}", text=f"What article {number} says, in short.")
    for number in range(5)
]
NEW = "The new word is zanzibar."


QUESTION = "Why is there a turquoise banner on my dashboard?"
ANSWER = "Turquoise banners announce a maintenance window of the region, three days ahead."


def current(document: Document, library: Library) -> Evidence:
    return evidence(document.document_id, document.text, document_version=document.version(library.store.index_version))


async def test_an_approved_answer_is_found_by_the_question_that_nobody_sees(library: Library) -> None:
    await library.ingest(MANY[:5])

    assert await library.learn(approved(QUESTION, ANSWER))
    assert not await library.learn(approved(QUESTION, ANSWER)), "what is delivered twice is learned once"
    found = await library.find("why the banner on my dashboard?")

    assert found[0].text == ANSWER
    assert found[0].document_id.startswith("solved/")
    assert "Why is there" not in found[0].model_dump_json()
    assert await library.find("turquoise banner", tenant="two") == ()


async def test_of_two_answers_to_the_same_question_the_newer_one_stays(library: Library) -> None:
    newer = approved(QUESTION, "Turquoise banners announce nothing at all any more.", at=NOON + timedelta(days=1))
    await library.learn(newer)
    await library.learn(approved(QUESTION, ANSWER))

    assert [found.text for found in await library.find("turquoise banner")] == [newer.decision.final_text]


async def test_only_the_newest_answers_are_kept(library: Library) -> None:
    for day in range(5):
        event = approved(f"What is thing{day} {uuid4().hex}?", f"{ANSWER} Day {day}.", at=NOON + timedelta(days=day))
        await library.learn(event, kept=3)

    days = {body[-2] for bodies in (await library.texts()).values() for body in bodies}
    assert days == {"2", "3", "4"}


async def test_an_answer_goes_with_the_article_that_it_quotes(library: Library) -> None:
    """Else a changed article would go on being found by its old text."""
    article = Document(document_id="banner", title="Banners", text=ANSWER)
    await library.ingest([*MANY[:3], article])
    assert await library.learn(approved(QUESTION, ANSWER, current(article, library)))
    # And an answer that was made from that answer.
    [earlier] = [found for found in await library.find("turquoise banner") if found.document_id.startswith("solved/")]
    assert await library.learn(approved("Another banner, what is it?", ANSWER, earlier))
    assert len([name for name in await library.texts() if name.startswith("solved/")]) == 2

    await library.ingest([*MANY[:3], replace(article, text=NEW)])

    assert not any("Turquoise" in found.text for found in await library.find("turquoise banner maintenance"))
    assert not [name for name in await library.texts() if name.startswith("solved/")]


async def test_an_answer_from_an_article_that_has_changed_meanwhile_is_not_learned(library: Library) -> None:
    article = Document(document_id="banner", title="Banners", text=ANSWER)
    await library.ingest([article])
    event = approved(QUESTION, ANSWER, current(article, library))
    await library.ingest([replace(article, text=NEW)])

    assert not await library.learn(event)
    assert set(await library.texts()) == {"banner"}


async def test_ingesting_articles_does_not_remove_answers(library: Library) -> None:
    await library.learn(approved(QUESTION, ANSWER))
    await library.ingest(MANY[:3])
    await library.ingest(MANY[:2])

    assert (await library.find("turquoise banner"))[0].text == ANSWER


LATER = "another-embedder/chunks-9"


async def test_answers_are_indexed_anew_when_the_way_of_indexing_changes(library: Library) -> None:
    """And what they are found by, rest on, and say stays the same."""
    article = Document(document_id="banner", title="Banners", text=ANSWER)
    await library.ingest([*MANY[:3], article])
    await library.learn(approved(QUESTION, ANSWER, current(article, library)))
    [earlier] = [found for found in await library.find("turquoise banner") if found.document_id.startswith("solved/")]
    before = await library.rows()

    assert await library.renew(library.store.index_version) == 0, "nothing has changed yet"
    assert await library.rows() == before
    assert await library.renew(LATER) == 1
    assert await library.renew(LATER) == 0, "once is enough"
    after = await library.rows()
    assert {name for name in before if before[name] != after[name]} == {earlier.document_id}
    [found] = [one for one in await library.find("why on my dashboard?") if one.document_id == earlier.document_id]
    assert (found.text, found.title) == (ANSWER, earlier.title)
    assert found.document_version != earlier.document_version

    await library.ingest([*MANY[:3], replace(article, text=NEW)])
    assert earlier.document_id not in await library.texts(), "it rests on the article still"


async def test_articles_that_are_only_indexed_anew_keep_the_answers_made_from_them(library: Library) -> None:
    article = Document(document_id="banner", title="Banners", text=ANSWER)
    await library.ingest([article])
    await library.learn(approved(QUESTION, ANSWER, current(article, library)))

    assert (await library.ingest([article], index_version=LATER)).changed == 1
    assert await library.renew(LATER) == 1
    assert {name.partition("/")[0] for name in await library.texts()} == {"banner", "solved"}

    await library.ingest([replace(article, audience="internal")], index_version=LATER)
    assert set(await library.texts()) == {"banner"}, "what customers may no longer see is not quoted to them"


async def test_many_answers_are_all_indexed_anew(library: Library) -> None:
    for number in range(60):
        await library.learn(approved(f"What is thing{number} {uuid4().hex}?", f"{ANSWER} Number {number}."))

    assert await library.renew(LATER) == 60


async def test_an_answer_that_was_learned_again_meanwhile_stands(library: Library) -> None:
    await library.learn(approved(QUESTION, ANSWER))
    store = PostgresAnswers(library.store)
    [[(old, version)]] = [page async for page in store.stored("one")]
    newer = approved(QUESTION, "Turquoise banners announce nothing at all any more.", at=NOON + timedelta(days=1))
    await library.learn(newer)

    vectors = library.embedder.embed([old.text])
    chunks = chunk_markdown(old.text)
    assert await store.renew("one", [(old, "later", chunks, vectors)], {old.document_id: version}) == 0
    assert [found.text for found in await library.find("turquoise banner")] == [newer.decision.final_text]


async def test_an_answer_of_before_what_it_is_found_by_was_kept_is_renewed_once(library: Library) -> None:
    await library.learn(approved(QUESTION, ANSWER))
    async with library.engine.begin() as connection:
        await connection.execute(text("UPDATE retrieval.document SET found_by = ''"))

    renewed = [await library.renew(library.store.index_version) for _ in range(2)]

    assert renewed == [1, 0]
    assert (await library.find("turquoise banner"))[0].text == ANSWER
