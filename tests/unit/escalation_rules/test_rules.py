"""Only a case for which nothing speaks for a person is released."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events import AnswerValidated, Draft, Finding, RankedIntent
from services.escalation.rules import Release, Review, Specialist, citations_in, decide, due_at
from tests.unit.cases import NOON, classification, draft, flag, pack, validated, validation


def test_a_clean_case_is_released() -> None:
    assert decide(validated(), pack()) == Release()


def _with(**fields: Any) -> AnswerValidated:
    return validated(classification=classification(**fields))


REFUND_TOO = (
    RankedIntent(intent="deploy_rollback", probability=0.7),
    RankedIntent(intent="billing_refund", probability=0.2),
)
FOR_A_PERSON = {
    "flag_security": _with(flags=(flag("security", 0.01),)),
    "autonomy_off": _with(intents=(RankedIntent(intent="billing_refund", probability=0.99),)),
    "autonomy_other": _with(intents=REFUND_TOO),
    "autonomy_other_asked": _with(asked=(RankedIntent(intent="billing_refund", probability=0.6),)),
    "autonomy_suggest": _with(intents=(RankedIntent(intent="billing_invoice", probability=0.99),)),
    "out_of_scope": _with(out_of_scope=0.6),
    "language": _with(language="de"),
    "language_of_draft": validated(draft=draft(language="de")),
    "no_draft": validated(draft=Draft(text="", drafter="extractive", model="test")),
    "no_citation": validated(draft=draft(citations=())),
    "unanswered": validated(draft=draft(unanswered=("And the invoices?",))),
    "verdict": validated(validation=validation(verdict="warn")),
    "confidence": validated(validation=validation(confidence=0.89)),
    "uncalibrated": validated(validation=validation(confidence_sample_size=0)),
}


@pytest.mark.parametrize("code", FOR_A_PERSON)
def test_one_reason_is_enough_for_a_person(code: str) -> None:
    outcome = decide(FOR_A_PERSON[code], pack())

    assert isinstance(outcome, Review)
    assert code.removesuffix("_asked") in {reason.code for reason in outcome.reasons}
    assert outcome.queue == "deployments"


@pytest.mark.parametrize("intents", [(), (RankedIntent(intent="unheard_of", probability=1.0),)])
def test_an_unknown_intent_is_never_automatic_where_the_pack_has_intents(intents: tuple[RankedIntent, ...]) -> None:
    assert isinstance(decide(_with(intents=intents), pack()), Review)


@pytest.mark.parametrize(("autonomy", "outcome"), [("auto", Release), ("suggest", Review), ("off", Review)])
def test_without_a_taxonomy_the_pack_says_how_far_autonomy_goes(autonomy: str, outcome: type) -> None:
    starter = pack(intents=(), unknown_intent_autonomy=autonomy)

    assert isinstance(decide(_with(intents=()), starter), outcome)


def test_a_specialist_route_goes_to_the_specialists_with_at_least_high_priority() -> None:
    event = _with(route="specialist", queue="trust", flags=(flag("security"),), priority="low")

    outcome = decide(event, pack())

    assert isinstance(outcome, Specialist)
    assert (outcome.queue, outcome.priority) == ("trust", "high")
    assert outcome.reasons[0].code == "flag_security"


def test_a_queue_that_the_pack_lacks_is_replaced_by_the_intents_own() -> None:
    outcome = decide(_with(queue="nowhere", out_of_scope=0.9), pack())

    assert isinstance(outcome, Review)
    assert outcome.queue == "deployments"


def test_findings_of_validation_are_reasons_and_notes_are_not() -> None:
    findings = (
        Finding(code="link_foreign", severity="blocking", message="m"),
        Finding(code="drafter_fell_back", severity="info", message="m"),
    )
    outcome = decide(validated(validation=validation(verdict="block", findings=findings)), pack())

    assert isinstance(outcome, Review)
    codes = {reason.code for reason in outcome.reasons}
    assert "link_foreign" in codes
    assert "drafter_fell_back" not in codes


def test_a_note_alone_does_not_hold_an_answer_back() -> None:
    note = Finding(code="drafter_fell_back", severity="info", message="m")

    assert decide(validated(validation=validation(findings=(note,))), pack()) == Release()


@pytest.mark.parametrize(("priority", "minutes"), [("urgent", 60), ("normal", 1440), ("low", 1440)])
def test_due_times_follow_the_service_level(priority: Any, minutes: int) -> None:
    assert due_at(NOON, priority, pack()) == NOON + timedelta(minutes=minutes)


def test_citations_follow_their_words_through_an_edit() -> None:
    before = draft()
    edited = before.text.replace("Hello,", "Hello Ms Foley,")

    [citation] = citations_in(edited, before)

    assert edited[citation.start : citation.end] == before.citations[0].quote


@pytest.mark.parametrize(
    "edited", ["Something else. [1]", "A rollback puts an earlier release back into service at once."]
)
def test_a_citation_without_its_words_or_its_number_is_dropped(edited: str) -> None:
    assert citations_in(edited, draft()) == ()
