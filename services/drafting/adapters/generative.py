"""Drafts with a language model behind any OpenAI-compatible endpoint; falls back to a plainer drafter."""

from pathlib import Path

import structlog

from contracts.events import ContextRetrieved, Draft, Usage
from contracts.pack import Pack
from services.drafting.ports import Drafter
from services.drafting.rules.generation import (
    ResponseInvalid,
    offered,
    question_text,
    response_format,
    statements_in,
)
from services.drafting.rules.layout import lay_out
from shared.gateway import Completion, Gateway, ModelUnavailable, Prompt

log = structlog.get_logger(__name__)

PROMPTS = Path(__file__).parent.parent / "prompts"
PROMPT_NAME, PROMPT_VERSION = "answer", "v1"


class OpenAIDrafter:
    """Asks for sentences with quotes, and believes none that its passages do not have.

    `gateway` reaches the model; `fallback` drafts where it gives nothing usable.
    """

    def __init__(self, gateway: Gateway, fallback: Drafter) -> None:
        self._gateway = gateway
        self._fallback = fallback
        self._system = (PROMPTS / f"{PROMPT_NAME}.{PROMPT_VERSION}.md").read_text(encoding="utf-8")

    async def draft(self, event: ContextRetrieved, pack: Pack) -> Draft:
        """See `Drafter.draft`. The same event asks, and pays, once."""
        if not event.context.evidence:
            return await self._fallback.draft(event, pack)
        prompt = Prompt(
            name=PROMPT_NAME,
            version=PROMPT_VERSION,
            system=self._system,
            user=question_text(event),
            response_format=response_format(),
        )
        try:
            completion = await self._gateway.complete(prompt, request_id=str(event.event_id))
        except ModelUnavailable as error:
            return await self._fall_back(event, pack, reason=str(error), usage=Usage())
        try:
            return _draft(completion, event, pack)
        except ResponseInvalid as error:
            return await self._fall_back(event, pack, reason=str(error), usage=_usage(completion))

    async def _fall_back(self, event: ContextRetrieved, pack: Pack, *, reason: str, usage: Usage) -> Draft:
        log.warning("drafter fell back", case_id=str(event.case_id), reason=reason)
        draft = await self._fallback.draft(event, pack)
        # What the failed response cost was spent on this draft all the same.
        return draft.model_copy(update={"fell_back_from": "openai", "usage": usage})


def _draft(completion: Completion, event: ContextRetrieved, pack: Pack) -> Draft:
    if completion.refused:
        raise ResponseInvalid("the model refused")
    if completion.finish_reason == "length":
        raise ResponseInvalid("the response was cut off")
    statements, unanswered = statements_in(completion.text, offered(event))
    language = event.classification.language
    layout = lay_out(statements, unanswered, pack.tone, language)
    return Draft(
        text=layout.text,
        citations=layout.citations,
        unanswered=unanswered,
        drafter="openai",
        model=completion.model,
        prompt_version=f"{PROMPT_NAME}.{PROMPT_VERSION}",
        language=language,
        usage=_usage(completion),
    )


def _usage(completion: Completion) -> Usage:
    return Usage(
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        cost_usd=completion.cost_usd,
        latency_seconds=completion.latency_seconds,
    )
