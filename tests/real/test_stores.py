"""The stores of the services on a real PostgreSQL: the same behaviour as their fakes', and the relay behind them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import AnswerDelivered, FeedbackRecorded, TicketReceived
from contracts.examples import example
from services.delivery.adapters.postgres import PostgresIntents, PostgresSendings
from services.escalation.adapters import PostgresCaseBook
from services.feedback.adapters import PostgresRecordReader, PostgresRecords
from services.intake.adapters import PostgresLedger
from shared.database import async_engine, database_errors, sync_engine
from shared.envelope import Message, encode
from shared.failures import DependencyDown, Retryable
from shared.relay import BATCH_ROWS, Relay
from shared.settings import Settings
from shared.transaction import INSERT_OUTBOX, outbox_row, write_outbox
from tests.suites.case_book import CaseBookSuite
from tests.suites.ledger import LedgerSuite
from tests.suites.records import RecordsSuite, RecordStores
from tests.suites.sendings import SendingsSuite, Stores

pytestmark = pytest.mark.real

Waiting = Callable[[], Awaitable[list[Message]]]
TABLES = (
    "intake.conversation, intake.webhook, escalation.conversation, escalation.case_state, delivery.sending,"
    " feedback.record"
)
OWNERS = ("intake", "escalation", "delivery")
PLUMBING = ", ".join(f"{owner}.{table}" for owner in OWNERS for table in ("inbox", "outbox"))


@pytest.fixture(scope="module")
def settings(migrated_database: str) -> Settings:
    return Settings(database_url=SecretStr(migrated_database))


@pytest.fixture
def database(settings: Settings) -> Iterator[Engine]:
    """For threads; the tables are empty before each test."""
    engine = sync_engine(settings, "tests")
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}, {PLUMBING}"))
    yield engine
    engine.dispose()


@pytest.fixture
async def engine(settings: Settings, database: Engine) -> AsyncIterator[AsyncEngine]:
    engine = async_engine(settings, "tests")
    yield engine
    await engine.dispose()


def outbox_of(schema: str, engine: AsyncEngine) -> Waiting:
    """Reads the committed outbox rows of an owner."""

    async def rows() -> list[Message]:
        async with engine.connect() as connection:
            found = await connection.execute(text(f"SELECT topic, key, headers, body FROM {schema}.outbox ORDER BY id"))
            return [Message(row.topic, row.key, row.headers, bytes(row.body)) for row in found]

    return rows


class TestPostgresLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self, engine: AsyncEngine) -> PostgresLedger:
        return PostgresLedger(engine)

    @pytest.fixture
    def waiting(self, engine: AsyncEngine) -> Waiting:
        return outbox_of("intake", engine)


class TestPostgresCaseBook(CaseBookSuite):
    @pytest.fixture
    def book(self, engine: AsyncEngine) -> PostgresCaseBook:
        return PostgresCaseBook(engine)

    @pytest.fixture
    def waiting(self, engine: AsyncEngine) -> Waiting:
        return outbox_of("escalation", engine)


class TestPostgresSendings(SendingsSuite):
    @pytest.fixture
    def stores(self, engine: AsyncEngine, database: Engine) -> Stores:
        return Stores(PostgresIntents(engine), PostgresSendings(database))

    @pytest.fixture
    def waiting(self, engine: AsyncEngine) -> Waiting:
        return outbox_of("delivery", engine)


class TestPostgresRecords(RecordsSuite):
    @pytest.fixture
    def stores(self, engine: AsyncEngine, database: Engine) -> RecordStores:
        return RecordStores(PostgresRecords(engine), PostgresRecordReader(database))

    async def test_more_records_than_one_portion_are_all_read(self, stores: RecordStores) -> None:
        record = example(FeedbackRecorded, "refund-asked")
        with_ids = [
            record.model_copy(update={"event_id": _id(number), "case_id": _id(number)}) for number in range(1100)
        ]
        await asyncio.gather(*(stores.records.keep(one) for one in with_ids))

        read = list(stores.reader.since(record.occurred_at, None))
        assert len({one.case_id for one in read}) == len(read) == 1100


def _id(number: int) -> UUID:
    return UUID(int=number + 1)


class TestRelay:
    """From the outbox to the broker, whose part `publish` plays."""

    @pytest.fixture
    def published(self) -> list[Message]:
        return []

    @pytest.fixture
    def relay(self, engine: AsyncEngine, published: list[Message]) -> Relay:
        async def publish(message: Message) -> None:
            published.append(message)

        return Relay(engine, "intake", publish)

    async def _write(self, engine: AsyncEngine, count: int) -> list[str]:
        ticket = example(TicketReceived, "refund-asked")
        ids = []
        async with engine.begin() as connection:
            for number in range(count):
                event = ticket.model_copy(update={"event_id": _id(number)})
                await write_outbox(connection, "intake", encode(event, service="intake"))
                ids.append(str(event.event_id))
        return ids

    async def test_rows_are_published_in_their_order_and_deleted(
        self, engine: AsyncEngine, relay: Relay, published: list[Message]
    ) -> None:
        ids = await self._write(engine, BATCH_ROWS + 1)
        async with engine.connect() as connection:
            moved = [await relay.relay_once(connection) for _ in range(3)]

        assert moved == [BATCH_ROWS, 1, 0]
        assert [message.headers["ce_id"] for message in published] == ids
        assert await outbox_of("intake", engine)() == []

    async def test_rows_that_the_broker_does_not_take_stay(self, engine: AsyncEngine) -> None:
        async def refuse(_: Message) -> None:
            raise DependencyDown("the broker is away")

        await self._write(engine, 3)
        relay = Relay(engine, "intake", refuse)
        with pytest.raises(DependencyDown):
            async with engine.connect() as connection:
                await relay.relay_once(connection)

        assert len(await outbox_of("intake", engine)()) == 3

    async def test_of_two_relays_one_leads_until_it_ends(self, engine: AsyncEngine) -> None:
        took: list[str] = []

        def relay(name: str) -> Relay:
            async def publish(_: Message) -> None:
                took.append(name)

            return Relay(engine, "intake", publish)

        leader = asyncio.create_task(relay("leader").run())
        await self._write(engine, 1)
        await _until(lambda: took == ["leader"])
        follower = asyncio.create_task(relay("follower").run())
        await self._write(engine, 3)
        await _until(lambda: len(took) == 4)
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)
        await self._write(engine, 1)
        await _until(lambda: len(took) == 5)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)

        assert took == ["leader"] * 4 + ["follower"]


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


class TestDatabaseErrors:
    """Which errors of PostgreSQL mean to wait, to try again, or that the message is at fault."""

    async def test_an_unreachable_server_is_a_dependency_that_is_down(self) -> None:
        url = SecretStr("postgresql://nobody@127.0.0.1:1/nothing")
        engine = async_engine(Settings(database_url=url), "tests")
        with pytest.raises(DependencyDown):
            async with PostgresLedger(engine).begin("acme", "desk", "msg_1"):
                pass
        await engine.dispose()

    async def test_a_connection_that_the_server_ends_is_a_dependency_that_is_down(self, engine: AsyncEngine) -> None:
        with pytest.raises(DependencyDown):
            async with database_errors(), engine.begin() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async def test_a_lock_that_is_not_to_be_had_is_retryable(self, engine: AsyncEngine) -> None:
        async with engine.begin() as holder:
            await holder.execute(text("LOCK TABLE delivery.sending"))
            with pytest.raises(Retryable):
                async with database_errors(), engine.begin() as other:
                    await other.execute(text("LOCK TABLE delivery.sending NOWAIT"))

    async def test_a_fault_of_the_statement_stays_itself(self, engine: AsyncEngine) -> None:
        with pytest.raises(Exception, match="division by zero") as caught:
            async with database_errors(), engine.begin() as connection:
                await connection.execute(text("SELECT 1 / 0"))

        assert not isinstance(caught.value, DependencyDown | Retryable)


def test_delivery_events_are_those_of_the_contract(database: Engine) -> None:
    """A row that a thread writes has the same shape as one that asyncio writes."""
    delivered = example(AnswerDelivered, "refund-asked")
    with database.begin() as connection:
        connection.execute(
            text(INSERT_OUTBOX.format(schema="delivery")), outbox_row(encode(delivered, service="delivery"))
        )
        row = connection.execute(text("SELECT topic, key, headers, body FROM delivery.outbox")).one()

    assert (row.topic, row.key) == ("answer-delivered", delivered.key)
    assert row.headers["ce_type"] == "answer-delivered.v1"
    assert AnswerDelivered.model_validate_json(bytes(row.body)) == delivered
