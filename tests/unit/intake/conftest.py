"""The edge under test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.intake.edge import Edge


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    edge = Edge()
    yield edge
    await edge.client.aclose()
