"""A message that cannot be processed is put aside once, with all that is needed to replay it; the rest flow."""

import base64

import pytest

from shared.envelope import Message
from tests.journey.world import World

SURE = "How can I roll back to an earlier release from the command line?"
TOPICS = [
    "ticket-received",
    "ticket-classified",
    "context-retrieved",
    "answer-drafted",
    "answer-validated",
    "review-completed",
    "answer-released",
    "answer-delivered",
    "feedback-recorded",
]
CONSUMERS = {
    "ticket-received": {"classification", "escalation"},
    "answer-delivered": {"escalation"},
    "feedback-recorded": {"feedback", "retrieval"},
}


@pytest.mark.parametrize("topic", TOPICS)
async def test_garbage_is_one_dead_letter_for_each_consumer_and_the_rest_flow(world: World, topic: str) -> None:
    await world.bus.publish(Message(topic, "k", {"ce_type": f"{topic}.v1"}, b'{"poison": "\x00'))
    case_id = await world.customer_writes(SURE)

    letters = world.bus.dead_letters
    assert {letter.original_topic for letter in letters} == {topic}
    assert len(letters) == len(CONSUMERS.get(topic, {"one"})) == len({letter.service for letter in letters})
    assert {(letter.error_type, letter.attempts) for letter in letters} == {("InvalidMessage", 1)}
    assert base64.b64decode(letters[0].body_base64) == b'{"poison": "\x00'
    assert world.status(case_id) == "released"
    assert len(world.answers) == 1


async def test_a_dead_letter_that_is_delivered_again_is_the_same_letter(world: World) -> None:
    await world.bus.publish(Message("answer-drafted", "k", {}, b"{}"))
    await world.bus.run()
    await world.bus.redeliver(lambda message: message.topic == "answer-drafted")

    first, again = world.bus.dead_letters
    assert first.event_id == again.event_id


async def test_a_message_of_a_tenant_that_is_gone_stops_nobody_else(world: World) -> None:
    await world.customer_writes(SURE, ticket_id="1")
    [received] = [message for message in world.bus.published if message.topic == "ticket-received"]
    stranger = received.body.replace(b'"tenant":"demo"', b'"tenant":"gone"')
    await world.bus.publish(Message(received.topic, received.key, received.headers, stranger))
    await world.customer_writes(SURE, ticket_id="2")

    assert [(letter.service, letter.error_type) for letter in world.bus.dead_letters] == [
        ("classification", "InvalidMessage")
    ]
    assert len(world.answers) == 2
