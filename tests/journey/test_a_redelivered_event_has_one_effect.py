"""Kafka and helpdesks deliver at least once; the customer, the reviewer and the records see each thing once."""

from collections import Counter

import pytest

from tests.journey.world import World

SURE = "How can I roll back to an earlier release from the command line?"
UNSURE = "Where can I download every invoice?"


def effects(world: World) -> tuple[object, ...]:
    """All that somebody outside could notice."""
    ids = Counter(str(message.headers["ce_id"]) for message in world.bus.published)
    return (
        world.answers,
        {case_id: case.status for case_id, case in world.book.cases.items()},
        {record.case_id: record.event_id for record in world.records.by_case.values()},
        set(ids),
    )


async def test_a_webhook_that_is_delivered_again_opens_no_second_case(world: World) -> None:
    first = await world.customer_writes(SURE, message_id="msg_same")
    again = await world.customer_writes(SURE, message_id="msg_same")

    assert first == again
    assert len(world.answers) == 1


@pytest.mark.parametrize(
    "topic",
    [
        "ticket-received",
        "ticket-classified",
        "context-retrieved",
        "answer-drafted",
        "answer-validated",
        "answer-released",
        "answer-delivered",
        "feedback-recorded",
        "review-completed",
    ],
)
async def test_any_topic_may_be_delivered_again_from_its_beginning(world: World, topic: str) -> None:
    await world.customer_writes(SURE, ticket_id="1")
    asked = await world.customer_writes(UNSURE, ticket_id="2")
    await world.person_decides(asked, "approve", world.requests[0].draft.text)
    before = effects(world)
    again = await world.bus.redeliver(lambda message: message.topic == topic)
    await world.settle()

    assert again > 0
    assert effects(world) == before
    assert len(world.answers) == 2
    assert world.bus.dead_letters == []


async def test_everything_at_once_may_be_delivered_again(world: World) -> None:
    case_id = await world.customer_writes(UNSURE)
    await world.customer_writes(SURE)
    before = effects(world)
    await world.bus.redeliver(lambda message: True)
    await world.settle()

    assert effects(world) == before
    assert world.status(case_id) == "superseded"
