"""Consumes answer-drafted; produces answer-validated, or redraft-requested where a better draft is worth its price."""

from collections.abc import Mapping, Sequence

from contracts.events import AnswerDrafted, AnswerValidated, Event, RedraftRequested
from contracts.pack import Pack
from services.validation import handler
from services.validation.adapters import ExpectingDetector, FileCalibrations, read_support
from services.validation.ports import Calibrations
from services.validation.rules.answering import Embed
from services.validation.rules.grounding import SupportModel
from services.validation.settings import ValidationSettings
from shared.bert import MiniLM
from shared.clock import Clock, now
from shared.embedding import Remembering, RememberingTokens
from shared.failures import InvalidMessage
from shared.injection.spotting import OrderSpotter
from shared.packs import load_pack
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.tenants import load_tenants

# Sentences of the knowledge base come back with every other ticket; 4,000 vectors take about 6 MB.
SENTENCES_REMEMBERED = 4_000
# States of tokens are larger: 500 sentences take about 20 MB.
STATES_REMEMBERED = 500


def stages(
    packs: Mapping[str, Pack],
    calibrations: Calibrations,
    embed: Embed,
    clock: Clock = now,
    support: SupportModel | None = None,
) -> list[Stage]:
    """What validation does.

    Args:
        packs: by tenant.
        calibrations: the confidence models.
        embed: compares meanings.
        clock: tells the time.
        support: the model of support; without one, shared words count.
    """
    detectors = {tenant: ExpectingDetector(pack) for tenant, pack in packs.items()}
    orders = OrderSpotter()

    async def on_answer_drafted(event: AnswerDrafted) -> Sequence[Event]:
        if (pack := packs.get(event.tenant)) is None:
            raise InvalidMessage("a tenant that is not configured")
        return await handler.handle(
            event,
            pack=pack,
            languages=detectors[event.tenant],
            calibrations=calibrations,
            orders=orders,
            embed=embed,
            now=clock(),
            support=support,
        )

    return [Stage(consumes=AnswerDrafted, produces=(AnswerValidated, RedraftRequested), run=on_answer_drafted)]


def main() -> None:
    """This function will run the service until it is told to stop."""
    settings = Settings()
    tenants = load_tenants(settings.tenants_file)
    packs = {name: load_pack(tenant.pack) for name, tenant in tenants.items()}
    places = {name: (packs[name], tenant.pack) for name, tenant in tenants.items()}
    own = ValidationSettings()
    calibrations = FileCalibrations(settings.home, places, own.evidence_calibration)
    english = MiniLM(one_by_one=True)
    support = read_support(own.support_model, RememberingTokens(english.tokens, STATES_REMEMBERED).tokens)
    embed = Remembering(english, SENTENCES_REMEMBERED).embed
    Service(name="validation", settings=settings, stages=stages(packs, calibrations, embed, support=support)).run()


if __name__ == "__main__":
    main()
