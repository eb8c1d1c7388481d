"""Of an article's translations the customer's is shown, and the others take no other article's place."""

import pytest

from contracts.pack import article_of
from services.retrieval.rules.ranking import Candidate
from services.retrieval.rules.translations import of_one_language
from tests.unit.cases import evidence


def passage(document_id: str, language: str) -> Candidate:
    found = evidence(document_id=document_id, language=language, evidence_id=f"{document_id}@1:0")
    return Candidate(found, 0.5, frozenset(), frozenset())


IN_ENGLISH = passage("refunds", "en")
IN_GERMAN = passage("de/refunds", "de")
IN_SPANISH = passage("es/refunds", "es")
ANOTHER = passage("es/invoices", "es")


def shown(ranked: list[Candidate], language: str) -> list[str]:
    return [one.evidence.document_id for one in of_one_language(ranked, language)]


@pytest.mark.parametrize(
    ("language", "ids"),
    [
        ("de", ["de/refunds", "es/invoices"]),
        ("de-AT", ["de/refunds", "es/invoices"]),
        ("en", ["refunds", "es/invoices"]),
        ("nl", ["refunds", "es/invoices"]),
        ("", ["refunds", "es/invoices"]),
    ],
)
def test_the_customers_language_then_english_then_what_there_is(language: str, ids: list[str]) -> None:
    assert shown([IN_SPANISH, IN_GERMAN, IN_ENGLISH, ANOTHER], language) == ids


def test_passages_of_the_language_that_stays_keep_their_order() -> None:
    second = passage("de/refunds", "de")

    kept = of_one_language([IN_GERMAN, ANOTHER, IN_ENGLISH, second], "de")

    assert kept == [IN_GERMAN, ANOTHER, second]


@pytest.mark.parametrize(
    ("document_id", "language", "article"),
    [
        ("de/refunds", "de", "refunds"),
        ("help/pt-br/billing/refunds", "pt-BR", "help/billing/refunds"),
        ("refunds", "en", "refunds"),
        ("db/backup", "en", "db/backup"),
        ("vm/backup", "en", "vm/backup"),
        ("guides/de", "de", "guides/de"),
    ],
)
def test_only_the_folder_of_its_own_language_is_no_part_of_an_articles_name(
    document_id: str, language: str, article: str
) -> None:
    assert article_of(document_id, language) == article
