"""Puts the query with a language model behind any OpenAI-compatible endpoint; the rules do where that fails."""

from pathlib import Path

import structlog

from contracts.events import TicketClassified, Usage
from services.retrieval.rules.rewriting import (
    NOTHING_SPENT,
    Rewriting,
    RewritingInvalid,
    by_model,
    by_rules,
    conversation,
    model_may_help,
    response_format,
)
from services.retrieval.settings import RetrievalSettings
from shared.gateway import Closer, Gateway, ModelUnavailable, Needs, Prompt, load_tiers, open_gateway
from shared.settings import Settings

log = structlog.get_logger(__name__)

PROMPTS = Path(__file__).parent.parent / "prompts"
PROMPT_NAME, PROMPT_VERSION = "rewrite", "v1"


class ModelRewriter:
    """Implements `Rewriter`. Asks once: a second request would cost more time than the rewriting is worth.

    Args:
        gateway: reaches the models, and pays once for the same event.
        needs: the bounds of every request.
    """

    def __init__(self, gateway: Gateway, needs: Needs) -> None:
        self._gateway = gateway
        self._needs = needs
        self._system = (PROMPTS / f"{PROMPT_NAME}.{PROMPT_VERSION}.md").read_text(encoding="utf-8")

    async def rewrite(self, event: TicketClassified) -> Rewriting:
        """See `Rewriter.rewrite`."""
        if not model_may_help(event.ticket):
            return by_rules(event.ticket)
        usage = NOTHING_SPENT
        try:
            completion = await self._gateway.complete(
                self._prompt(event), request_id=str(event.event_id), tenant=event.tenant, needs=self._needs
            )
            usage = Usage.model_validate(completion, from_attributes=True)
            if completion.fault:
                raise RewritingInvalid(completion.fault)
            rewritten_by = f"{completion.model}/{PROMPT_NAME}.{PROMPT_VERSION}"
            return by_model(event.ticket, completion.text, rewritten_by=rewritten_by, usage=usage)
        except ModelUnavailable as error:
            reason, usage = str(error), Usage(cost_usd=error.cost_usd)
        except RewritingInvalid as error:
            reason = str(error)
        log.warning("rewriting fell back to the rules", case_id=str(event.case_id), reason=reason)
        # What the failed response cost was spent on this ticket all the same.
        return by_rules(event.ticket, usage)

    def _prompt(self, event: TicketClassified) -> Prompt:
        return Prompt(
            name=PROMPT_NAME,
            version=PROMPT_VERSION,
            system=self._system,
            user=conversation(event),
            response_format=response_format(),
        )


def open_rewriter(settings: Settings, own: RetrievalSettings) -> tuple[ModelRewriter, list[Closer]]:
    """The rewriter on the tiers of the settings, and what closes it.

    Raises:
        TiersInvalid: the tiers file cannot be used.
    """
    assert own.tiers_file is not None, "the settings see to it"
    gateway, closers = open_gateway(load_tiers(own.tiers_file), settings)
    needs = Needs(
        deadline_seconds=own.rewriter_deadline_seconds,
        cost_usd_max=own.rewriter_cost_usd_max,
        reach=own.data_may_go,
    )
    return ModelRewriter(gateway, needs), closers
