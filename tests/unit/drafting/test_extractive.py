"""The extractive drafter quotes what answers, says what it could not find, and abstains where nothing is near."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.events import Context, ContextRetrieved, Draft, RankedArticle, RankedIntent
from services.drafting import handler
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.ports import Tier
from services.drafting.rules.asking import parts_of
from services.drafting.rules.choice import asked_bonus, quotable_units
from tests.fakes.embedding import WordEmbedder
from tests.unit.cases import HEAD, NOON, classification, evidence, invoices, pack, retrieved, ticket

DRAFTER = ExtractiveDrafter(english=WordEmbedder(), multilingual=WordEmbedder())


def drafted(body: str, **fields: Any) -> Draft:
    return DRAFTER.draft_now(retrieved(ticket=ticket(body), **fields), pack())


def test_every_citation_quotes_its_evidence_and_points_at_its_words() -> None:
    event = retrieved(ticket=ticket("How do I roll back to an earlier release from the command line?"))

    draft = DRAFTER.draft_now(event, pack())

    passages = {one.evidence_id: one for one in event.context.evidence}
    assert draft.citations
    for citation in draft.citations:
        assert citation.quote in passages[citation.evidence_id].text
        assert draft.text[citation.start : citation.end] == " ".join(citation.quote.split())
        assert f"[{citation.number}]" in draft.text


def test_steps_stay_together_in_order_with_their_lead_in() -> None:
    draft = drafted("How do I roll back from the command line, which release number do I choose?")

    lines = draft.text.splitlines()
    steps = [line for line in lines if line[:2] in {"1.", "2.", "3."}]
    assert [line[:2] for line in steps] == ["1.", "2.", "3."]
    assert "To roll back from the command line:" in draft.text
    assert draft.text.index("To roll back from the command line:") < draft.text.index("1. List")


def test_the_answer_is_framed_in_the_tickets_language_and_names_its_source() -> None:
    draft = drafted("Wie kann ich den release rollback database?", classification=classification(language="de"))

    assert draft.text.startswith("Guten Tag,")
    assert draft.text.endswith("Freundliche Grüße")
    assert "https://help.northquay.example/rollback-a-release" in draft.text
    assert draft.language == "en"


def test_two_questions_are_answered_from_two_documents() -> None:
    draft = drafted("How do I roll back to an earlier release? And where can I download every invoice by email?")

    assert draft.citations[0].document_id == "rollback-a-release"
    assert {one.document_id for one in draft.citations} == {"rollback-a-release", "invoices-and-receipts"}
    assert draft.unanswered == ()


def test_a_part_that_nothing_answers_is_named() -> None:
    draft = drafted("How do I roll back to an earlier release? Do giraffes sleep standing upright at night?")

    assert draft.unanswered == ("Do giraffes sleep standing upright at night?",)
    assert "We could not find an answer to this:\n- Do giraffes sleep" in draft.text


class Leaning(WordEmbedder):
    """Texts that name a release point one way, questions that name nothing the other way, and both in between."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        said = ("release", "simple steps", "lovely")
        about = np.array([[word in text.lower() for word in said] for text in texts], np.float32)
        return np.asarray(about / np.maximum(np.linalg.norm(about, axis=1, keepdims=True), 1e-9))


@pytest.mark.parametrize(
    ("body", "unanswered"),
    [
        ("A lovely day! I need an earlier release. Could you tell me in simple steps what I have to do?", ()),
        (
            "Could you tell me in simple steps what I have to do?",
            ("Could you tell me in simple steps what I have to do?",),
        ),
    ],
)
def test_the_only_question_of_a_ticket_may_lean_on_the_rest_of_it(body: str, unanswered: tuple[str, ...]) -> None:
    drafter = ExtractiveDrafter(english=Leaning(), multilingual=Leaning())

    draft = drafter.draft_now(retrieved(evidence(), ticket=ticket(body, subject="")), pack())

    assert draft.unanswered == unanswered


def test_personal_data_and_links_of_the_ticket_are_not_repeated() -> None:
    draft = drafted("How do I roll back a release? Can giraffes [EMAIL_1] read https://evil.example/x upright?")

    assert "[EMAIL_1]" not in draft.text
    assert "evil.example" not in draft.text


@pytest.mark.parametrize("body", ["Do giraffes sleep standing upright?", "", "🙂" * 50, "x" * 200_000])
def test_nothing_near_gives_no_text(body: str) -> None:
    draft = drafted(body)

    assert draft.text == ""
    assert draft.citations == ()
    assert draft.unanswered


def test_no_evidence_gives_no_text() -> None:
    event = ContextRetrieved(
        **HEAD, ticket=ticket(), classification=classification(), context=Context(evidence=(), query="q")
    )

    assert DRAFTER.draft_now(event, pack()).text == ""


def test_the_documents_of_a_likely_intent_come_first() -> None:
    twin = evidence("invoices-and-receipts", evidence().text)
    other = (RankedIntent(intent="billing_invoice", probability=0.9),)
    event = retrieved(evidence(), twin, classification=classification(intents=other))

    assert DRAFTER.draft_now(event, pack()).citations[0].document_id == "invoices-and-receipts"


def test_the_document_that_answered_tickets_like_this_one_comes_first() -> None:
    twin = evidence("invoices-and-receipts", evidence().text)
    answered = (RankedArticle(article="invoices-and-receipts", probability=0.9),)
    event = retrieved(evidence(), twin, classification=classification(intents=(), articles=answered))

    assert DRAFTER.draft_now(event, pack()).citations[0].document_id == "invoices-and-receipts"


def test_links_inside_the_knowledge_base_become_words() -> None:
    passage = evidence(
        text="To roll back a release see [release history](release-history) or [status](https://s.example/)."
    )
    draft = drafted("roll back a release", context=Context(evidence=(passage, invoices()), query="q"))

    assert "see release history or [status](https://s.example/)" in draft.text


async def test_the_handler_turns_the_draft_into_the_next_event() -> None:
    event = retrieved()

    [drafted_event] = await handler.handle(event, tiers=[Tier("extractive", DRAFTER)], pack=pack(), now=NOON)
    [again] = await handler.handle(event, tiers=[Tier("extractive", DRAFTER)], pack=pack(), now=NOON)

    assert drafted_event == again
    assert drafted_event.event_id != event.event_id


def test_of_two_translations_the_one_in_the_customers_language_is_quoted() -> None:
    english = evidence(language="en")
    german = evidence("release-zuruecknehmen", "Ein Rollback bringt das frühere Release sofort zurück.", language="de")
    event = retrieved(
        german,
        english,
        ticket=ticket("Rollback auf das frühere Release: wie?"),
        classification=classification(language="de"),
    )

    draft = DRAFTER.draft_now(event, pack())

    assert draft.citations[0].document_id == "release-zuruecknehmen"
    assert draft.language == "de"


def test_a_questions_own_intent_speaks_for_the_articles_that_answer_it() -> None:
    body = "How do I roll back to an earlier release? And where can I download the old invoices?"
    asked = (
        RankedIntent(intent="deploy_rollback", probability=0.9),
        RankedIntent(intent="billing_invoice", probability=0.5),
    )
    event = retrieved(ticket=ticket(body), classification=classification(asked=asked))
    units = quotable_units(event.context, ["rollback-a-release", "invoices-and-receipts"], lambda text: False)
    parts = [part.text for part in parts_of(event.ticket)]

    bonus = asked_bonus(parts, event, pack(), units)

    assert len(parts) == 2
    about_invoices = [unit.evidence.document_id == "invoices-and-receipts" for unit in units]
    assert [value > 0 for value in bonus[1]] == about_invoices
    assert bonus[0].max() > bonus[1].max() > 0
