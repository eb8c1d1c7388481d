"""One hop of the peer: aiokafka alone. `python -m infra.bench.bare_aiokafka BOOTSTRAP SOURCE TARGET`.

A batch at a time: everything that was fetched is decoded, encoded and sent, and the offsets are committed once the
broker has all of it. Waiting for each message by itself (`send_and_wait`) would bring one round trip per ticket and
hop, which nobody who needs throughput would write. Durability is Handrail's: `acks=all`, idempotent, nothing lost.
"""

import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.settings import Settings


async def hop(bootstrap: str, source: str, target: str) -> None:
    """Moves messages from one topic to the next, for ever."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=source,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=Settings().kafka_idempotence,
        max_batch_size=262_144,  # As Handrail; the default of 16 kB would slow both.
    )
    async with consumer, producer:
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            sent = []
            for record in (record for records in batches.values() for record in records):
                event = orjson.loads(record.value)
                sent.append(await producer.send(target, value=orjson.dumps(event), key=record.key))
            if sent:
                await asyncio.gather(*sent)
                await consumer.commit()


if __name__ == "__main__":
    asyncio.run(hop(*sys.argv[1:4]))
