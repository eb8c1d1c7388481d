"""Of an article that exists in several languages, shows one."""

from collections.abc import Sequence

from contracts.pack import article_of
from services.retrieval.rules.ranking import Candidate

_LINGUA_FRANCA = "en"


def of_one_language(ranked: Sequence[Candidate], language: str) -> list[Candidate]:
    """`ranked` with the passages of one translation of each article, in their order.

    Of the translations that were found, the one in `language` (BCP 47) stays, else the English one, else the best
    ranked: the others say the same, and would take the places of other articles.
    """
    wishes = (language.partition("-")[0].lower(), _LINGUA_FRANCA)
    found: dict[str, list[str]] = {}
    for one in ranked:
        spoken = found.setdefault(_article(one), [])
        if one.evidence.language not in spoken:
            spoken.append(one.evidence.language)
    kept = {article: _preferred(spoken, wishes) for article, spoken in found.items()}
    return [one for one in ranked if one.evidence.language == kept[_article(one)]]


def _article(one: Candidate) -> str:
    return article_of(one.evidence.document_id, one.evidence.language)


def _preferred(spoken: Sequence[str], wishes: Sequence[str]) -> str:
    for wish in wishes:
        for language in spoken:
            if language.partition("-")[0].lower() == wish:
                return language
    return spoken[0]
