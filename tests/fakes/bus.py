"""A bus in memory that runs the real stages by the real runner; only Kafka is missing."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from aiokafka import ConsumerRecord

from contracts.events import DeadLetter, Event
from shared.envelope import Message, decode
from shared.kafka import to_message
from shared.stage import Patience, Runner, Stage
from tests.fakes.transaction import MemoryOutbox

E = TypeVar("E", bound=Event)

AT_ONCE = Patience(attempts_max=5, backoff_seconds=0.0, backoff_seconds_max=0.0)
STEPS_MAX = 10_000


class MemoryBus:
    """Topics, the stages that consume them, and everything that was ever published.

    A message goes to the stages of each service as bytes, as a Kafka record would; outbox rows are published once
    their transaction is committed, as the relay does.
    """

    def __init__(self, patience: Patience = AT_ONCE) -> None:
        self.published: list[Message] = []
        self.runners: dict[str, Runner] = {}
        self._patience = patience
        self._consumers: defaultdict[str, list[tuple[Runner, Stage]]] = defaultdict(list)
        self._outboxes: list[MemoryOutbox] = []
        self._waiting: deque[Message] = deque()
        self._offsets: Counter[str] = Counter()

    def add(self, service: str, stages: Sequence[Stage] = (), outbox: MemoryOutbox | None = None) -> None:
        """Has the stages of a service consume, and its outbox published."""
        runner = self.runners[service] = Runner(service=service, publish=self.publish, patience=self._patience)
        for stage in stages:
            self._consumers[stage.consumes.topic].append((runner, stage))
        if outbox is not None:
            self._outboxes.append(outbox)

    async def publish(self, message: Message) -> None:
        """Takes a message and gives it the next offset of its topic."""
        taken = to_message(_record(message, self._offsets[message.topic]))
        self._offsets[message.topic] += 1
        self.published.append(taken)
        self._waiting.append(taken)

    async def run(self) -> None:
        """This function will return when nothing waits any more, neither on a topic nor in an outbox."""
        for _ in range(STEPS_MAX):
            for outbox in self._outboxes:
                for row in outbox.drain():
                    await self.publish(row)
            if not self._waiting:
                return
            message = self._waiting.popleft()
            for runner, stage in self._consumers[message.topic]:
                await runner.process(stage, message)
        raise RuntimeError(f"the flow did not come to rest within {STEPS_MAX} messages")

    async def redeliver(self, matching: Callable[[Message], bool]) -> int:
        """Delivers the matching messages once more, as Kafka does after a crash; returns their number."""
        again = [message for message in self.published if matching(message)]
        self._waiting.extend(again)
        await self.run()
        return len(again)

    def events(self, event_type: type[E]) -> list[E]:
        """All events of a type that were ever published, in their order."""
        return [decode(event_type, message) for message in self.published if message.topic == event_type.topic]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What could not be processed."""
        letters = (message for message in self.published if message.topic == DeadLetter.topic)
        return [DeadLetter.model_validate_json(letter.body) for letter in letters]


def _record(message: Message, offset: int) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(
        topic=message.topic,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=message.key.encode(),
        value=message.body,
        checksum=None,
        serialized_key_size=len(message.key),
        serialized_value_size=len(message.body),
        headers=tuple((name, value.encode()) for name, value in message.headers.items()),
    )
