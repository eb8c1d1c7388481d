"""`python -m infra.kafka.topics`: creates the topics of `contracts/flow.yaml` on the broker.

Can be run again at any time: topics that exist keep their data and their settings, and only gain partitions they lack.
"""

import asyncio
import os

import typer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from contracts.flow import Flow, FlowInvalid, Topic, load_flow
from shared.settings import Settings

REQUEST_TIMEOUT_MS = 30_000
MILLISECONDS_PER_DAY = 86_400_000


class TopicsNotCreated(Exception):
    """The broker cannot be reached or refuses a topic; the text says which and why."""


async def create_topics(bootstrap: str, flow: Flow, *, replication: int = 1) -> list[str]:
    """This function will create what is missing, and return one sentence for each topic that it changed or could not.

    Args:
        bootstrap: `host:port` of the broker, or several with commas between.
        replication: copies of each partition; above 1, one of them may be missing while messages are accepted.

    Raises:
        TopicsNotCreated: the broker is not there, or refused a topic.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in flow.topics if topic.name not in existing]
        done = await _create(admin, missing, replication)
        return done + await _grow(admin, [topic for topic in flow.topics if topic.name in existing])
    except (KafkaConnectionError, OSError, TimeoutError) as error:
        raise TopicsNotCreated(f"no broker answers at {bootstrap}; is HANDRAIL_KAFKA_BOOTSTRAP right?") from error
    except KafkaError as error:
        raise TopicsNotCreated(f"the broker at {bootstrap} refused: {error}") from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], replication: int) -> list[str]:
    if not topics:
        return []
    response = await admin.create_topics([_new_topic(topic, replication) for topic in topics])
    created = []
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(f"created {name}")
        elif error is not TopicAlreadyExistsError:  # Another process was quicker; that is as good.
            raise TopicsNotCreated(f"the broker refused {name}: {error.__name__} {' '.join(filter(None, message))}")
    return created


async def _grow(admin: AIOKafkaAdminClient, topics: list[Topic]) -> list[str]:
    """Adds partitions one topic at a time, so that one refusal says which."""
    described = await admin.describe_topics([topic.name for topic in topics]) if topics else []
    present = {entry["topic"]: len(entry["partitions"]) for entry in described}
    done = []
    for topic in topics:
        has = present.get(topic.name, topic.partitions)
        if has >= topic.partitions:
            continue
        try:
            await admin.create_partitions({topic.name: NewPartitions(total_count=topic.partitions)})
            done.append(f"{topic.name} now has {topic.partitions} partitions, {has} before")
        except IncompatibleBrokerVersion:
            done.append(f"{topic.name} stays at {has} of {topic.partitions} partitions: this broker cannot add any")
    return done


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_days * MILLISECONDS_PER_DAY),
        "max.message.bytes": str(topic.message_bytes_max),
        "min.insync.replicas": str(max(1, replication - 1)),
    }
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=settings)


def main() -> None:
    """Create the topics on `HANDRAIL_KAFKA_BOOTSTRAP`, each copied `HANDRAIL_KAFKA_REPLICATION` times (default 1)."""
    try:
        replication = int(os.environ.get("HANDRAIL_KAFKA_REPLICATION", "1"))
        for sentence in asyncio.run(create_topics(Settings().kafka_bootstrap, load_flow(), replication=replication)):
            typer.echo(sentence)
    except ValueError:
        typer.echo("HANDRAIL_KAFKA_REPLICATION must be a whole number, such as 3", err=True)
        raise typer.Exit(1) from None
    except (FlowInvalid, TopicsNotCreated) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
