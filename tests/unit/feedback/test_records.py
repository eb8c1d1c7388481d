"""The fake store of training records behaves as the real one, and feedback's stage keeps one record per case."""

import pytest

from services.feedback.app import stages
from shared.envelope import encode
from tests.fakes.bus import MemoryBus
from tests.fakes.records import FakeRecords
from tests.suites.records import RECORD, RecordsSuite, RecordStores


class TestFakeRecords(RecordsSuite):
    @pytest.fixture
    def stores(self) -> RecordStores:
        records = FakeRecords()
        return RecordStores(records, records)


async def test_a_recorded_case_is_kept_once_however_often_it_is_delivered() -> None:
    records, bus = FakeRecords(), MemoryBus()
    bus.add("feedback", stages(records))
    bus.add("escalation")

    await bus.publish(encode(RECORD, service="escalation"))
    await bus.run()
    await bus.redeliver(lambda message: True)

    assert [*records.by_case.values()] == [RECORD]
    assert bus.dead_letters == []
