"""Consumes context-retrieved and redraft-requested; produces answer-drafted."""

from collections.abc import Mapping, Sequence

from contracts.events import AnswerDrafted, ContextRetrieved, Event, RedraftRequested
from contracts.pack import Pack
from services.drafting import handler
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.adapters.generative import OpenAIDrafter
from services.drafting.ports import Drafter, Tier
from services.drafting.rules.ladder import Request
from services.drafting.settings import DraftingSettings
from shared.bert import MiniLM
from shared.clock import Clock, now
from shared.embedding import MultilingualUSE, Remembering
from shared.failures import InvalidMessage
from shared.gateway import Closer, Gateway, open_gateway
from shared.packs import load_pack
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.tenants import load_tenants

# Sentences of the knowledge base come back with every other ticket; 8,000 vectors take about 16 MB.
SENTENCES_REMEMBERED = 8_000


def stages(packs: Mapping[str, Pack], tiers: Sequence[Tier], clock: Clock = now) -> list[Stage]:
    """What drafting does. `packs` are by tenant; `tiers` are asked in this order."""

    async def draft(event: Request) -> Sequence[Event]:
        if (pack := packs.get(event.tenant)) is None:
            raise InvalidMessage("a tenant that is not configured")
        return await handler.handle(event, tiers=tiers, pack=pack, now=clock())

    return [
        Stage(consumes=ContextRetrieved, produces=(AnswerDrafted,), run=draft),
        Stage(consumes=RedraftRequested, produces=(AnswerDrafted,), run=draft),
    ]


def build_tiers(settings: Settings, drafting: DraftingSettings) -> tuple[list[Tier], list[Closer]]:
    """The configured drafters in the order in which they are asked, and what closes them.

    Raises:
        TiersInvalid: the tiers file cannot be used.
    """
    extractive = ExtractiveDrafter(
        english=Remembering(MiniLM(one_by_one=True), SENTENCES_REMEMBERED),
        multilingual=Remembering(MultilingualUSE(), SENTENCES_REMEMBERED),
    )
    if drafting.drafter == "extractive":
        return [Tier("extractive", extractive)], []
    gateway, closers = open_gateway(drafting.tiers(), settings, drafting.openai_paid_once_seconds)
    return model_tiers(gateway, drafting, extractive), closers


def model_tiers(gateway: Gateway, drafting: DraftingSettings, extractive: Drafter) -> list[Tier]:
    """The drafters that ask models; in a cascade quoting comes first, then the models from the cheapest up."""
    needs = drafting.needs()
    if drafting.drafter == "openai":
        return [Tier("openai", OpenAIDrafter(gateway, extractive, needs=needs))]
    models = [
        (name, OpenAIDrafter(gateway, extractive, tier=name, needs=needs)) for name in drafting.tiers().cheapest_first()
    ]
    return [Tier("extractive", extractive), *(Tier(name, drafter, drafter.offer) for name, drafter in models)]


def main() -> None:
    """This function will run the service until it is told to stop."""
    settings = Settings()
    packs = {name: load_pack(tenant.pack) for name, tenant in load_tenants(settings.tenants_file).items()}
    tiers, closers = build_tiers(settings, DraftingSettings())
    Service(name="drafting", settings=settings, stages=stages(packs, tiers), on_stop=closers).run()


if __name__ == "__main__":
    main()
