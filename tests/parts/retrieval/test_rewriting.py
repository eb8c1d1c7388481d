"""A model that puts the query, behind a scripted endpoint: its price is counted, and its failures cost no ticket."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from contracts.events import Message, TicketClassified
from services.retrieval.adapters.rewriting import ModelRewriter
from services.retrieval.app import build_rewriter
from services.retrieval.rules.rewriting import Rewriting, by_rules
from services.retrieval.settings import RetrievalSettings
from shared.gateway import Gateway, Needs, ProcessMemory, TiersInvalid, load_tiers
from shared.settings import Settings
from tests.fakes.openai_server import (
    ScriptedOpenAI,
    Step,
    broken,
    hangs,
    rate_limited,
    refuses,
    says,
    says_json,
    sends,
)
from tests.unit.cases import HEAD, NOON, classification, ticket

THREAD = (Message(author="customer", body="How do I install the Zephyr agent on Linux?", sent_at=NOON),)
QUESTION = "Wie installiere ich den Zephyr-Agenten unter Windows?"
GOOD = says_json({"questions": [QUESTION]})


def event(body: str = "Unter Windows?", thread: tuple[Message, ...] = THREAD) -> TicketClassified:
    head = {**HEAD, "event_id": uuid4()}
    return TicketClassified(**head, ticket=ticket(body, thread=thread), classification=classification(language="de"))


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedOpenAI]:
    with ScriptedOpenAI() as running:
        yield running


@pytest.fixture
def file(server: ScriptedOpenAI, tmp_path: Path) -> Path:
    """Tiers of drafting's format; each request costs a dollar a million tokens of output, at most 1,200 of them."""
    path = tmp_path / "tiers.yaml"
    path.write_text(
        f"""
providers:
  elsewhere: {{base_url: "{server.base_url}", data: external}}
tiers:
  small: {{provider: elsewhere, model: small, output_usd_per_million: 1, attempts_max: 1,
    timeout_seconds: 5, latency_seconds: 0.1}}
tenants:
  poor: {{usd_per_day: 0.001}}
  careful: {{data: local}}
"""
    )
    return path


@pytest.fixture
async def gateway(file: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(load_tiers(file), ProcessMemory())
    yield gateway
    await gateway.close()


async def rewritten(
    server: ScriptedOpenAI, gateway: Gateway, *steps: Step, asked: TicketClassified | None = None, **needs: float
) -> Rewriting:
    server.play(*steps)
    return await ModelRewriter(gateway, Needs(**needs)).rewrite(asked or event())  # type: ignore[arg-type]


async def test_the_question_is_put_from_the_conversation_and_its_price_is_counted(
    server: ScriptedOpenAI, gateway: Gateway
) -> None:
    found = await rewritten(server, gateway, GOOD)

    assert found.meanings == (QUESTION, "Unter Windows?")
    assert found.words == f"{QUESTION} Unter Windows?"
    assert found.rewritten_by == "small-2026-01-01/rewrite.v1"
    assert found.usage.input_tokens > 0
    assert found.usage.cost_usd > 0
    [request] = server.requests
    assert request["response_format"]["json_schema"]["name"] == "rewriting"
    told = json.loads(request["messages"][1]["content"])
    assert told["language"] == "de"
    assert "Zephyr agent on Linux" in told["earlier_messages"][0]["body"]


UNUSABLE = {
    "server error": broken(500),
    "rate limit": rate_limited(),
    "refusal": refuses(),
    "no JSON": says("You want to install it on Windows."),
    "another schema": says_json({"query": QUESTION}),
    "too many questions": says_json({"questions": [QUESTION] * 4}),
    "no question": says_json({"questions": []}),
    "cut off": says('{"questions": ["Wie inst', finish_reason="length"),
    "personal data that nobody gave it": says_json({"questions": ["Who is [EMAIL_7]?"]}),
    "a proxy's page": sends(b"<html></html>", "text/html"),
}


@pytest.mark.parametrize("fault", UNUSABLE)
async def test_anything_unusable_leaves_it_to_the_rules(server: ScriptedOpenAI, gateway: Gateway, fault: str) -> None:
    asked = event()
    with capture_logs() as logs:
        found = await rewritten(server, gateway, UNUSABLE[fault], asked=asked)

    by_rule = by_rules(asked.ticket)
    assert (found.words, found.meanings, found.rewritten_by) == (by_rule.words, by_rule.meanings, "")
    assert "Zephyr" in found.meanings[1]
    assert len(server.requests) == 1
    [told] = [line for line in logs if line["event"] == "rewriting fell back to the rules"]
    assert "Windows" not in json.dumps(told), "no customer's words in the log"


async def test_what_a_useless_response_cost_is_counted(server: ScriptedOpenAI, gateway: Gateway) -> None:
    found = await rewritten(server, gateway, says("You want to install it."))

    assert found.usage.cost_usd == pytest.approx(5e-6)


async def test_a_model_that_hangs_is_not_waited_for(server: ScriptedOpenAI, gateway: Gateway) -> None:
    found = await rewritten(server, gateway, hangs(), deadline_seconds=0.2)

    assert len(server.requests) == 1
    assert found.rewritten_by == ""
    assert "Zephyr" in found.meanings[1]


@pytest.mark.parametrize("tenant", ["poor", "careful"])
async def test_no_budget_and_no_permission_mean_no_request(
    server: ScriptedOpenAI, gateway: Gateway, tenant: str
) -> None:
    asked = event().model_copy(update={"tenant": tenant})
    found = await rewritten(server, gateway, GOOD, asked=asked)

    assert found == by_rules(asked.ticket)
    assert server.requests == []


async def test_a_request_that_may_cost_too_much_is_not_sent(server: ScriptedOpenAI, gateway: Gateway) -> None:
    assert (await rewritten(server, gateway, GOOD, cost_usd_max=1e-6)).rewritten_by == ""
    assert server.requests == []


async def test_a_ticket_that_is_delivered_twice_is_paid_for_once(server: ScriptedOpenAI, gateway: Gateway) -> None:
    server.play(GOOD, says("never"))
    asked = event()
    rewriter = ModelRewriter(gateway, Needs())

    assert await rewriter.rewrite(asked) == await rewriter.rewrite(asked)
    assert len(server.requests) == 1


async def test_a_question_that_stands_by_itself_costs_nothing(server: ScriptedOpenAI, gateway: Gateway) -> None:
    asked = event("Wie installiere ich den Zephyr-Agenten?", thread=())
    found = await rewritten(server, gateway, GOOD, asked=asked)

    assert found == by_rules(asked.ticket)
    assert server.requests == []


async def test_personal_data_does_not_leave(server: ScriptedOpenAI, gateway: Gateway) -> None:
    asked = event("Unter Windows? Schreiben Sie an ann.example@shop.example bitte.")
    found = await rewritten(
        server, gateway, says_json({"questions": ["Was geht an [EMAIL_1] unter Windows?"]}), asked=asked
    )

    assert "ann.example@" not in json.dumps(server.requests)
    assert found.meanings[0] == "Was geht an ann.example@shop.example unter Windows?"


async def test_the_settings_choose_who_puts_the_query(server: ScriptedOpenAI, file: Path) -> None:
    rules, nothing_to_close = build_rewriter(Settings(), RetrievalSettings())
    rewriter, closers = build_rewriter(Settings(), RetrievalSettings(rewriter="model", tiers_file=file))
    for close in closers:
        await close()

    assert (rules, nothing_to_close) == (None, [])
    assert isinstance(rewriter, ModelRewriter)
    with pytest.raises(TiersInvalid):
        build_rewriter(Settings(), RetrievalSettings(rewriter="model", tiers_file=file.parent / "none.yaml"))
