"""Topics are created from `flow.yaml`, and creating them again changes nothing."""

from typing import Any, NamedTuple, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import IncompatibleBrokerVersion

from contracts.flow import load_flow
from infra.kafka import topics
from infra.kafka.topics import TopicsNotCreated, create_topics

FLOW = load_flow()
TOPIC_ALREADY_EXISTS, POLICY_VIOLATION = 36, 44


class Response(NamedTuple):
    topic_errors: list[tuple[str, int, str]]


class FakeCluster:
    """A broker that keeps its topics in memory and can refuse."""

    def __init__(self) -> None:
        self.created: dict[str, NewTopic] = {}
        self.partitions: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        self.can_grow = True

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return list(self.partitions)

    async def create_topics(self, wanted: list[NewTopic]) -> Response:
        for topic in wanted:
            if topic.name not in self.errors:
                self.created[topic.name] = topic
                self.partitions[topic.name] = topic.num_partitions
        return Response([(topic.name, self.errors.get(topic.name, 0), "not today") for topic in wanted])

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"topic": name, "partitions": [{}] * self.partitions[name]} for name in names]

    async def create_partitions(self, wanted: dict[str, NewPartitions]) -> None:
        if not self.can_grow:
            raise IncompatibleBrokerVersion("CreatePartitionsRequest")
        self.partitions |= {name: new.total_count for name, new in wanted.items()}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()
    monkeypatch.setattr(topics, "AIOKafkaAdminClient", lambda **_: cast("AIOKafkaAdminClient", fake))
    return fake


async def test_every_topic_is_created_as_the_flow_says(cluster: FakeCluster) -> None:
    done = await create_topics("broker:9092", FLOW, replication=3)

    assert done == [f"created {topic.name}" for topic in FLOW.topics]
    for topic in FLOW.topics:
        new = cluster.created[topic.name]
        assert (new.num_partitions, new.replication_factor) == (topic.partitions, 3)
        assert new.topic_configs["max.message.bytes"] == str(topic.message_bytes_max)
        assert new.topic_configs["retention.ms"] == str(topic.retention_days * 24 * 60 * 60 * 1000)
        assert new.topic_configs["min.insync.replicas"] == "2"


async def test_a_second_time_changes_nothing(cluster: FakeCluster) -> None:
    await create_topics("broker:9092", FLOW)

    assert await create_topics("broker:9092", FLOW) == []


async def test_missing_partitions_are_added_and_none_taken_away(cluster: FakeCluster) -> None:
    cluster.partitions = {topic.name: topic.partitions for topic in FLOW.topics}
    cluster.partitions |= {"ticket-received": 2, "dead-letter": 12}

    assert await create_topics("broker:9092", FLOW) == ["ticket-received now has 6 partitions, 2 before"]
    assert cluster.partitions["dead-letter"] == 12


async def test_a_broker_that_cannot_add_partitions_is_told_of(cluster: FakeCluster) -> None:
    cluster.partitions = {topic.name: topic.partitions for topic in FLOW.topics} | {"ticket-received": 2}
    cluster.can_grow = False

    [sentence] = await create_topics("broker:9092", FLOW)

    assert sentence == "ticket-received stays at 2 of 6 partitions: this broker cannot add any"


async def test_a_topic_that_another_process_made_meanwhile_is_no_error(cluster: FakeCluster) -> None:
    cluster.errors = {"ticket-received": TOPIC_ALREADY_EXISTS}

    assert "created ticket-received" not in await create_topics("broker:9092", FLOW)


async def test_a_refusal_names_the_topic_and_the_reason(cluster: FakeCluster) -> None:
    cluster.errors = {"answer-drafted": POLICY_VIOLATION}

    with pytest.raises(TopicsNotCreated, match="refused answer-drafted: PolicyViolationError not today"):
        await create_topics("broker:9092", FLOW)


async def test_a_broker_that_is_not_there_gives_a_sentence() -> None:
    with pytest.raises(TopicsNotCreated, match=r"no broker answers at 127\.0\.0\.1:1"):
        await create_topics("127.0.0.1:1", FLOW)
