"""The fake case book behaves as the real one."""

from collections.abc import Awaitable, Callable

import pytest

from shared.envelope import Message
from tests.fakes.case_book import FakeCaseBook
from tests.suites.case_book import CaseBookSuite


class TestFakeCaseBook(CaseBookSuite):
    @pytest.fixture
    def book(self) -> FakeCaseBook:
        return FakeCaseBook()

    @pytest.fixture
    def waiting(self, book: FakeCaseBook) -> Callable[[], Awaitable[list[Message]]]:
        async def rows() -> list[Message]:
            return list(book.outbox.rows)

        return rows
