"""When an answer counts as right, and what its citations are worth."""

import pytest

from contracts.events import AnswerValidated, Usage
from infra.evaluation.answers import judge, overlap, token_f1
from infra.evaluation.asked import Asked, Gold
from infra.evaluation.case import Question
from tests.unit.cases import draft, validated, validation


def answered(**fields: object) -> AnswerValidated:
    return validated(**fields)


def test_with_known_documents_the_first_cited_one_decides() -> None:
    assert judge(answered(), Gold("", True, frozenset({"rollback-a-release"}))).right
    other = judge(answered(), Gold("", True, frozenset({"invoices"})))
    assert not other.right
    assert other.citations_right == (False,)


def test_without_them_the_known_answer_decides() -> None:
    assert judge(answered(), Gold("An earlier release is put back into service by a rollback.", True)).right
    assert not judge(answered(), Gold("Invoices are sent on the first of each month.", True)).right


def test_to_answer_what_cannot_be_answered_is_wrong() -> None:
    judged = judge(answered(), Gold("", False, frozenset({"rollback-a-release"})))

    assert not judged.right
    assert judged.citations_right == (False,)
    assert judged.token_f1 is None


@pytest.mark.parametrize(
    "fields", [{"draft": draft("", citations=())}, {"validation": validation(verdict="block", confidence=0.99)}]
)
def test_what_may_not_be_sent_has_no_confidence(fields: dict[str, object]) -> None:
    assert judge(answered(**fields), Gold("", True, frozenset({"rollback-a-release"}))).confidence == 0.0


def test_costs_are_those_of_all_attempts() -> None:
    assert judge(answered(spent=Usage(cost_usd=0.02)), Gold("", True)).spent.cost_usd == 0.02


def test_only_a_text_that_a_model_wrote_counts_as_written_by_one() -> None:
    gold = Gold("", True)

    assert judge(answered(draft=draft(drafter="openai")), gold).is_by_model
    assert not judge(answered(draft=draft(drafter="extractive", fell_back_from="openai")), gold).is_by_model
    assert not judge(answered(draft=draft("", citations=(), drafter="openai")), gold).is_by_model


def test_a_sample_is_the_same_each_time_and_within_a_larger_one() -> None:
    questions = [(Question(str(number), "?"), Gold("", True), f"tenant-{number % 10}") for number in range(50)]
    asked = Asked({f"tenant-{number}": [] for number in range(10)}, questions)
    few, more = asked.sampled(3), asked.sampled(20)

    assert few == asked.sampled(3)
    assert few.questions == more.questions[:3]
    assert len({question.question_id for question, _, _ in more.questions}) == 20
    assert set(few.knowledge) == {collection for _, _, collection in few.questions}
    assert len(asked.sampled(1_000).questions) == 50


def test_overlap_is_fair_to_short_and_to_long_answers() -> None:
    short, long = "Restart the worker.", "Restart the worker, then check the queue length and the error log."

    assert overlap(short, long) == overlap(long, short) == 1.0
    assert overlap(short, "Pay the invoice.") == 0.0
    assert overlap("", long) == 0.0


def test_token_f1_is_that_of_squad() -> None:
    assert token_f1("the quick fox", "a quick dog") == pytest.approx(0.5)
    assert token_f1("nothing", "else") == 0.0
