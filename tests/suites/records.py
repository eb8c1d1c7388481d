"""What the stores of training records do: writing one by one, reading in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from contracts.events import FeedbackRecorded
from contracts.examples import example
from services.feedback.ports import RecordReader, Records

RECORD = example(FeedbackRecorded, "refund-asked")


@dataclass(frozen=True)
class RecordStores:
    """Both ports on one store."""

    records: Records
    reader: RecordReader


def later(seconds: float, **changes: object) -> FeedbackRecorded:
    """A record of another case."""
    ids = {"event_id": uuid4(), "case_id": uuid4(), "occurred_at": RECORD.occurred_at + timedelta(seconds=seconds)}
    return RECORD.model_copy(update={**ids, **changes})


def read(stores: RecordStores, seconds: float = -1e6, tenant: str | None = None) -> list[FeedbackRecorded]:
    """The records from so many seconds after the first one on."""
    found: Iterator[FeedbackRecorded] = stores.reader.since(RECORD.occurred_at + timedelta(seconds=seconds), tenant)
    return list(found)


class RecordsSuite:
    """Give it the fixture `stores`."""

    async def test_a_record_comes_back_whole(self, stores: RecordStores) -> None:
        await stores.records.keep(RECORD)

        assert read(stores) == [RECORD]

    async def test_a_record_kept_twice_is_one(self, stores: RecordStores) -> None:
        await stores.records.keep(RECORD)
        await stores.records.keep(RECORD)

        assert read(stores) == [RECORD]

    async def test_a_second_record_of_a_case_does_not_replace_the_first(self, stores: RecordStores) -> None:
        await stores.records.keep(RECORD)
        await stores.records.keep(RECORD.model_copy(update={"event_id": uuid4(), "trace_id": ""}))

        assert read(stores) == [RECORD]

    async def test_records_are_read_oldest_first_from_an_instant_on(self, stores: RecordStores) -> None:
        newest, older, oldest = later(20), later(10), later(0)
        for record in (newest, oldest, older):
            await stores.records.keep(record)

        assert read(stores) == [oldest, older, newest]
        assert read(stores, seconds=10) == [older, newest]
        assert read(stores, seconds=21) == []

    async def test_a_tenant_sees_only_its_own_records(self, stores: RecordStores) -> None:
        theirs = later(1, tenant="globex")
        for record in (RECORD, theirs):
            await stores.records.keep(record)

        assert read(stores, tenant="globex") == [theirs]
        assert read(stores, tenant="nobody") == []
        assert read(stores) == [RECORD, theirs]
