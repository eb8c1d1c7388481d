"""Consumes answer-drafted; produces answer-validated, or redraft-requested where a better draft is worth its price."""

from collections.abc import Mapping, Sequence

from contracts.events import AnswerDrafted, AnswerValidated, Event, RedraftRequested
from contracts.pack import Pack
from services.validation import handler
from services.validation.adapters import ExpectingDetector, FileCalibrations
from services.validation.ports import Calibrations
from services.validation.settings import ValidationSettings
from shared.clock import Clock, now
from shared.failures import InvalidMessage
from shared.packs import load_pack
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.tenants import load_tenants


def stages(packs: Mapping[str, Pack], calibrations: Calibrations, clock: Clock = now) -> list[Stage]:
    """What validation does. `packs` are by tenant."""
    detectors = {tenant: ExpectingDetector(pack) for tenant, pack in packs.items()}

    async def on_answer_drafted(event: AnswerDrafted) -> Sequence[Event]:
        if (pack := packs.get(event.tenant)) is None:
            raise InvalidMessage("a tenant that is not configured")
        return await handler.handle(
            event, pack=pack, languages=detectors[event.tenant], calibrations=calibrations, now=clock()
        )

    return [Stage(consumes=AnswerDrafted, produces=(AnswerValidated, RedraftRequested), run=on_answer_drafted)]


def main() -> None:
    """This function will run the service until it is told to stop."""
    settings = Settings()
    tenants = load_tenants(settings.tenants_file)
    packs = {name: load_pack(tenant.pack) for name, tenant in tenants.items()}
    places = {name: (packs[name], tenant.pack) for name, tenant in tenants.items()}
    calibrations = FileCalibrations(settings.home, places, ValidationSettings().evidence_calibration)
    Service(name="validation", settings=settings, stages=stages(packs, calibrations)).run()


if __name__ == "__main__":
    main()
