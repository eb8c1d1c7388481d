"""What a person approved helps to answer the next customer who asks the same, and tells nothing of the first."""

import pytest

from contracts.events import TicketReceived
from tests.journey.world import World

QUESTION = "My dashboard shows turquoise banners since yesterday, whatever does that mean?\n\nRegards\nAnn Example"
APPROVED = (
    "Hello Ann,\n\nTurquoise banners on the dashboard mean that a maintenance window is near.\n\nKind regards\nRita"
)


async def decided(world: World, action: str, text: str = "", question: str = QUESTION) -> None:
    case_id = await world.customer_writes(question)
    assert world.status(case_id) == "in_review"
    await world.person_decides(case_id, action, text)


async def test_the_next_customer_s_evidence_has_the_approved_answer(world: World) -> None:
    await decided(world, "edit", APPROVED)
    await world.customer_writes("What do turquoise banners on the dashboard mean?", ticket_id="43")

    request = world.requests[-1]
    [found] = [found for found in request.context.evidence if found.document_id.startswith("solved/")]
    assert found.text == "Turquoise banners on the dashboard mean that a maintenance window is near."
    assert "Ann" not in found.model_dump_json()
    assert "whatever does that mean" not in found.model_dump_json()
    assert "maintenance window is near" in request.draft.text


@pytest.mark.parametrize("action", ["reject", "reassign"])
async def test_what_nobody_approved_is_no_evidence(world: World, action: str) -> None:
    await decided(world, action)

    assert world.answers_learned.learned == {}


async def test_what_was_sent_without_a_person_is_no_evidence(world: World) -> None:
    await world.customer_writes("How can I roll back to an earlier release from the command line?")

    assert len(world.answers) == 1
    assert world.answers_learned.learned == {}


async def test_an_answer_with_a_customer_s_personal_data_is_no_evidence(world: World) -> None:
    await decided(world, "edit", "We write to [EMAIL_1] as soon as the turquoise banners on the dashboard are gone.")
    await decided(
        world,
        "edit",
        "Please ask our colleague under bob@example.org about turquoise banners on the dashboard.",
        QUESTION.replace("turquoise", "purple"),
    )

    assert world.answers_learned.learned == {}


async def test_an_approval_that_is_delivered_twice_is_learned_once(world: World) -> None:
    await decided(world, "edit", APPROVED)
    learned = dict(world.answers_learned.learned)
    await world.bus.redeliver(lambda message: message.topic == "feedback-recorded")

    assert world.answers_learned.learned == learned
    assert len(learned) == 1
    assert world.bus.events(TicketReceived)
