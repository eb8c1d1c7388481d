"""Drafts with a language model behind any OpenAI-compatible endpoint; falls back to a plainer drafter."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from contracts.events import Draft, Evidence, Offer, Usage
from contracts.pack import Pack
from services.drafting.ports import Drafter
from services.drafting.rules.generation import (
    AGAIN_CHARACTERS_MAX,
    ResponseInvalid,
    offered,
    question,
    response_format,
    statements_in,
)
from services.drafting.rules.ladder import Request
from services.drafting.rules.layout import lay_out
from shared.gateway import Completion, Gateway, ModelUnavailable, Needs, Prompt, Routes, Turn

log = structlog.get_logger(__name__)

PROMPTS = Path(__file__).parent.parent / "prompts"
PROMPT_NAME, PROMPT_VERSION = "answer", "v2"
AGAIN = "again.v1"
_NOTHING = Usage()


class OpenAIDrafter:
    """Asks for sentences with quotes, and believes none that its passages do not have.

    Args:
        gateway: reaches the models.
        fallback: drafts where no model gives anything usable.
        tier: the tier to ask; None lets the gateway choose for each message.
        needs: the bounds of every request.
    """

    def __init__(
        self, gateway: Gateway, fallback: Drafter, *, tier: str | None = None, needs: Needs | None = None
    ) -> None:
        self._gateway = gateway
        self._fallback = fallback
        self._tier = tier
        self._needs = needs or Needs()
        self._system = _wording(f"{PROMPT_NAME}.{PROMPT_VERSION}")
        self._again = _wording(AGAIN)

    async def draft(self, event: Request, pack: Pack) -> Draft:
        """See `Drafter.draft`. The same event asks, and pays, once.

        A response that cannot be used is sent back once with the reason; both are paid.
        """
        if not event.context.evidence:
            return await self._fallback.draft(event, pack)
        prompt, passages = self._prompt(event)
        usage = _NOTHING
        try:
            first = await self._ask(prompt, event, tier=self._tier)
            usage = _usage(first)
            try:
                return _draft(first, event, passages, pack, usage, prompt_version=_version())
            except ResponseInvalid as error:
                if first.refused:
                    raise
                log.info("model asked again", case_id=str(event.case_id), reason=str(error))
                again = replace(prompt, turns=self._turns(first, error))
            second = await self._ask(again, event, tier=first.tier)
            usage = _sum(usage, _usage(second))
            return _draft(second, event, passages, pack, usage, prompt_version=_version(AGAIN))
        except ModelUnavailable as error:
            usage = _sum(usage, Usage(cost_usd=error.cost_usd))
            return await self._fall_back(event, pack, reason=str(error), usage=usage)
        except ResponseInvalid as error:
            return await self._fall_back(event, pack, reason=str(error), usage=usage)

    async def offer(self, event: Request) -> Offer | None:
        """What this drafter's tier is expected to cost and bring for the event; None where it cannot be asked now."""
        if not event.context.evidence:
            return None
        routes = self._routes(self._prompt(event)[0], event)
        if not routes.best_first:
            return None
        best = routes.best_first[0]
        if best.worst_usd and not await self._gateway.can_pay(event.tenant, best.worst_usd):
            return None
        return Offer(tier=best.tier, cost_usd=best.expected_usd, acceptance=best.acceptance)

    def _prompt(self, event: Request) -> tuple[Prompt, Sequence[Evidence]]:
        """The prompt with the passages in it: as many of the best as the context of a tier that may be asked holds."""
        for count in range(len(offered(event)), 1, -1):
            prompt = self._prompt_of(event, count)
            if not self._routes(prompt, event).is_too_long:
                return prompt, offered(event, count)
        return self._prompt_of(event, 1), offered(event, 1)

    def _prompt_of(self, event: Request, passages_max: int) -> Prompt:
        return Prompt(
            name=PROMPT_NAME,
            version=PROMPT_VERSION,
            system=self._system,
            user=question(event, passages_max),
            response_format=response_format(),
        )

    def _routes(self, prompt: Prompt, event: Request) -> Routes:
        return self._gateway.offers(prompt, tenant=event.tenant, needs=self._needs, tier=self._tier)

    def _turns(self, completion: Completion, error: ResponseInvalid) -> tuple[Turn, ...]:
        told = self._again.format(reason=error)
        return (Turn("assistant", completion.text[:AGAIN_CHARACTERS_MAX] or "(nothing)"), Turn("user", told))

    async def _ask(self, prompt: Prompt, event: Request, *, tier: str | None) -> Completion:
        return await self._gateway.complete(
            prompt, request_id=str(event.event_id), tenant=event.tenant, needs=self._needs, tier=tier
        )

    async def _fall_back(self, event: Request, pack: Pack, *, reason: str, usage: Usage) -> Draft:
        log.warning("drafter fell back", case_id=str(event.case_id), reason=reason)
        draft = await self._fallback.draft(event, pack)
        # What the failed responses cost was spent on this draft all the same.
        return draft.model_copy(update={"fell_back_from": self._tier or "openai", "usage": usage})


def _wording(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


def _version(*more: str) -> str:
    return "+".join((f"{PROMPT_NAME}.{PROMPT_VERSION}", *more))


def _draft(
    completion: Completion,
    event: Request,
    passages: Sequence[Evidence],
    pack: Pack,
    usage: Usage,
    *,
    prompt_version: str,
) -> Draft:
    if completion.fault:
        raise ResponseInvalid(completion.fault)
    statements, unanswered = statements_in(completion.text, passages)
    language = event.classification.language
    layout = lay_out(statements, unanswered, pack.tone, language)
    return Draft(
        text=layout.text,
        citations=layout.citations,
        unanswered=unanswered,
        drafter="openai",
        model=completion.model,
        prompt_version=prompt_version,
        language=language,
        usage=usage,
    )


def _usage(completion: Completion) -> Usage:
    return Usage.model_validate(completion, from_attributes=True)


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=one.cost_usd + other.cost_usd,
        latency_seconds=one.latency_seconds + other.latency_seconds,
    )
