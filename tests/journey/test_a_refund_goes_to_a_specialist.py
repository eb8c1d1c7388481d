"""Money is for people: whatever the draft looks like, a specialist decides."""

from tests.journey.world import World

DEMAND = "You charged me twice, I want my money back! You can also roll back to an earlier release meanwhile."


async def test_nothing_is_promised_and_the_specialists_are_asked(world: World) -> None:
    case_id = await world.customer_writes(DEMAND)

    [request] = world.requests
    assert world.status(case_id) == "with_specialist"
    assert request.kind == "specialist"
    assert request.reasons
    assert world.answers == []
    assert world.record(case_id) is None


async def test_the_specialists_own_words_are_sent(world: World) -> None:
    case_id = await world.customer_writes(DEMAND)
    await world.person_decides(case_id, "edit", "We have refunded the second charge.", reason_code="refund_approved")

    assert world.answers == ["We have refunded the second charge."]
    record = world.record(case_id)
    assert record is not None
    assert record.decided_by == "person"


async def test_a_case_handed_on_is_decided_by_the_next_specialist(world: World) -> None:
    case_id = await world.customer_writes(DEMAND)
    await world.person_decides(case_id, "reassign", queue="trust")

    assert world.status(case_id) == "with_specialist"
    assert world.answers == []
    assert world.record(case_id) is None
