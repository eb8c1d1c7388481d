"""The world of the journeys."""

from collections.abc import AsyncIterator

import pytest

from tests.journey.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """All services, before anything has happened."""
    world = World()
    yield world
    await world.intake.aclose()
