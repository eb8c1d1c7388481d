"""An OpenAI-compatible endpoint that answers by quotation, so that a cascade of tiers can be run and priced offline.

It reads the question and the passages of our prompt and quotes the sentences that share most words with the question;
the larger model reads more passages. Tokens are counted as the text's bytes by 3.5. What it says of costs holds for
models of such prices; what it says of quality holds for nothing but itself.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request

from shared.sentences import split_sentences, terms

BYTES_PER_TOKEN = 3.5
SENTENCES_MAX = 4
PASSAGES = {"quoting-small": 2, "quoting-large": 8}
# List prices of a small and a large hosted model in 2026, in US dollars per million tokens.
TIERS: dict[str, Any] = {
    "small": {
        "provider": "endpoint",
        "model": "quoting-small",
        "input_usd_per_million": 0.15,
        "output_usd_per_million": 0.6,
        "acceptance": 0.3,
    },
    "large": {
        "provider": "endpoint",
        "model": "quoting-large",
        "input_usd_per_million": 2.5,
        "output_usd_per_million": 10.0,
        "acceptance": 0.5,
    },
}


def tiers_file(home: Path) -> Path:
    """Where the tiers of this endpoint are described for the drafting service."""
    return home / "run" / "demo-tiers.yaml"


def write_tiers(environ: Mapping[str, str]) -> None:
    """This function will write the tiers file with the endpoint's address of this start."""
    address = {"base_url": f"{environ['HANDRAIL_MODEL_ENDPOINT_URL']}/v1", "name": "endpoint", "data": "external"}
    content = {"providers": {"endpoint": address}, "tiers": TIERS}
    tiers_file(Path(environ["HANDRAIL_HOME"])).write_text(yaml.safe_dump(content), encoding="utf-8")


def build_app() -> FastAPI:
    """The endpoint over HTTP."""
    app = FastAPI(title="Model endpoint of the demo")

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> dict[str, Any]:
        asked = await request.json()
        try:
            question = json.loads(asked["messages"][1]["content"])
            answer = json.dumps(quoted(question, PASSAGES[asked["model"]]), ensure_ascii=False)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise HTTPException(400, f"not a question of ours: {type(error).__name__}") from error
        used = [tokens(json.dumps(asked["messages"], ensure_ascii=False)), tokens(answer)]
        message = {"role": "assistant", "content": answer, "refusal": None}
        return {
            "id": f"chatcmpl-{time.time_ns()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)},
        }

    return app


def tokens(text: str) -> int:
    """About how many tokens a model would count."""
    return round(len(text.encode()) / BYTES_PER_TOKEN)


def quoted(question: Mapping[str, Any], passages: int) -> dict[str, Any]:
    """The answer in the form our prompt asks for: the sentences of the first passages that share most terms."""
    message = question["customer_message"]
    asked = set(terms(f"{message['subject']} {message['body']}"))
    found = [
        (len(asked & set(terms(sentence.text))), passage["number"], sentence.text)
        for passage in question["passages"][:passages]
        for sentence in split_sentences(passage["text"])
        if sentence.kind in {"prose", "step"} and len(sentence.text) <= 500
    ]
    best = sorted((one for one in found if one[0] > 1), key=lambda one: -one[0])[:SENTENCES_MAX]
    sentences = [{"text": text, "citations": [{"passage": number, "quote": text}]} for _, number, text in best]
    return {"sentences": sentences, "unanswered": [] if sentences else [message["body"][:200]]}


def main() -> None:
    """Runs the endpoint on `HANDRAIL_HTTP_PORT`."""
    uvicorn.run(build_app(), host="127.0.0.1", port=int(os.environ["HANDRAIL_HTTP_PORT"]), log_level="error")


if __name__ == "__main__":
    main()
