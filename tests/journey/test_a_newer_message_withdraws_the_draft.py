"""The customer writes again before anybody has decided: the old draft must not go out any more."""

from tests.journey.world import World

QUESTION = "Where can I download every invoice?"
CORRECTION = "Sorry, I meant: how can I roll back to an earlier release from the command line?"


async def test_the_first_case_is_withdrawn_and_the_second_stands_for_itself(world: World) -> None:
    first = await world.customer_writes(QUESTION)
    second = await world.customer_writes(CORRECTION)

    assert first != second
    assert world.status(first) == "superseded"
    assert world.status(second) == "released"
    assert len(world.answers) == 1
    assert "nq rollback" in world.answers[0]


async def test_an_approval_of_the_withdrawn_draft_sends_nothing(world: World) -> None:
    first = await world.customer_writes(QUESTION)
    draft = world.requests[0].draft.text
    await world.customer_writes(CORRECTION)
    await world.person_decides(first, "approve", draft)

    assert draft not in world.answers
    assert world.status(first) == "superseded"
    assert world.record(first) is None


async def test_the_second_turn_knows_what_was_said_before(world: World) -> None:
    await world.customer_writes(QUESTION)
    await world.webhook({"type": "message.sent", "data": {"ticket_id": "42", "body": "Which invoice do you mean?"}})
    await world.customer_writes("The invoice of March")

    thread = world.requests[-1].ticket.thread
    assert [(message.author, message.body) for message in thread] == [
        ("customer", QUESTION),
        ("agent", "Which invoice do you mean?"),
    ]


async def test_an_answer_that_went_out_stays_and_the_next_turn_is_a_case_of_its_own(world: World) -> None:
    first = await world.customer_writes(CORRECTION)
    second = await world.customer_writes(QUESTION)

    assert (world.status(first), world.status(second)) == ("released", "in_review")
    assert len(world.answers) == 1
