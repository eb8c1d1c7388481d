"""Every contender carries the same tickets over the same hops."""

import asyncio

import orjson

from infra.bench import celery_chain
from infra.bench.handrail_empty import stage
from infra.bench.workload import HOPS, event_type, tickets, topic
from shared.envelope import Message, encode
from shared.stage import Runner


def test_a_ticket_has_the_size_it_is_said_to_have() -> None:
    (event,) = tickets("r", "x", 1)
    assert 4500 <= len(event.model_dump_json()) <= 4900


def test_tickets_differ_and_repeat() -> None:
    keys = [event.key for event in tickets("r", "x", 50)]
    assert len(set(keys)) == 50
    assert keys == [event.key for event in tickets("r", "x", 50)]
    assert not {*keys} & {event.key for event in tickets("r", "y", 50)}


def test_six_stages_carry_a_ticket_from_the_first_topic_to_the_last() -> None:
    sent: list[Message] = []

    async def publish(message: Message) -> None:
        sent.append(message)

    async def through() -> None:
        sent.append(encode(tickets("r", "x", 1)[0], service="test"))
        for hop in range(HOPS):
            await Runner(service=topic("r", hop), publish=publish).process(stage("r", hop), sent[-1])

    asyncio.run(through())
    assert [message.topic for message in sent] == [topic("r", hop) for hop in range(HOPS + 1)]
    first, last = orjson.loads(sent[0].body), orjson.loads(sent[-1].body)
    assert {name for name in first if first[name] != last[name]} == {"event_id", "occurred_at"}
    assert event_type("r", HOPS).model_validate_json(sent[-1].body).key == sent[0].key


def test_the_celery_chain_has_one_queue_for_each_hop() -> None:
    (event,) = tickets("r", "x", 1)
    chain = celery_chain.ticket_chain("r", event.model_dump(mode="json"), "done")
    queues = [task.options["queue"] for task in chain.tasks]
    assert queues == [celery_chain.hold("r"), *(topic("r", hop) for hop in range(1, HOPS))]
    assert chain.tasks[0].args[0]["conversation_id"] == str(event.conversation_id)
