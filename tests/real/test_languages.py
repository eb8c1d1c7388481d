"""Knowledge in several languages, on a real PostgreSQL: whoever writes in one of them is answered from it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.events import Draft, TicketClassified
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.retrieval import handler
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.sources.files import read_documents
from shared.bert import MiniLM
from shared.database import async_engine
from shared.embedding import MultilingualUSE
from shared.settings import Settings
from tests.real.library import Library
from tests.unit.cases import HEAD, NOON, classification, pack, ticket

pytestmark = pytest.mark.real

ARTICLES = {
    "en/rollback": "# Roll back a release\n\nA rollback puts an earlier release into service. Run `nq rollback`.",
    "de/rollback": "# Release zurücknehmen\n\nEin Rollback bringt ein früheres Release zurück. Starten Sie "
    "`nq rollback`.",
    "en/invoices": "# Invoices\n\nInvoices are sent on the first day of the month. Download each as a PDF.",
    "de/invoices": "# Rechnungen\n\nRechnungen kommen am ersten Tag des Monats. Jede gibt es als PDF.",
    "en/domains": "# Domains\n\nA domain is added in the console under Domains, and confirmed by a TXT record.",
}


@pytest.fixture(scope="module")
def drafter() -> ExtractiveDrafter:
    return ExtractiveDrafter(english=MiniLM(), multilingual=MultilingualUSE())


@pytest.fixture
async def library(migrated_database: str, tmp_path: Path) -> AsyncIterator[Library]:
    """The articles as files that do not say their language."""
    for name, body in ARTICLES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.md").write_text(body)
    engine = async_engine(Settings(database_url=SecretStr(migrated_database)), "tests")
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE retrieval.document, retrieval.corpus CASCADE"))
    library = Library(engine, PassageEmbedder())
    await library.ingest(list(read_documents(tmp_path)), tenant=HEAD["tenant"])
    yield library
    await engine.dispose()


@pytest.mark.parametrize(
    ("language", "question", "answer", "source"),
    [
        ("de", "Wie komme ich zu einem früheren Release zurück?", "Ein Rollback bringt ein früheres", "de/rollback"),
        ("en", "How do I get back to an earlier release?", "A rollback puts an earlier release", "en/rollback"),
        ("de", "Wann kommen die Rechnungen?", "Rechnungen kommen am ersten Tag des Monats.", "de/invoices"),
        ("de", "Wie füge ich eine Domain hinzu?", "A domain is added in the console", "en/domains"),
    ],
)
async def test_the_customer_s_language_is_quoted_where_there_is_evidence_in_it(
    library: Library, drafter: ExtractiveDrafter, language: str, question: str, answer: str, source: str
) -> None:
    draft = await drafted(library, drafter, language, question)

    assert answer in draft.text
    assert draft.citations[0].document_id == source
    assert draft.language == source[:2]


async def drafted(library: Library, drafter: ExtractiveDrafter, language: str, question: str) -> Draft:
    """What the ticket's way through retrieval and drafting makes of the question."""
    event = TicketClassified(
        **HEAD, ticket=ticket(question), classification=classification(intents=(), language=language)
    )
    [found] = await handler.handle(event, search=library.store, embedder=library.embedder, now=NOON)
    return await drafter.draft(found, pack())  # type: ignore[arg-type]
