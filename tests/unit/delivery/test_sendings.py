"""The fake stores of delivery behave as the real ones."""

from collections.abc import Awaitable, Callable

import pytest

from shared.envelope import Message
from tests.fakes.clock import FixedClock
from tests.fakes.sendings import FakeSendings
from tests.suites.sendings import SendingsSuite, Stores


class TestFakeSendings(SendingsSuite):
    @pytest.fixture
    def fake(self) -> FakeSendings:
        return FakeSendings(FixedClock())

    @pytest.fixture
    def stores(self, fake: FakeSendings) -> Stores:
        return Stores(fake, fake)

    @pytest.fixture
    def waiting(self, fake: FakeSendings) -> Callable[[], Awaitable[list[Message]]]:
        async def rows() -> list[Message]:
            return list(fake.outbox.rows)

        return rows
