"""Training records in memory."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from contracts.events import FeedbackRecorded
from shared.failures import DependencyDown


class FakeRecords:
    """Both ports of feedback: `Records` and `RecordReader`."""

    def __init__(self) -> None:
        self.by_case: dict[UUID, FeedbackRecorded] = {}
        self.is_reachable = True

    async def keep(self, record: FeedbackRecorded) -> None:
        if not self.is_reachable:
            raise DependencyDown("the store is not reachable")
        self.by_case.setdefault(record.case_id, record)

    def since(self, instant: datetime, tenant: str | None) -> Iterator[FeedbackRecorded]:
        records = sorted(self.by_case.values(), key=lambda record: (record.occurred_at, record.event_id))
        return (r for r in records if r.occurred_at >= instant and tenant in (None, r.tenant))
