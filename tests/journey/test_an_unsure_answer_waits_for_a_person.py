"""Where Handrail is not sure, nothing goes out before a person has said so."""

from uuid import UUID

from tests.journey.world import World

QUESTION = "Where can I download every invoice?"


async def waiting(world: World) -> UUID:
    """A case in review, with nothing sent."""
    case_id = await world.customer_writes(QUESTION)
    assert world.status(case_id) == "in_review"
    assert world.answers == []
    return case_id


async def test_the_reviewer_gets_all_that_is_needed_to_decide(world: World) -> None:
    case_id = await waiting(world)

    [request] = world.requests
    assert (request.case_id, request.kind) == (case_id, "review")
    assert "autonomy_suggest" in {reason.code for reason in request.reasons}
    assert request.context.evidence[0].document_id == "invoices-and-receipts"
    assert request.draft.citations
    assert request.due_at > world.clock()


async def test_an_approved_draft_is_sent_as_it_is(world: World) -> None:
    case_id = await waiting(world)
    draft = world.requests[0].draft.text
    await world.person_decides(case_id, "approve", draft)

    assert world.answers == [draft]
    assert world.status(case_id) == "released"
    record = world.record(case_id)
    assert record is not None
    assert (record.decided_by, record.decision.action, record.decision.reviewer) == ("person", "approve", "rita")


async def test_an_edited_draft_is_sent_as_edited_and_both_are_kept_to_learn_from(world: World) -> None:
    case_id = await waiting(world)
    await world.person_decides(case_id, "edit", "Hello Ann,\n\nsee Console > Billing.", reason_code="too_long")

    assert world.answers == ["Hello Ann,\n\nsee Console > Billing."]
    record = world.record(case_id)
    assert record is not None
    assert record.draft == world.requests[0].draft
    assert record.decision.final_text == world.answers[0]
    assert record.decision.reason_code == "too_long"


async def test_a_rejected_draft_is_not_sent_and_the_reason_is_kept(world: World) -> None:
    case_id = await waiting(world)
    await world.person_decides(case_id, "reject", reason_code="wrong", note="Another product.")

    assert world.answers == []
    assert world.status(case_id) == "rejected"
    record = world.record(case_id)
    assert record is not None
    assert (record.decision.reason_code, record.decision.note) == ("wrong", "Another product.")


async def test_a_second_person_comes_too_late(world: World) -> None:
    case_id = await waiting(world)
    await world.person_decides(case_id, "reject", reason_code="wrong")
    draft = world.requests[0].draft.text
    [completed] = [message for message in world.bus.published if message.topic == "review-completed"]
    assert completed.key == f"demo:{world.requests[0].conversation_id}"
    await world.person_decides(case_id, "approve", draft)

    assert world.answers == []
    assert world.status(case_id) == "rejected"


async def test_a_question_that_nothing_answers_is_never_answered_by_chance(world: World) -> None:
    case_id = await world.customer_writes("Do you know a good recipe for lasagne?")

    assert world.status(case_id) == "in_review"
    assert world.answers == []
    assert {"out_of_scope", "no_draft"} <= {reason.code for reason in world.requests[0].reasons}
