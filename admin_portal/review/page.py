"""What the case page shows of an event, in the order in which a reviewer needs it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.safestring import SafeString

from admin_portal.review.rendering import draft_html, evidence_html
from admin_portal.review.words import answered_words, confidence_words, sentiment_word
from contracts.events import Evidence, Finding, ReviewRequested
from contracts.pack import article_of

SEVERITY_RANK = {"blocking": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of evidence with the numbers under which the draft cites it.

    `answers` is how probable it is, by what answered tickets like this one, that its article does; nought where that is
    not known.
    """

    numbers: tuple[int, ...]
    evidence: Evidence
    html: SafeString
    url: str
    answers: float

    @property
    def answered_words(self) -> str:
        """That chance as a sentence; empty where it says little."""
        return answered_words(self.answers)


@dataclass(frozen=True, slots=True)
class CasePage:
    """The parts of the page."""

    request: ReviewRequested
    reasons: tuple[Finding, ...]
    draft: SafeString
    cited: tuple[Passage, ...]
    uncited: tuple[Passage, ...]
    claims_supported: int
    confidence_words: str
    sentiment: str


def case_page(request: ReviewRequested) -> CasePage:
    """The page of one request."""
    claims = request.validation.claims
    passages = _passages(request)
    return CasePage(
        request=request,
        reasons=_reasons(request),
        draft=draft_html(request.draft, [claim.claim for claim in claims if not claim.supported]),
        cited=tuple(sorted((p for p in passages if p.numbers), key=lambda passage: passage.numbers)),
        uncited=tuple(sorted((p for p in passages if not p.numbers), key=lambda passage: -passage.answers)),
        claims_supported=sum(claim.supported for claim in claims),
        confidence_words=confidence_words(request.validation.confidence, request.validation.confidence_sample_size),
        sentiment=sentiment_word(request.classification.sentiment),
    )


def _reasons(request: ReviewRequested) -> tuple[Finding, ...]:
    """Escalation's reasons first, as it ordered them, then what validation found besides."""
    told = {(finding.code, finding.message) for finding in request.reasons}
    further = [f for f in request.validation.findings if (f.code, f.message) not in told]
    return (*request.reasons, *sorted(further, key=lambda finding: SEVERITY_RANK[finding.severity]))


def _passages(request: ReviewRequested) -> list[Passage]:
    passages = []
    answers = {one.article: one.probability for one in request.classification.articles}
    for evidence in request.context.evidence:
        citations = [c for c in request.draft.citations if c.evidence_id == evidence.evidence_id]
        passages.append(
            Passage(
                numbers=tuple(sorted({citation.number for citation in citations})),
                evidence=evidence,
                html=evidence_html(evidence.text, [citation.quote for citation in citations]),
                url=_web_url(evidence.url),
                answers=answers.get(article_of(evidence.document_id, evidence.language), 0.0),
            )
        )
    return passages


def _web_url(url: str) -> str:
    """The address, unless it is none of the web: `javascript:` must never become a link."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
