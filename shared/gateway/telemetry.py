"""Spans and metrics of calls, by OpenTelemetry's GenAI conventions; never content."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from shared import metrics
from shared.gateway.asking import Completion, Prompt
from shared.gateway.tiers import Provider, Tier

tracer = trace.get_tracer("handrail.gateway")


def chat_span(name: str, tier: Tier, provider: Provider, prompt: Prompt) -> Any:
    """The span of one call of one tier, tries and hedges included."""
    return tracer.start_as_current_span(
        f"chat {tier.model}",
        kind=SpanKind.CLIENT,
        record_exception=False,
        set_status_on_exception=False,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider.name,
            "gen_ai.request.model": tier.model,
            "gen_ai.request.max_tokens": tier.output_tokens_max,
            "gen_ai.output.type": "json" if prompt.response_format else "text",
            "gen_ai.prompt.name": f"{prompt.name}.{prompt.version}",
            "handrail.tier": name,
        },
    )


def _labels(name: str, tier: Tier, provider: Provider) -> dict[str, str]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider.name,
        "gen_ai.request.model": tier.model,
        "handrail.tier": name,
    }


def tell_success(
    span: Span, tier: Tier, provider: Provider, completion: Completion, *, response_id: str, attempts: int
) -> None:
    """This function will account a completion on its span and in the metrics."""
    span.set_attributes(
        {
            "gen_ai.response.model": completion.model,
            "gen_ai.response.id": response_id,
            "gen_ai.response.finish_reasons": [completion.finish_reason],
            "gen_ai.usage.input_tokens": completion.input_tokens,
            "gen_ai.usage.output_tokens": completion.output_tokens,
            "handrail.model.cost_usd": completion.cost_usd,
            "handrail.gateway.attempts": attempts,
            "handrail.gateway.requests": completion.requests,
        }
    )
    labels = _labels(completion.tier, tier, provider)
    metrics.TOKENS.record(completion.input_tokens, {**labels, "gen_ai.token.type": "input"})
    metrics.TOKENS.record(completion.output_tokens, {**labels, "gen_ai.token.type": "output"})
    metrics.MODEL_COST.add(completion.cost_usd, labels)


def tell_failure(
    span: Span, name: str, tier: Tier, provider: Provider, error: BaseException, *, lost_usd: float
) -> None:
    """This function will mark the span as failed and account what the failure may have cost."""
    kind = type(error).__name__
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, kind))
    metrics.GATEWAY_FAILED.add(1, {"handrail.tier": name, "error.type": kind})
    if lost_usd:
        metrics.MODEL_COST.add(lost_usd, _labels(name, tier, provider))


def tell_duration(name: str, tier: Tier, provider: Provider, seconds: float, error_type: str) -> None:
    """This function will record how long a call took, tries and waits included."""
    labels = _labels(name, tier, provider)
    metrics.MODEL_DURATION.record(seconds, {**labels, "error.type": error_type} if error_type else labels)


def tell_kept(name: str, kind: str) -> None:
    """This function will count a response that cost nothing: the same request again, or an equal one."""
    metrics.GATEWAY_KEPT.add(1, {"handrail.tier": name, "handrail.kept": kind})
