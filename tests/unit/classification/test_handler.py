"""What stands around a question does not make it one that nobody supports."""

import pytest

from contracts.events import TicketClassified, TicketReceived
from services.classification import handler
from services.classification.ports import Domain
from services.classification.rules.deciding import Scores
from services.classification.rules.mood import Mood
from tests.fakes.models import FakeClassifier, english, unread
from tests.unit.cases import HEAD, NOON, pack, ticket


class Wordy(FakeClassifier):
    """Takes every text of more than twelve words for out of scope."""

    def scores(self, text: str, language: str) -> Scores:
        return Scores(intents=(("rollback", 0.9),), out_of_scope=0.9 if len(text.split()) > 12 else 0.1)


async def classified(body: str) -> TicketClassified:
    domains = {HEAD["tenant"]: Domain(pack(), Wordy({}), unread)}
    [event] = await handler.handle(
        TicketReceived(**HEAD, ticket=ticket(body)), domains=domains, detect_language=english, now=NOON
    )
    assert isinstance(event, TicketClassified)
    return event


@pytest.mark.parametrize(
    "body",
    [
        "You are wonderful people, have a lovely weekend with your families!\n\nHow do I roll back a release?",
        "How do I roll back a release?",
    ],
)
async def test_a_question_among_good_wishes_is_in_scope(body: str) -> None:
    assert (await classified(body)).classification.out_of_scope < 0.5


@pytest.mark.parametrize(
    "body",
    [
        "You are wonderful people, have a lovely weekend with your families and all the best for you!",
        "How do I bake a cake with apples, plums, cream, and a lot of very dark chocolate in it?",
    ],
)
async def test_what_asks_nothing_or_asks_something_else_stays_out_of_scope(body: str) -> None:
    assert (await classified(body)).classification.out_of_scope > 0.5


async def test_the_mood_of_the_text_is_on_the_event_and_moves_the_priority() -> None:
    asked: list[tuple[str, str]] = []

    def pressing(text: str, language: str) -> Mood:
        asked.append((text, language))
        return Mood(urgency=1, sentiment=-0.6)

    ordinary = (await classified("How do I roll back a release?")).classification
    domains = {HEAD["tenant"]: Domain(pack(), Wordy({}), pressing)}
    received = TicketReceived(**HEAD, ticket=ticket("How do I roll back a release?"))
    [event] = await handler.handle(received, domains=domains, detect_language=english, now=NOON)

    assert isinstance(event, TicketClassified)
    order = ["low", "normal", "high", "urgent"]
    assert order.index(event.classification.priority) == order.index(ordinary.priority) + 1
    assert (event.classification.sentiment, ordinary.sentiment) == (-0.6, 0.0)
    assert asked == [(received.ticket.text, "en")]
