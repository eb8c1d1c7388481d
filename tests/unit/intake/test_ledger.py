"""The fake ledger behaves as the real one."""

from collections.abc import Awaitable, Callable

import pytest

from shared.envelope import Message
from tests.fakes.ledger import FakeLedger
from tests.suites.ledger import LedgerSuite


class TestFakeLedger(LedgerSuite):
    @pytest.fixture
    def ledger(self) -> FakeLedger:
        return FakeLedger()

    @pytest.fixture
    def waiting(self, ledger: FakeLedger) -> Callable[[], Awaitable[list[Message]]]:
        async def rows() -> list[Message]:
            return list(ledger.outbox.rows)

        return rows
