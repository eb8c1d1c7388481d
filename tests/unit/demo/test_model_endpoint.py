"""The demo's endpoint speaks as a model does, and quotes what it was shown."""

import json

import httpx

from infra.demo.model_endpoint import build_app, quoted
from services.drafting.rules.generation import offered, question, statements_in
from tests.unit.cases import retrieved


def test_its_answer_is_one_that_drafting_accepts() -> None:
    event = retrieved()

    statements, unanswered = statements_in(json.dumps(quoted(question(event), 8)), offered(event))

    assert "A rollback puts an earlier release back into service at once." in [one.text for one in statements]
    assert unanswered == ()


def test_what_no_passage_has_is_left_open() -> None:
    message = {"language": "en", "subject": "", "body": "Which bakery do you recommend?", "earlier": []}

    assert quoted({"customer_message": message, "passages": []}, 8) == {
        "sentences": [],
        "unanswered": ["Which bakery do you recommend?"],
    }


async def test_it_counts_tokens_and_refuses_what_it_does_not_understand() -> None:
    transport = httpx.ASGITransport(build_app())
    asked = [{"role": "system", "content": "s"}, {"role": "user", "content": json.dumps(question(retrieved()))}]
    async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
        answer = await client.post("/v1/chat/completions", json={"model": "quoting-small", "messages": asked})
        nonsense = await client.post("/v1/chat/completions", json={"model": "quoting-small", "messages": []})

    usage = answer.json()["usage"]
    assert usage["prompt_tokens"] > usage["completion_tokens"] > 10
    assert nonsense.status_code == 400
