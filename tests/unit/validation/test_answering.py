"""How far a draft answers what was asked, and the findings that follow."""

import math

import pytest

from contracts.events import RankedIntent
from services.validation.rules.answering import ANSWERING_FEATURES, answering_features, nearness
from tests.unit.cases import classification, draft, drafted, ticket
from tests.unit.validation.judging import EMBED, judged


def features(body: str, **fields: object) -> dict[str, float]:
    return answering_features(drafted(ticket=ticket(body), **fields), EMBED)


def test_every_feature_has_a_finite_value() -> None:
    for body in ("How do I roll back to an earlier release?", "?", "x" * 100_000, "🙂 " * 500):
        found = features(body)
        assert set(found) == set(ANSWERING_FEATURES)
        assert all(math.isfinite(value) for value in found.values())


def test_a_fitting_answer_is_nearer_than_one_to_another_question() -> None:
    fitting = features("How do I put an earlier release back into service?")
    other = features("Which bakery near your office opens on Sundays?")

    for name in ("said_near_in_context", "part_near_least", "title_near", "pairs_seen"):
        assert fitting[name] >= other[name]
    assert fitting["asked_unseen"] < other["asked_unseen"]


def test_the_kind_of_thing_asked_for_is_looked_for() -> None:
    assert features("When is the release put back into service?")["kind_missing"] == 1.0
    assert features("Tell me about rollbacks.")["kind_known"] == 0.0


def test_a_draft_without_evidence_has_no_features() -> None:
    event = drafted(draft("Hello", citations=()))

    assert answering_features(event, EMBED) == {}
    assert nearness(["How?"], event, EMBED) == [0.0]


DEEDS = {
    "a delay": "Our bank is closed until Monday. Could you please postpone the suspension by a week?",
    "a repair": "It stopped working yesterday, please fix it.",
    "a charge": "Why was I charged 80 euros this month?",
    "one invoice": "Please explain this very invoice to me.",
    "the future": "Do you plan to open a region in Africa?",
}


@pytest.mark.parametrize("body", DEEDS.values(), ids=list(DEEDS))
def test_what_no_article_can_know_or_do_is_a_persons(body: str) -> None:
    assert "deed_asked" in {finding.code for finding in judged(drafted(ticket=ticket(body))).findings}


def test_an_unlikely_injection_among_the_flags_is_no_finding() -> None:
    def codes(probability: float) -> set[str]:
        flags = ({"flag": "injection", "probability": probability},)
        return {finding.code for finding in judged(drafted(classification=classification(flags=flags))).findings}

    assert "instruction_in_ticket" in codes(0.9)
    assert "instruction_in_ticket" not in codes(0.03)


def test_the_likeliest_intent_of_each_question_travels_with_the_case() -> None:
    asked = (RankedIntent(intent="billing_invoice", probability=0.8),)

    assert drafted(classification=classification(asked=asked)).classification.asked == asked
