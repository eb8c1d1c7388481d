"""The checks on a draft, each giving findings in words that a reviewer can act on."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from contracts.events import AnswerDrafted, Citation, ClaimVerdict, Evidence, Finding
from contracts.pack import ContentPolicy, Pack
from services.validation.rules import leaks, steering, tone
from services.validation.rules.answering import Embed, nearness
from services.validation.rules.claims import quoted_rightly
from shared.sentences import questions, questions_in_context, terms

FINDINGS_MAX = 50
# Shorter questions ("Any other way?") lean on what was said before; their own words tell nothing.
QUESTION_TERMS_MIN = 3
SHOWN_CHARACTERS_MAX = 160
POLICY_CHARACTERS_MAX = 20_000
TICKET_CHARACTERS_MAX = 20_000
# Flags of a ticket for specialists may be listed at small probabilities; a finding needs to believe them.
SURE_OF_ORDER = 0.3
# A statement this near (cosine) to a question touches it, though in other words.
TOUCHES_FROM = 0.25


def blocking(code: str, message: str) -> Finding:
    """A finding that forbids automatic release."""
    return Finding(code=code, severity="blocking", message=message[:1000])


def warning(code: str, message: str) -> Finding:
    """A finding that a person should judge."""
    return Finding(code=code, severity="warning", message=message[:1000])


def findings_on(
    event: AnswerDrafted,
    claims: Sequence[ClaimVerdict],
    pack: Pack,
    answer_language: str,
    order_in: Callable[[str], str],
    embed: Embed,
    *,
    doubtful: bool = False,
) -> tuple[Finding, ...]:
    """Everything that speaks against the draft, gravest first.

    `answer_language` is as detected, not as declared; `order_in` finds the sentence of a text that steers its reader;
    `embed` compares meanings; `doubtful` where the answer as a whole seems not to follow from what it cites.
    """
    if not event.draft.text.strip():
        return (blocking("no_draft", "There is no draft: nothing in the knowledge base was near enough."),)
    found = [
        *_citations(event),
        *_claims(claims, doubtful=doubtful),
        *_policies(event.draft.text, pack.policies),
        *_leaks(event, pack),
        *_internal(event),
        *_tone(event),
        *_instructions(event, order_in),
        *_planted(event, order_in),
        *_language(event, answer_language),
        *_coverage(event, embed),
        *_unknown_names(event),
        *_deeds(event),
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


def _claims(claims: Sequence[ClaimVerdict], *, doubtful: bool) -> Iterator[Finding]:
    for claim in claims:
        if claim.supported:
            continue
        if claim.citations:
            yield blocking("claim_unsupported", f"Not supported by what it cites: “{_shown(claim.claim)}”")
        else:
            yield blocking("claim_uncited", f"Stated without a citation: “{_shown(claim.claim)}”")
    if not claims:
        yield blocking("no_claim", "The answer says nothing beyond its greeting.")
    if doubtful:
        yield warning("answer_doubtful", "As a whole, the answer seems to go beyond what it cites.")


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


def _internal(event: AnswerDrafted) -> Iterator[Finding]:
    """What a company keeps to itself can get into its knowledge by mistake."""
    cited = {one.evidence_id for one in event.draft.citations}
    for one in event.context.evidence:
        if one.evidence_id in cited and (words := leaks.for_staff(f"{one.title}\n{one.heading}\n{one.text}")):
            yield blocking("internal_evidence", f"It cites “{_shown(one.title)}”, which says: “{_shown(words)}”")
    # What an article for customers says of addresses, such as a database's private name, is for customers.
    published = "\n".join(one.text for one in event.context.evidence)
    for address in leaks.inside_addresses(event.draft.text[:POLICY_CHARACTERS_MAX]):
        if address in published:
            continue
        yield warning("internal_address", f"This looks like an address inside a company's network: {_shown(address)}")


def _tone(event: AnswerDrafted) -> Iterator[Finding]:
    evidence = "\n".join(one.text for one in event.context.evidence)
    for kind, words in tone.off_tone(event.draft.text[:POLICY_CHARACTERS_MAX], evidence):
        yield warning("tone", f"The tone has {kind}: “{_shown(words)}”")


def _instructions(event: AnswerDrafted, order_in: Callable[[str], str]) -> Iterator[Finding]:
    ticket, answer = event.ticket.text[:TICKET_CHARACTERS_MAX], event.draft.text
    evidence = "\n".join(one.text for one in event.context.evidence)
    if order := order_in(ticket):
        yield warning("instruction_in_ticket", f"The ticket gives its reader orders: “{_shown(order)}”")
    elif any(one.flag == "injection" and one.probability >= SURE_OF_ORDER for one in event.classification.flags):
        yield warning("instruction_in_ticket", "The ticket reads as if it gave its reader orders.")
    if words := steering.obeyed_demand(ticket, answer, evidence):
        yield blocking("instruction_followed", f"The answer says what the ticket ordered: “{_shown(words)}”")
    if words := steering.copied_words(ticket, answer, evidence, event.draft.unanswered):
        yield warning("ticket_copied", f"The answer repeats the ticket, not the evidence: “{_shown(words)}”")


def _planted(event: AnswerDrafted, order_in: Callable[[str], str]) -> Iterator[Finding]:
    """An order in an article that the answer cites may have steered it; in one that it does not, a person may know."""
    cited = {one.evidence_id for one in event.draft.citations}
    for one in event.context.evidence:
        if not (order := order_in(one.text)):
            continue
        message = f"The article “{_shown(one.title)}” gives its reader orders: “{_shown(order)}”"
        if steering.repeats(order, event.draft.text):
            yield blocking("instruction_quoted", f"{message}, and the answer repeats them.")
        elif one.evidence_id in cited:
            yield warning("instruction_in_evidence", message)
        else:
            yield Finding(code="instruction_in_evidence", severity="info", message=message[:1000])


# ── Language and coverage ────────────────────────────────────────────────────────────────────────


def _language(event: AnswerDrafted, answer_language: str) -> Iterator[Finding]:
    asked = event.classification.language.partition("-")[0]
    given = answer_language.partition("-")[0]
    if given not in {asked, "und"}:
        yield warning("language_differs", f"The ticket is written in “{asked}”, the answer in “{given}”.")


def _coverage(event: AnswerDrafted, embed: Embed) -> Iterator[Finding]:
    for part in event.draft.unanswered:
        yield warning("question_open", f"The draft says that it cannot answer: “{_shown(part)}”")
    said = set(terms(cited_text(event)))
    missed = [
        (part, read)
        for part, read in questions_in_context(event.ticket.text[:TICKET_CHARACTERS_MAX])
        if len(words := set(terms(part))) >= QUESTION_TERMS_MIN and not words & said
    ]
    for (part, _), near in zip(missed, nearness([read for _, read in missed], event, embed), strict=True):
        if near < TOUCHES_FROM:
            yield warning("question_missed", f"Nothing in the answer touches this: “{_shown(part)}”")


# Acronyms and model numbers; longer words in capitals are shouted.
_ACRONYM = re.compile(
    r"(?<![\w.-])(?=[A-Z0-9-]{0,11}\d|[A-Z]{2,5}(?![A-Z]))[A-Z][A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w.-]*[a-z_])"
)
# What stands in quotation marks or back-ticks is what a screen says; the question is about it, not for it.
_QUOTED = re.compile(r"(?<!\w)(?:'[^'\n]{2,200}'|\"[^\"\n]{2,200}\"|“[^”\n]{2,200}”|`[^`\n]{2,200}`)(?!\w)")


def _unknown_names(event: AnswerDrafted) -> Iterator[Finding]:
    """What is asked about by a name that no evidence has is hardly answered by it."""
    known = "\n".join(f"{one.title} {one.heading} {one.text}" for one in event.context.evidence).lower()
    for question in questions(event.ticket.text[:TICKET_CHARACTERS_MAX]):
        for name in _ACRONYM.findall(_QUOTED.sub(" ", question)):
            if name.lower() not in known:
                yield warning("name_unknown", f"The customer asks about “{_shown(name)}”, which no evidence mentions.")
                return


_DEED = re.compile(
    r"\b(?:can|could|would|will) (?:you|someone|somebody|anyone|(?:one|some) of (?:you|your \w+)|your \w+|an? \w+)"
    r" (?:please |kindly |also |just |perhaps )*"
    r"(?:check|look (?:at|into)|have a look|verify|confirm|investigate|find out|restore|unlock|unblock|reset|restart"
    r"|increase|raise|extend|delete|remove|cancel|close|change|move|enable|disable|activate|reactivate|approve|call"
    r"|postpone|delay|waive|prolong|make an exception|fix|correct|book)\b"
    r"|\bplease (?:check|look into|investigate|restore|unlock|unblock|restart|increase|raise|extend|delete|remove"
    r"|cancel|close|enable|disable|activate|reactivate|call|postpone|waive|make an exception|fix|correct|book)\b"
    r"|\b(?:was|is|were|are) there (?:a |an |any )?(?:\w+ )?(?:problem|issue|outage|incident|maintenance)s?\b"
    r"|\bwhy (?:was|were|am|are) (?:i|we) (?:being )?(?:charged|billed|invoiced)\b"
    r"|\b(?:this|that) (?:very|particular|specific|one) (?:invoice|charge|bill|payment|order)\b"
    r"|\b(?:do|are|will|would) you (?:ever |also )?(?:plan(?:ning)?|intend(?:ing)?|going) to\b|\byour roadmap\b",
    re.IGNORECASE,
)


def _deeds(event: AnswerDrafted) -> Iterator[Finding]:
    """Documents can say how; they cannot look into an account, act in it, or know last night and next year."""
    if match := _DEED.search(" ".join(event.ticket.text[:TICKET_CHARACTERS_MAX].split())):
        yield warning(
            "deed_asked", f"The customer asks for something to be looked into or done: “{_shown(match.group())}”"
        )


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
