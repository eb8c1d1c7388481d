"""The one way to a language model: any OpenAI-compatible endpoint, bounded in time and tries, accounted, paid once."""

import asyncio
import hashlib
import random
import time
from dataclasses import dataclass
from typing import Any, Protocol

import openai
import structlog
from openai.types.chat import ChatCompletion
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics

log = structlog.get_logger(__name__)
tracer = trace.get_tracer("handrail.gateway")

PAUSE_SECONDS = 0.5
PAUSE_SECONDS_MAX = 8.0
RETRY_AFTER_SECONDS_MAX = 20.0
RESPONSE_CHARACTERS_MAX = 200_000
_MAY_PASS = frozenset({408, 409, 425, 429})


class ModelUnavailable(Exception):
    """The model gave no response within the bounds; the text says the last reason, never content."""


class Endpoint(BaseModel):
    """One model behind one OpenAI-compatible URL. Prices are in US dollars per million tokens."""

    model_config = ConfigDict(frozen=True)

    base_url: str
    api_key: SecretStr
    model: str
    provider: str = "openai"
    timeout_seconds: float = Field(default=20.0, gt=0.0)
    attempts_max: int = Field(default=3, ge=1)
    output_tokens_max: int = Field(default=1200, ge=1)
    input_usd_per_million: float = Field(default=0.0, ge=0.0)
    output_usd_per_million: float = Field(default=0.0, ge=0.0)


class Completion(BaseModel):
    """A model's text, and what it took. A refusal is paid for too."""

    model_config = ConfigDict(frozen=True)

    text: str
    model: str
    finish_reason: str = ""
    refused: bool = False
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0.0, ge=0.0)
    latency_seconds: float = Field(default=0.0, ge=0.0)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked. `name` and `version` identify the wording; `response_format` is the API's field of that name."""

    name: str
    version: str
    system: str
    user: str
    response_format: dict[str, Any] | None = None


class PaidResponses(Protocol):
    """Remembers responses that were paid for, so that the same request is not paid twice."""

    async def get(self, key: str) -> bytes | None:
        """The response kept under that key, or None. Never raises: without memory the model is asked again."""
        ...

    async def put(self, key: str, response: bytes) -> None:
        """This function will keep the response for a bounded time. Never raises."""
        ...


class RedisResponses:
    """Keeps responses in Redis for `seconds`."""

    def __init__(self, redis: Redis, seconds: int) -> None:
        self._redis = redis
        self._seconds = seconds

    async def get(self, key: str) -> bytes | None:
        """See `PaidResponses.get`."""
        try:
            found = await self._redis.get(f"handrail:gateway:{key}")
        except (RedisError, OSError) as error:
            log.warning("paid responses unreachable", error_type=type(error).__name__)
            return None
        return found.encode() if isinstance(found, str) else found

    async def put(self, key: str, response: bytes) -> None:
        """See `PaidResponses.put`."""
        try:
            await self._redis.set(f"handrail:gateway:{key}", response, ex=self._seconds)
        except (RedisError, OSError) as error:
            log.warning("paid response not kept", error_type=type(error).__name__)


class Gateway:
    """Asks one endpoint. Safe for concurrent use."""

    def __init__(self, endpoint: Endpoint, paid: PaidResponses) -> None:
        self._endpoint = endpoint
        self._paid = paid
        # The client's own retries are off: they know neither our bounds nor our metrics.
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key.get_secret_value() or "none",
            timeout=endpoint.timeout_seconds,
            max_retries=0,
        )

    async def close(self) -> None:
        """This function will close the connections."""
        await self._client.close()

    async def complete(self, prompt: Prompt, *, request_id: str) -> Completion:
        """The model's response.

        A call with the same `request_id`, prompt version and model as an earlier one returns the earlier response,
        usage included, and costs nothing. Rate limits, server errors and timeouts are tried again, at most
        `attempts_max` times in all, after the pause the server asks for or an exponential one with full jitter.

        Raises:
            ModelUnavailable: no response within the bounds.
        """
        endpoint = self._endpoint
        identity = f"{request_id}|{prompt.name}|{prompt.version}|{endpoint.base_url}|{endpoint.model}"
        key = hashlib.sha256(identity.encode()).hexdigest()
        if (kept := _read(await self._paid.get(key))) is not None:
            return kept
        with _chat_span(endpoint, prompt) as span:
            started = time.monotonic()
            error_type = ""
            try:
                response, attempts = await self._ask(prompt)
                span.set_attribute("handrail.gateway.attempts", attempts)
                completion = _completion(response, endpoint, time.monotonic() - started)
                _account(span, completion, endpoint, str(getattr(response, "id", "")))
                await self._paid.put(key, completion.model_dump_json().encode())
            except ModelUnavailable:
                error_type = ModelUnavailable.__name__
                span.set_attribute("error.type", error_type)
                span.set_status(Status(StatusCode.ERROR, error_type))
                raise
            finally:
                metrics.MODEL_DURATION.record(time.monotonic() - started, _labels(endpoint, error_type))
        return completion

    async def _ask(self, prompt: Prompt) -> tuple[ChatCompletion, int]:
        """The response and the number of the try that brought it."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._request(prompt), attempt
            except (openai.APIError, TimeoutError, ValueError) as error:
                reason, pause = _reason(error), _pause(error, attempt)
                if pause is None or attempt >= self._endpoint.attempts_max:
                    raise ModelUnavailable(f"{self._endpoint.model}: {reason}, attempt {attempt}") from None
            log.info("model tried again", model=self._endpoint.model, reason=reason, attempt=attempt)
            await asyncio.sleep(pause)

    async def _request(self, prompt: Prompt) -> ChatCompletion:
        # The client's timeout counts between bytes; this one bounds the whole attempt.
        async with asyncio.timeout(self._endpoint.timeout_seconds):
            return await self._client.chat.completions.create(
                model=self._endpoint.model,
                messages=[
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": prompt.user},
                ],
                max_completion_tokens=self._endpoint.output_tokens_max,
                extra_body={"response_format": prompt.response_format} if prompt.response_format else None,
            )


def _pause(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before the next try: what the server asks for, else exponential with full jitter.

    None where another try is of no use, or where the server asks for more patience than there is.
    """
    wanted = ""
    if isinstance(error, openai.APIStatusError):
        if error.status_code < 500 and error.status_code not in _MAY_PASS:
            return None
        wanted = error.response.headers.get("retry-after", "")
    elif not isinstance(error, openai.APIConnectionError | TimeoutError):
        return None
    try:
        seconds = float(wanted)
    except ValueError:
        return random.uniform(0.0, min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0**attempt))
    return seconds + random.uniform(0.0, 0.1) if 0.0 <= seconds <= RETRY_AFTER_SECONDS_MAX else None


def _reason(error: Exception) -> str:
    """The kind of the error and its status; the provider's words might repeat the customer's."""
    status = f" {error.status_code}" if isinstance(error, openai.APIStatusError) else ""
    return f"{type(error).__name__}{status}"


def _read(kept: bytes | None) -> Completion | None:
    try:
        return Completion.model_validate_json(kept) if kept else None
    except ValidationError:
        return None


def _completion(response: ChatCompletion, endpoint: Endpoint, seconds: float) -> Completion:
    """The client does not validate what servers send: any field may be missing or of another type.

    Raises:
        ModelUnavailable: the response has not the form of a chat completion.
    """
    try:
        choice, usage = response.choices[0], response.usage
        used_in = max(0, int(usage.prompt_tokens)) if usage else 0
        used_out = max(0, int(usage.completion_tokens)) if usage else 0
        return Completion(
            text=(choice.message.content or "")[:RESPONSE_CHARACTERS_MAX],
            model=str(response.model or endpoint.model)[:200],
            finish_reason=str(choice.finish_reason or ""),
            refused=bool(choice.message.refusal) or choice.finish_reason == "content_filter",
            input_tokens=used_in,
            output_tokens=used_out,
            cost_usd=(used_in * endpoint.input_usd_per_million + used_out * endpoint.output_usd_per_million) / 1e6,
            latency_seconds=seconds,
        )
    except (AttributeError, IndexError, TypeError, ValueError):
        raise ModelUnavailable(f"{endpoint.model}: the response has not the form of a chat completion") from None


# ── Telemetry: OpenTelemetry's GenAI conventions; never content ──────────────────────────────────


def _chat_span(endpoint: Endpoint, prompt: Prompt) -> Any:
    return tracer.start_as_current_span(
        f"chat {endpoint.model}",
        kind=SpanKind.CLIENT,
        record_exception=False,
        set_status_on_exception=False,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": endpoint.provider,
            "gen_ai.request.model": endpoint.model,
            "gen_ai.request.max_tokens": endpoint.output_tokens_max,
            "gen_ai.output.type": "json" if prompt.response_format else "text",
            "gen_ai.prompt.name": f"{prompt.name}.{prompt.version}",
        },
    )


def _labels(endpoint: Endpoint, error_type: str = "") -> dict[str, str]:
    labels = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": endpoint.provider,
        "gen_ai.request.model": endpoint.model,
    }
    return {**labels, "error.type": error_type} if error_type else labels


def _account(span: Span, completion: Completion, endpoint: Endpoint, response_id: str) -> None:
    span.set_attributes(
        {
            "gen_ai.response.model": completion.model,
            "gen_ai.response.id": response_id[:200],
            "gen_ai.response.finish_reasons": [completion.finish_reason],
            "gen_ai.usage.input_tokens": completion.input_tokens,
            "gen_ai.usage.output_tokens": completion.output_tokens,
            "handrail.model.cost_usd": completion.cost_usd,
        }
    )
    labels = _labels(endpoint)
    metrics.TOKENS.record(completion.input_tokens, {**labels, "gen_ai.token.type": "input"})
    metrics.TOKENS.record(completion.output_tokens, {**labels, "gen_ai.token.type": "output"})
    metrics.MODEL_COST.add(completion.cost_usd, labels)
