"""`python -m infra.training PACK`: learns how far drafts for a pack can be trusted.

The models go into the pack's folder, or where `--out` says. Takes a few minutes.
"""

import argparse
import asyncio
from pathlib import Path

from pydantic import SecretStr

from infra.evaluation.database import database
from infra.training.confidence import ConfidenceCard, train_confidence
from infra.training.confidence_cases import classified_examples, labelled_cases
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.sources.files import read_documents
from services.retrieval.ingest import ingest
from services.retrieval.settings import RetrievalSettings
from shared.bert import MiniLM
from shared.database import async_engine
from shared.embedding import MultilingualUSE, Remembering
from shared.packs import load_pack
from shared.settings import Settings

# The pack's knowledge is indexed for a tenant of its own, so that nobody's articles get in the way.
TENANT = "training"
TEXTS_REMEMBERED = 20_000


async def train(folder: Path, out: Path) -> list[ConfidenceCard]:
    """The cards of the models that were trained on the pack in `folder` and written to `out`.

    Raises:
        PackInvalid, KnowledgeUnreadable: the pack or one of its articles cannot be used.
        StackProblem: PostgreSQL does not start.
        TooFewCases: the pack has too few examples.
    """
    pack = load_pack(folder)
    english = Remembering(MiniLM(one_by_one=True), TEXTS_REMEMBERED)
    multilingual = Remembering(MultilingualUSE(), TEXTS_REMEMBERED)
    embedder = PassageEmbedder()
    drafter = ExtractiveDrafter(english=english, multilingual=multilingual)
    with database() as url:
        engine = async_engine(Settings(database_url=SecretStr(url)), "training")
        try:
            store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
            articles = read_documents(folder / "knowledge")
            await ingest(TENANT, "pack", articles, store=store, embedder=embedder, index_version=store.index_version)
            examples = await classified_examples(pack, english, multilingual)
            cases = await labelled_cases(
                pack, examples, tenant=TENANT, search=store, embedder=embedder, drafter=drafter, embed=english.embed
            )
        finally:
            await engine.dispose()
    return train_confidence(pack, cases, out)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path, help="the pack's folder")
    parser.add_argument("--out", type=Path, help="where the models go; the pack's folder, where not given")
    arguments = parser.parse_args()
    for card in asyncio.run(train(arguments.pack, arguments.out or arguments.pack)):
        print(card.model_dump_json(indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
