"""One provider's API: requests, one at a time or as a stream, and what may be believed of its answers."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from shared.gateway.asking import Completion, Prompt
from shared.gateway.tiers import Provider, Tier

RESPONSE_CHARACTERS_MAX = 200_000
# Events of a stream that bring no text are bounded too: some servers send empty ones to keep a connection open.
_EVENTS_MAX = 100_000


class ResponseMalformed(Exception):
    """What the server sent has not the form of a chat completion, or ended before it was whole."""


@dataclass(frozen=True)
class Raw:
    """A response as far as it can be believed: bounded, every field of its type."""

    text: str
    model: str
    response_id: str
    finish_reason: str
    refused: bool
    input_tokens: int | None
    output_tokens: int | None
    seconds: float

    def completion(self, tier_name: str, tier: Tier, *, tokens_max: int, requests: int = 1) -> Completion:
        """The completion, priced. Where the server does not say how many tokens it took, the most possible count.

        Of several requests at once only one response is known; the others count as if they were like it.
        """
        used_in = tokens_max if self.input_tokens is None else self.input_tokens
        used_out = tier.output_tokens_max if self.output_tokens is None else self.output_tokens
        return Completion(
            text=self.text,
            model=self.model,
            tier=tier_name,
            finish_reason=self.finish_reason,
            refused=self.refused,
            requests=requests,
            input_tokens=used_in,
            output_tokens=used_out,
            cost_usd=requests * tier.cost_usd(used_in, used_out),
            latency_seconds=self.seconds,
        )


class ProviderClient:
    """The connections to one provider, with the places that it has in this process."""

    def __init__(self, name: str, provider: Provider) -> None:
        self.name = name
        self.provider = provider
        self.places = asyncio.Semaphore(provider.concurrency_max)
        # The client's own retries are off: they know neither our bounds nor our metrics.
        self._client = openai.AsyncOpenAI(base_url=provider.base_url, api_key=provider.key, max_retries=0)

    async def close(self) -> None:
        """This function will close the connections."""
        await self._client.close()

    async def ask(self, tier: Tier, prompt: Prompt, seconds_max: float) -> Raw:
        """One request and its whole response, within `seconds_max`.

        Raises:
            openai.APIError, TimeoutError: as the client does, or when the time is over.
            ResponseMalformed: the response cannot be used.
        """
        started = time.monotonic()
        # The client's timeout counts between bytes; this one bounds the whole request.
        async with asyncio.timeout(seconds_max):
            response: ChatCompletion = await self._client.chat.completions.create(**_body(tier, prompt))
        return _read(response, tier, time.monotonic() - started)

    async def stream(self, tier: Tier, prompt: Prompt, seconds_max: float) -> AsyncGenerator[str | Raw, None]:
        """The pieces of one response, and at last the whole of it, within `seconds_max`.

        Raises:
            openai.APIError, TimeoutError: as `ask`.
            ResponseMalformed: the stream ended before the model did, or has no end.
        """
        started, said = time.monotonic(), _Said()
        # No timeout may be pending while the consumer has a piece, or it would end the consumer's own waiting.
        ends_at = asyncio.get_running_loop().time() + seconds_max
        body = _body(tier, prompt) | {"stream": True, "stream_options": {"include_usage": True}}
        async with asyncio.timeout_at(ends_at):
            events = await self._client.chat.completions.create(**body)
        try:
            iterator = aiter(events)
            while True:
                async with asyncio.timeout_at(ends_at):
                    event = await anext(iterator, None)
                if event is None:
                    break
                if piece := said.add(event):
                    yield piece
        finally:
            await events.close()
        if not said.finish_reason:
            raise ResponseMalformed("the stream ended before the model did")
        yield said.raw(tier, time.monotonic() - started)


def _body(tier: Tier, prompt: Prompt) -> dict[str, Any]:
    extra: dict[str, Any] = dict(tier.parameters)
    if prompt.response_format and tier.structured != "none":
        extra["response_format"] = prompt.response_format if tier.structured == "schema" else {"type": "json_object"}
    return {
        "model": tier.model,
        "messages": prompt.messages(),
        tier.output_field: tier.output_tokens_max,
        "timeout": tier.timeout_seconds,
        "extra_body": extra or None,
    }


def _read(response: ChatCompletion, tier: Tier, seconds: float) -> Raw:
    """The client does not validate what servers send: any field may be missing or of another type."""
    try:
        choice = response.choices[0]
        return Raw(
            text=(choice.message.content or "")[:RESPONSE_CHARACTERS_MAX],
            model=str(response.model or tier.model)[:200],
            response_id=str(response.id)[:200],
            finish_reason=str(choice.finish_reason or "")[:50],
            refused=bool(getattr(choice.message, "refusal", None)) or choice.finish_reason == "content_filter",
            input_tokens=_count(response.usage, "prompt_tokens"),
            output_tokens=_count(response.usage, "completion_tokens"),
            seconds=seconds,
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise ResponseMalformed("the response has not the form of a chat completion") from None


def _count(usage: Any, name: str) -> int | None:
    """None where the server does not say; a number below zero or none at all is no answer."""
    value = usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)
    return value if isinstance(value, int) and 0 <= value <= 100_000_000 else None


@dataclass
class _Said:
    """What came of a stream so far."""

    parts: list[str] = field(default_factory=list)
    characters: int = 0
    events: int = 0
    model: str = ""
    response_id: str = ""
    finish_reason: str = ""
    refused: bool = False
    usage: Any = None

    def add(self, event: Any) -> str:
        """The text that the event brings. Raises ResponseMalformed where the stream has another form or no end."""
        self.events += 1
        try:
            self.model, self.response_id = str(event.model or self.model)[:200], str(event.id or "")[:200]
            self.usage = event.usage or self.usage
            if not event.choices:
                return ""
            delta = event.choices[0].delta
            self.finish_reason = str(event.choices[0].finish_reason or self.finish_reason)[:50]
            self.refused = self.refused or bool(getattr(delta, "refusal", None))
            piece = delta.content or ""
            self.characters += len(piece)
        except (AttributeError, IndexError, TypeError, ValueError):
            raise ResponseMalformed("an event of the stream has not the form of a chat completion") from None
        if self.events > _EVENTS_MAX or self.characters > RESPONSE_CHARACTERS_MAX:
            raise ResponseMalformed("the stream has no end")
        self.parts.append(piece)
        return str(piece)

    def raw(self, tier: Tier, seconds: float) -> Raw:
        """The whole response."""
        return Raw(
            text="".join(self.parts),
            model=self.model or tier.model,
            response_id=self.response_id,
            finish_reason=self.finish_reason,
            refused=self.refused or self.finish_reason == "content_filter",
            input_tokens=_count(self.usage, "prompt_tokens"),
            output_tokens=_count(self.usage, "completion_tokens"),
            seconds=seconds,
        )
