"""The checks on a draft, each giving findings in words that a reviewer can act on."""

import re
from collections.abc import Iterator, Mapping, Sequence

from contracts.events import AnswerDrafted, Citation, ClaimVerdict, Evidence, Finding
from contracts.pack import ContentPolicy, Pack
from services.validation.rules import leaks
from services.validation.rules.claims import quoted_rightly
from shared.sentences import questions, terms

FINDINGS_MAX = 50
SHOWN_CHARACTERS_MAX = 160
POLICY_CHARACTERS_MAX = 20_000


def blocking(code: str, message: str) -> Finding:
    """A finding that forbids automatic release."""
    return Finding(code=code, severity="blocking", message=message[:1000])


def warning(code: str, message: str) -> Finding:
    """A finding that a person should judge."""
    return Finding(code=code, severity="warning", message=message[:1000])


def findings_on(
    event: AnswerDrafted, claims: Sequence[ClaimVerdict], pack: Pack, answer_language: str
) -> tuple[Finding, ...]:
    """Everything that speaks against the draft, gravest first; `answer_language` is as detected, not as declared."""
    if not event.draft.text.strip():
        return (blocking("no_draft", "There is no draft: nothing in the knowledge base was near enough."),)
    found = [
        *_citations(event),
        *_claims(claims),
        *_policies(event.draft.text, pack.policies),
        *_leaks(event, pack),
        *_instructions(event),
        *_language(event, answer_language),
        *_coverage(event),
        *_origin(event),
    ]
    rank = {"blocking": 0, "warning": 1, "info": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity])[:FINDINGS_MAX])


def evidence_by_id(event: AnswerDrafted) -> Mapping[str, Evidence]:
    """The evidence that was really retrieved for this case."""
    return {one.evidence_id: one for one in event.context.evidence}


def citations_by_number(event: AnswerDrafted) -> Mapping[int, Citation]:
    """The draft's citations that quote existing evidence rightly."""
    evidence = evidence_by_id(event)
    return {one.number: one for one in event.draft.citations if quoted_rightly(one, evidence)}


def _citations(event: AnswerDrafted) -> Iterator[Finding]:
    right = citations_by_number(event)
    for citation in event.draft.citations:
        if citation.number not in right:
            yield blocking("citation_wrong", f"Citation [{citation.number}] does not quote its source word for word.")
        elif not citation.start < citation.end <= len(event.draft.text):
            yield blocking("citation_misplaced", f"Citation [{citation.number}] points outside the answer.")
    if not right:
        yield blocking("no_citation", "The answer cites no evidence.")


def _claims(claims: Sequence[ClaimVerdict]) -> Iterator[Finding]:
    for claim in claims:
        if claim.supported:
            continue
        if claim.citations:
            yield blocking("claim_unsupported", f"Not supported by what it cites: “{_shown(claim.claim)}”")
        else:
            yield blocking("claim_uncited", f"Stated without a citation: “{_shown(claim.claim)}”")
    if not claims:
        yield blocking("no_claim", "The answer says nothing beyond its greeting.")


def _policies(text: str, policies: Sequence[ContentPolicy]) -> Iterator[Finding]:
    for policy in policies:
        for pattern in policy.patterns:
            if match := re.search(pattern, text[:POLICY_CHARACTERS_MAX], re.IGNORECASE):
                message = f"{policy.title}: “{_shown(match.group())}”. {policy.message}"
                yield blocking(f"policy_{policy.id}"[:500], message)
                break
    if len(text) > POLICY_CHARACTERS_MAX:
        yield blocking("answer_too_long", f"The answer has {len(text)} characters; the policies were not all checked.")


def _leaks(event: AnswerDrafted, pack: Pack) -> Iterator[Finding]:
    text = event.draft.text
    frame = [*pack.tone.greeting.values(), *pack.tone.closing.values(), *pack.tone.cannot_answer.values()]
    allowed = "\n".join([*frame, *(f"{one.url}\n{one.text}" for one in event.context.evidence)])
    if tokens := leaks.unresolved_tokens(text):
        yield blocking(
            "token_unresolved", f"A placeholder for personal data stands in the answer: {', '.join(tokens)}."
        )
    for kind in leaks.personal_data(text, allowed):
        yield blocking("personal_data", f"The answer has {kind} that is not in the evidence.")
    for link in leaks.foreign_links(text, allowed):
        yield blocking("link_foreign", f"This link is not in the evidence: {_shown(link)}")


# ── Instructions in the ticket ───────────────────────────────────────────────────────────────────

_ADDRESSED = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|rules?|prompts?|guidelines?|polic(?:y|ies)|above)\b"
    r"|\bsystem prompt\b|\byou are now\b|\b(?:developer|debug|maintenance|god|dan) mode\b|\bjailbreak"
    r"|\b(?:print|output|reveal|repeat|show|leak)\b.{0,30}\b(?:your|the|all)\b.{0,20}\b(?:prompt|instructions|secrets?|environment|internal)\b"
    r"|<\|?(?:system|im_start|assistant)|\[/?(?:INST|SYSTEM)\]"
    r"|\b(?:note|message|instructions?) (?:to|for) (?:the |any )?(?:ai|bot|assistant|llm|(?:language )?model)\b"
    r"|\bignor\w+.{0,30}\b(?:anweisungen|instruktionen|instructions|instrucciones|consignes|règles)\b",
    re.IGNORECASE,
)
_DEMANDED = re.compile(
    r"\b(?:say|reply|answer|respond|write|output|print|include|add|confirm|state|begin|start|end)\b[^\n\"“”«»]{0,60}"
    r"[\"“«](?P<words>[^\"“”«»\n]{4,200})[\"”»]",
    re.IGNORECASE,
)
_COPIED_WORDS = 12


def _instructions(event: AnswerDrafted) -> Iterator[Finding]:
    ticket = " ".join(event.ticket.text[:20_000].split())
    answer = " ".join(event.draft.text.split()).lower()
    evidence = " ".join(" ".join(one.text for one in event.context.evidence).split()).lower()
    if match := _ADDRESSED.search(ticket):
        yield warning("instruction_in_ticket", f"The ticket gives the assistant orders: “{_shown(match.group())}”")
    for demand in _DEMANDED.finditer(ticket):
        words = demand["words"].strip().lower()
        if words in answer and words not in evidence:
            yield blocking("instruction_followed", f"The answer says what the ticket ordered: “{_shown(words)}”")
            break
    if copied := _copied(ticket.lower(), answer, evidence, event.draft.unanswered):
        yield warning("ticket_copied", f"The answer repeats the ticket, not the evidence: “{_shown(copied)}”")


def _copied(ticket: str, answer: str, evidence: str, unanswered: Sequence[str]) -> str:
    """A run of words that stands in ticket and answer, but neither in the evidence nor in the unanswered parts."""
    elsewhere = f"{evidence} {' '.join(unanswered).lower()}"
    words = ticket.split()[:4_000]
    for first in range(len(words) - _COPIED_WORDS + 1):
        run = " ".join(words[first : first + _COPIED_WORDS])
        if run in answer and run not in elsewhere:
            return run
    return ""


# ── Language and coverage ────────────────────────────────────────────────────────────────────────


def _language(event: AnswerDrafted, answer_language: str) -> Iterator[Finding]:
    asked = event.classification.language.partition("-")[0]
    given = answer_language.partition("-")[0]
    if given not in {asked, "und"}:
        yield warning("language_differs", f"The ticket is written in “{asked}”, the answer in “{given}”.")


def _coverage(event: AnswerDrafted) -> Iterator[Finding]:
    for part in event.draft.unanswered:
        yield warning("question_open", f"The draft says that it cannot answer: “{_shown(part)}”")
    said = set(terms(cited_text(event)))
    for question in questions(event.ticket.text[:20_000]):
        asked = set(terms(question))
        if len(asked) >= 3 and not asked & said:
            yield warning("question_missed", f"Nothing in the answer touches this: “{_shown(question)}”")


def _origin(event: AnswerDrafted) -> Iterator[Finding]:
    if event.draft.fell_back_from:
        yield Finding(
            code="drafter_fell_back",
            severity="info",
            message=f"Drafted by quotation, because the drafter “{event.draft.fell_back_from}” gave no usable answer.",
        )


def cited_text(event: AnswerDrafted) -> str:
    """The answer, and titles and headings of what it cites: the words an answer is understood by."""
    evidence = evidence_by_id(event)
    cited = {one.evidence_id for one in event.draft.citations}
    heads = [f"{evidence[one].title} {evidence[one].heading}" for one in cited if one in evidence]
    return "\n".join([event.draft.text, *heads])


def _shown(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN_CHARACTERS_MAX else plain[: SHOWN_CHARACTERS_MAX - 1] + "…"
