"""Which answers that a person approved become evidence, and what of them.

An approved answer was written for one customer. Only what would be right for the next one may be shown to them: not the
first one's words, name, numbers, or what was done for them. What is doubtful stays out; the case itself is kept in
the feedback record either way.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from contracts.events import Evidence, FeedbackRecorded
from services.retrieval.rules.passages import Document
from services.retrieval.rules.query import build_query
from shared.sentences import split_sentences, terms

COLLECTION = "solved"
QUESTION_CHARACTERS_MAX = 600
_ANSWER_CHARACTERS_MIN = 40
_ANSWER_CHARACTERS_MAX = 20_000
_COPIED_WORDS = 6
_QUOTED_CHARACTERS_MIN = 25
_CLOSING_CHARACTERS_MAX = 300
_LABELS = {"en": "Earlier answer", "de": "Frühere Antwort", "fr": "Réponse précédente", "es": "Respuesta anterior"}

_TOKEN = re.compile(r"\[[A-Z][A-Z_]*_\d{1,5}\]")
_MARK = re.compile(r"(?:(?<=\s)|^)(?:\[\d{1,2}\])+[ \t]*", re.MULTILINE)
_SOURCE_LINE = re.compile(r"^(?:\[\d{1,2}\])+[ \t]+\S[^\n]*\n?", re.MULTILINE)
_GREETING = re.compile(
    r"\A\s*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|thanks?|thank you|guten (?:tag|morgen|abend)|hallo"
    r"|moin|liebe[rs]?|sehr geehrte[rs]?|vielen dank|bonjour|bonsoir|cher|chère|salut|merci|hola|buenos días|buenas"
    r"|estimad[oa]|gracias)\b[^\n]{0,80}(?:\n|\Z)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n[ \t]*(?:(?:best|kind|warm|many)?[ ]?(?:regards|wishes)|best|cheers|sincerely|yours|thanks|thank you"
    r"|mit freundlichen|freundliche|viele grüße|beste grüße|liebe grüße|mfg|cordialement|bien à vous"
    r"|salutations|un saludo|saludos|atentamente)\b[^\n]{0,60}(?:\n[^\n]{0,60}){0,3}\s*\Z",
    re.IGNORECASE,
)
# What was, or will be, done for this customer, and what is so in this customer's account.
_DONE_FOR_ONE = re.compile(
    r"\b(?:i|we)(?:['’]ve|['’]ll|['’]m| have| had| will| am| are going| just| already| looked| checked| found| reset"
    r"| refunded| issued| restored| changed| added| removed| fixed| see that)\b"
    r"|\byour (?:account|app|order|invoice|payment|refund|request|case|ticket|subscription|plan|database|domain|card)\b"
    r"[^.\n]{0,40}\b(?:has|have|was|were|had) (?:now |already |just )?(?:been )?\w+ed\b"
    r"|\b(?:ich|wir) (?:habe|haben|werde|werden)\b|\bihr(?:e|en|em)? \w+ (?:wurde|wurden)\b"
    r"|\b(?:j['’]ai|nous avons|je vais|nous allons)\b|\b(?:he|hemos|vamos a|voy a) \w+",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"[$€£¥]\s?\d[\d.,]{0,15}|\b\d[\d.,]{0,15}\s?(?:[$€£¥]|(?:USD|EUR|GBP|CHF|dollars?|euros?|pounds?)\b)",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"\d{5,}")
# Numbers of orders and versions, names of hosts, files and people's handles.
_IDENTIFIER = re.compile(r"(?=[\w.@/:#-]{4,100}(?![\w.@/:#-]))[\w#@/-]*(?:\d|\w[.@/:]\w)[\w.@/:#-]*")
_NAME = re.compile(r"[^\W\d_]{2,30}")

Reason = Literal[
    "not approved by a person",
    "a risk was seen",
    "too short or too long",
    "personal data",
    "the customer's own words",
    "the customer's particulars",
    "what was done for one customer",
]
FindPersonalData = Callable[[str], Iterable[str]]


@dataclass(frozen=True)
class KeptOut:
    """The answer does not become evidence; `reason` quotes nothing of it."""

    reason: Reason


def solved_document(event: FeedbackRecorded, personal_data: FindPersonalData) -> Document | KeptOut:
    """The article that an approved answer makes, or why it makes none.

    Its text is the answer without greeting, closing and citations. It is found by the customer's question too, which
    is not part of the text or the title. It depends on the articles that the answer quotes. A later answer to the same
    question has the same id.

    Args:
        event: a decided case.
        personal_data: finds the texts of names, addresses and the like.
    """
    decision = event.decision
    if event.decided_by != "person" or decision.action not in {"approve", "edit"} or not decision.final_text.strip():
        return KeptOut("not approved by a person")
    if event.classification.flags:
        return KeptOut("a risk was seen")
    text = _citable(decision.final_text[: 2 * _ANSWER_CHARACTERS_MAX])
    if not _ANSWER_CHARACTERS_MIN <= len(text) <= _ANSWER_CHARACTERS_MAX:
        return KeptOut("too short or too long")
    if reason := _confidential(text, event, personal_data):
        return KeptOut(reason)
    question = build_query(event.ticket.subject, event.ticket.body)[:QUESTION_CHARACTERS_MAX]
    asked = " ".join(terms(question)) or question
    language = event.classification.language
    return Document(
        document_id=f"{COLLECTION}/{hashlib.sha256(asked.encode()).hexdigest()[:24]}",
        title=_title(event),
        text=text,
        language="en" if language == "und" else language,
        updated_at=decision.decided_at,
        found_by=question,
        depends_on=_quoted(text, event),
    )


def sources_of(event: FeedbackRecorded) -> dict[str, str]:
    """The versions that the articles had of which the answer was made, by id, where they are known."""
    return {found.document_id: found.document_version for found in event.context.evidence if found.document_version}


def _citable(text: str) -> str:
    body = _GREETING.sub("", _SOURCE_LINE.sub("", text.replace("\r\n", "\n"))).rstrip()
    head, tail = body[:-_CLOSING_CHARACTERS_MAX], body[-_CLOSING_CHARACTERS_MAX:]
    return _MARK.sub("", head + _CLOSING.sub("", tail)).strip()


def _confidential(text: str, event: FeedbackRecorded, personal_data: FindPersonalData) -> Reason | None:
    """Why the next customer must not see this; what stands in the evidence is known to all."""
    known = "\n".join(f"{found.title}\n{found.text}" for found in event.context.evidence).lower()
    ticket = _ticket_text(event)
    private = [found for found in personal_data(text) if found.lower() not in known]
    if _TOKEN.search(text) or private or _names(event) & _words(text) - _words(known):
        return "personal data"
    if _runs(ticket) & _runs(text) - _runs(known):
        return "the customer's own words"
    in_ticket = {found.lower() for found in _IDENTIFIER.findall(ticket)}
    particulars = {found.lower() for found in _IDENTIFIER.findall(text)} & in_ticket
    particulars |= {found.lower() for pattern in (_AMOUNT, _LONG_NUMBER) for found in pattern.findall(text)}
    if any(found.rstrip(".,:/") not in known for found in particulars):
        return "the customer's particulars"
    if any(found.group().lower() not in known for found in _DONE_FOR_ONE.finditer(text)):
        return "what was done for one customer"
    return None


def _ticket_text(event: FeedbackRecorded) -> str:
    earlier = (message.body for message in event.ticket.thread if message.author == "customer")
    return "\n".join([event.ticket.text, *earlier])


def _names(event: FeedbackRecorded) -> set[str]:
    """Words that may be the customer's name: in the answer's greeting and in the message's last line."""
    greeting = _GREETING.match(event.decision.final_text)
    last = event.ticket.body.strip().rpartition("\n")[2]
    greeted = _NAME.findall(greeting.group())[1:] if greeting else []
    signed = _NAME.findall(last) if len(last) <= 40 and not last.rstrip().endswith((".", "?", "!")) else []
    return {word.lower() for word in (*greeted, *signed) if word[:1].isupper()}


def _words(text: str) -> set[str]:
    return {word.lower() for word in _NAME.findall(text)}


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower()[:50_000])
    return {tuple(words[start : start + _COPIED_WORDS]) for start in range(len(words) - _COPIED_WORDS + 1)}


def _quoted(text: str, event: FeedbackRecorded) -> tuple[str, ...]:
    """The articles that the answer cites, or that hold one of its sentences."""
    evidence = event.context.evidence
    marked = {citation.document_id for citation in event.draft.citations if _mark_kept(citation.number, event)}
    sentences = [" ".join(sentence.text.split()) for sentence in split_sentences(text)]
    long = [sentence for sentence in sentences if len(sentence) >= _QUOTED_CHARACTERS_MIN]
    quoted = {found.document_id for found in evidence if _holds_any(found, long)}
    return tuple(sorted(marked | quoted))


def _mark_kept(number: int, event: FeedbackRecorded) -> bool:
    return f"[{number}]" in event.decision.final_text


def _holds_any(found: Evidence, sentences: list[str]) -> bool:
    text = " ".join(found.text.split())
    return any(sentence in text for sentence in sentences)


def _title(event: FeedbackRecorded) -> str:
    """What it is, and what it is about: the article it cites first, else the intent."""
    titles = {found.document_id: found.title for found in event.context.evidence}
    cited = next((titles[c.document_id] for c in event.draft.citations if c.document_id in titles), "")
    about = cited or (event.classification.intent or "").replace("_", " ")
    label = _LABELS.get(event.classification.language, _LABELS["en"])
    return f"{label}: {about.removeprefix(f'{label}: ')}"[:500] if about else label
