"""The service under test."""

import pytest

from tests.unit.escalation.service import Escalation


@pytest.fixture
def escalation() -> Escalation:
    return Escalation()
