"""From scores to a classification."""

import pytest

from contracts.pack import FlagDefinition
from services.classification.rules.deciding import Scores, asked_apart, classify
from services.classification.rules.mood import NEUTRAL, Mood
from tests.unit.cases import pack, ticket

ENGLISH = ("en", 0.99)
ROLLBACK = (("deploy_rollback", 0.9), ("billing_invoice", 0.1))


def test_an_ordinary_ticket_goes_to_an_answer_in_the_queue_of_its_intent() -> None:
    result = classify(ticket(), Scores(intents=ROLLBACK, out_of_scope=0.02), ENGLISH, pack(), "m1", NEUTRAL)

    assert (result.route, result.queue, result.intent) == ("answer", "deployments", "deploy_rollback")
    assert result.flags == ()
    assert (result.language, result.out_of_scope, result.model_version) == ("en", 0.02, "m1")


def test_a_flag_with_a_queue_goes_to_its_specialists_and_is_at_least_high() -> None:
    scores = Scores(intents=ROLLBACK, risks=(("security", 0.8),))

    result = classify(ticket(), scores, ENGLISH, pack(), "m1", NEUTRAL)

    assert (result.route, result.queue) == ("specialist", "trust")
    assert result.priority in {"high", "urgent"}
    assert [flag.flag for flag in result.flags] == ["security"]


def test_a_flag_without_a_queue_is_kept_and_does_not_change_the_route() -> None:
    odd = FlagDefinition(description="Odd.", examples=("a", "b", "c", "d", "e"))

    result = classify(
        ticket(), Scores(intents=ROLLBACK, risks=(("odd", 0.6),)), ENGLISH, pack(flags={"odd": odd}), "m1", NEUTRAL
    )

    assert (result.route, [flag.flag for flag in result.flags]) == ("answer", ["odd"])


def test_an_intent_that_a_person_always_decides_goes_to_specialists() -> None:
    result = classify(ticket(), Scores(intents=(("billing_refund", 0.6),)), ENGLISH, pack(), "m1", NEUTRAL)

    assert result.route == "specialist"


def test_the_risk_of_such_an_intent_is_enough_even_where_another_is_likelier() -> None:
    likely = (*ROLLBACK, ("billing_refund", 0.05))
    scores = Scores(intents=likely, risks=(("intent:billing_refund", 0.5),))

    result = classify(ticket(), scores, ENGLISH, pack(), "m1", NEUTRAL)

    assert result.route == "specialist"
    assert result.flags == ()


def test_the_risk_of_an_intent_that_is_all_but_ruled_out_is_none() -> None:
    unlikely = (*ROLLBACK, ("billing_refund", 0.001))
    scores = Scores(intents=unlikely, risks=(("intent:billing_refund", 0.5),))

    assert classify(ticket(), scores, ENGLISH, pack(), "m1", NEUTRAL).route == "answer"


def test_a_phrase_raises_a_flag_that_the_model_overlooked() -> None:
    hacked = ticket("We have been hacked. How do I roll back?")

    result = classify(hacked, Scores(intents=ROLLBACK), ENGLISH, pack(), "m1", NEUTRAL)

    assert [flag.flag for flag in result.flags] == ["security"]
    assert result.route == "specialist"


def test_a_pack_without_intents_gives_none_and_answers() -> None:
    result = classify(ticket(), Scores(), ENGLISH, pack(intents=()), "m1", NEUTRAL)

    assert (result.intents, result.intent, result.out_of_scope) == ((), None, 0.0)
    assert (result.route, result.queue) == ("answer", "deployments")


@pytest.mark.parametrize(("urgency", "steps"), [(1, 1), (0, 0), (-1, -1)])
def test_urgency_moves_the_priority_by_one_step(urgency: int, steps: int) -> None:
    order = ["low", "normal", "high", "urgent"]
    usual = classify(ticket(), Scores(intents=ROLLBACK), ENGLISH, pack(), "m1", NEUTRAL)
    moved = classify(ticket(), Scores(intents=ROLLBACK), ENGLISH, pack(), "m1", Mood(urgency, 0.0))

    assert order.index(moved.priority) == order.index(usual.priority) + steps


def test_a_risk_stays_high_however_little_the_customer_hurries() -> None:
    scores = Scores(intents=ROLLBACK, risks=(("security", 0.8),))

    assert classify(ticket(), scores, ENGLISH, pack(), "m1", Mood(-1, 0.0)).priority == "high"


def test_the_mood_is_handed_on() -> None:
    assert classify(ticket(), Scores(), ENGLISH, pack(), "m1", Mood(0, -0.7)).sentiment == -0.7


def test_every_ticket_asks_at_least_one_question_and_parts_are_counted() -> None:
    one = classify(ticket("deploy broken"), Scores(), ENGLISH, pack(), "m1", NEUTRAL)
    two = classify(
        ticket("How do I roll back a release? And where do I find our last invoice?", subject=""),
        Scores(),
        ENGLISH,
        pack(),
        "m1",
        NEUTRAL,
    )

    assert (one.questions, two.questions) == (1, 2)


def test_each_question_of_a_ticket_has_an_intent_of_its_own() -> None:
    asked = (("deploy_rollback", 0.8), ("billing_invoice", 0.7))

    result = classify(ticket(), Scores(intents=ROLLBACK), ENGLISH, pack(), "m1", NEUTRAL, asked)

    assert [(one.intent, one.probability) for one in result.asked] == list(asked)


def test_questions_are_judged_apart_only_where_there_are_several() -> None:
    assert asked_apart("How do I roll back a release?") == []
    assert len(asked_apart("How do I roll back a release? And where can I download the old invoices?")) == 2
    assert len(asked_apart("Why does that happen to us? " * 50_000)) <= 8
