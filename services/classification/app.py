"""Consumes ticket-received; produces ticket-classified."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from contracts.events import Event, TicketClassified, TicketReceived
from contracts.pack import Pack
from services.classification import handler
from services.classification.adapters.guarded import Guarded
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.mood import MoodReader
from services.classification.adapters.store import ModelUnreadable, load_model
from services.classification.ports import Domain
from shared.bert import MiniLM
from shared.clock import Clock, now
from shared.embedding import Embedder, MultilingualUSE, Remembering
from shared.injection.detector import InjectionDetector
from shared.language import detect_language
from shared.packs import load_pack, training_hash
from shared.service import Service
from shared.settings import Settings
from shared.stage import Stage
from shared.tenants import load_tenants

log = structlog.get_logger(__name__)


def stages(domains: Mapping[str, Domain], clock: Clock = now) -> list[Stage]:
    """What classification does. `domains` are by tenant."""

    async def on_ticket_received(event: TicketReceived) -> Sequence[Event]:
        return await handler.handle(event, domains=domains, detect_language=detect_language, now=clock())

    return [Stage(consumes=TicketReceived, produces=(TicketClassified,), run=on_ticket_received)]


def load_classifier(pack: Pack, home: Path, english: Embedder, multilingual: Embedder) -> TrainedClassifier:
    """The pack's model from `home`, trained first where it is missing, which takes half a minute."""
    folder = model_folder(pack, home)
    try:
        model = load_model(folder)
    except ModelUnreadable as reason:
        # Only here, since scikit-learn would cost every start of the service seconds and 100 MB.
        from services.classification.training import train  # noqa: PLC0415

        log.info("training", pack=pack.name, reason=str(reason))
        card = train(pack, english, multilingual, folder)
        log.info("trained", pack=pack.name, intent_accuracy=card.intent_accuracy, risk_auroc=card.risk_auroc)
        model = load_model(folder)
    return TrainedClassifier(model, english, multilingual)


def model_folder(pack: Pack, home: Path) -> Path:
    """Where the model of this very pack is kept."""
    return home / "models" / f"{pack.name}-{training_hash(pack)}"


def load_domains(settings: Settings) -> dict[str, Domain]:
    """What every tenant's tickets are classified by. Tenants with the same pack share a model."""
    english, multilingual = Remembering(MiniLM()), Remembering(MultilingualUSE())
    detector = InjectionDetector(multilingual)
    read_mood = MoodReader(english, multilingual)
    classifiers: dict[Path, TrainedClassifier] = {}
    domains: dict[str, Domain] = {}
    for name, tenant in load_tenants(settings.tenants_file).items():
        pack = load_pack(tenant.pack)
        folder = model_folder(pack, settings.home)
        if folder not in classifiers:
            classifiers[folder] = load_classifier(pack, settings.home, english, multilingual)
        domains[name] = Domain(pack, Guarded(classifiers[folder], detector), read_mood)
    return domains


def main() -> None:
    """Runs the service."""
    settings = Settings()
    Service(name="classification", settings=settings, stages=stages(load_domains(settings))).run()


if __name__ == "__main__":
    main()
