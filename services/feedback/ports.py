"""What the feedback writer needs of the world."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from contracts.events import FeedbackRecorded


class Records(Protocol):
    """The store of training records."""

    async def keep(self, record: FeedbackRecorded) -> None:
        """Keeps a record, one per case.

        Raises:
            DependencyDown: the store is not reachable.
        """
        ...


class RecordReader(Protocol):
    """Reads training records for an export."""

    def since(self, instant: datetime, tenant: str | None) -> Iterator[FeedbackRecorded]:
        """The records from `instant` on, oldest first; of all tenants where `tenant` is None."""
        ...
