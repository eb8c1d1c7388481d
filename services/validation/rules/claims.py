"""Splits a draft into claims and says how well what each one cites supports it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from contracts.events import AnswerDrafted, Citation, ClaimVerdict, Evidence
from contracts.pack import Tone
from shared.sentences import split_sentences, terms

CLAIMS_MAX = 100
ANSWER_CHARACTERS_MAX = 30_000
SUPPORTED_FROM = 0.6

_MARK = re.compile(r"(?:\[\d{1,2}\])+")
_SOURCE = re.compile(r"(?m)^(?:\[\d{1,2}\])+[ \t]+(?P<name>\S[^\n]*)$")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"`[^`\n]{1,100}`|\b[A-Z]{2,}\d*\b|\b\w+[_/.@=-]\w[\w/.@=:-]*|(?<=[a-z,;] )[A-Z][\w-]+")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|cannot|without|neither|nor|kein\w*|nicht|nie|nunca|sin|pas|jamais|sans)\b|n['’]t\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Claim:
    """One statement of the draft and the citation numbers that stand after it."""

    text: str
    numbers: tuple[int, ...]


def claims_of(event: AnswerDrafted, tone: Tone) -> list[Claim]:
    """What the draft states, in order, without frame and list of sources; at most CLAIMS_MAX.

    A number in brackets counts for everything since the number before it.
    """
    text = _without_frame(event, tone)
    claims: list[Claim] = []
    start = 0
    for mark in _marks(text, event.draft.citations):
        numbers = tuple(int(number) for number in re.findall(r"\d+", mark.group()))
        claims += _statements(text[start : mark.start()], numbers)
        start = mark.end()
    claims += _statements(text[start:], ())
    return claims[:CLAIMS_MAX]


def _statements(text: str, numbers: tuple[int, ...]) -> Iterator[Claim]:
    plain = text.strip().removesuffix("```").strip()
    for sentence in split_sentences(plain):
        if terms(sentence.text):
            yield Claim(" ".join(sentence.text.split())[:4_000], numbers)


def _marks(text: str, citations: Sequence[Citation]) -> Iterator[re.Match[str]]:
    """Marks after white space, which tells them from an index such as `hosts[0]` in quoted code."""
    known = {citation.number for citation in citations}
    for mark in _MARK.finditer(text):
        before = text[mark.start() - 1] if mark.start() else " "
        inside = {int(number) for number in re.findall(r"\d+", mark.group())}
        if before.isspace() or (inside <= known and before in ".!?)`"):
            yield mark


def _without_frame(event: AnswerDrafted, tone: Tone) -> str:
    text = event.draft.text[:ANSWER_CHARACTERS_MAX]
    for sentences in (tone.greeting, tone.closing, tone.cannot_answer):
        for sentence in sentences.values():
            if sentence.strip():
                text = text.replace(sentence.strip(), "\n\n")
    sources = {one.title.strip() for one in event.context.evidence} | {
        one.document_id for one in event.context.evidence
    }
    sources |= {f"{one.title.strip()}: {one.url}" for one in event.context.evidence if one.url}
    text = _SOURCE.sub(lambda line: "" if line["name"].strip() in sources else line.group(), text)
    return "\n".join(line for line in text.splitlines() if not _echoes(line, event.draft.unanswered))


def _echoes(line: str, unanswered: Sequence[str]) -> bool:
    """Whether the line only repeats, word for word, a part that the draft says it cannot answer."""
    words = set(terms(line))
    return line.startswith("- ") and bool(words) and any(words <= set(terms(part)) for part in unanswered)


# ── Support ──────────────────────────────────────────────────────────────────────────────────────


def judge(claim: Claim, citations: Mapping[int, Citation], evidence: Mapping[str, Evidence]) -> ClaimVerdict:
    """Whether what the claim cites supports it. A claim without a valid citation is not supported."""
    cited = {citations[number].evidence_id for number in claim.numbers if number in citations}
    passages = [evidence[one] for one in sorted(cited) if one in evidence]
    support = max((support_of(claim.text, passage) for passage in passages), default=0.0)
    return ClaimVerdict(
        claim=claim.text, supported=support >= SUPPORTED_FROM, support=round(support, 4), citations=claim.numbers[:50]
    )


def support_of(claim: str, passage: Evidence) -> float:
    """How well one passage supports a claim, 0 to 1.

    Word for word is 1. Otherwise the share of the claim's words in the two neighbouring sentences that share most,
    reduced where a number or a name is not in the passage, or where one side is negated and the other is not.
    """
    source = f"{passage.title}\n{passage.heading}\n{passage.text}"
    if _bare(claim) in _bare(passage.text):
        return 1.0
    asked = set(terms(claim))
    if not asked:
        return 0.0
    window, share = _nearest(asked, passage)
    support = share
    if set(_NUMBER.findall(claim)) - set(_NUMBER.findall(source)):
        support *= 0.3
    names = {name.strip("`").lower() for name in _NAME.findall(claim)}
    if any(name not in source.lower() for name in names):
        support *= 0.5
    if bool(_NEGATION.search(claim)) != bool(_NEGATION.search(window)):
        support *= 0.5
    return support


def _nearest(asked: set[str], passage: Evidence) -> tuple[str, float]:
    """The one or two neighbouring sentences with most of the asked words, and the share that they have."""
    sentences = [sentence.text for sentence in split_sentences(passage.text)]
    windows = sentences + [f"{one} {two}" for one, two in pairwise(sentences)]
    best, most = "", 0.0
    for window in windows:
        share = len(asked & set(terms(window))) / len(asked)
        if share > most:
            best, most = window, share
    return best, most


def _bare(text: str) -> str:
    """Lower-case words and digits only, so that mark-up and line breaks do not matter."""
    return " ".join(re.findall(r"\w+", text.lower()))


def quoted_rightly(citation: Citation, evidence: Mapping[str, Evidence]) -> bool:
    """Whether the citation's evidence exists, is of the document it names, and has the quoted words."""
    passage = evidence.get(citation.evidence_id)
    if passage is None or passage.document_id != citation.document_id:
        return False
    quote = _bare(citation.quote)
    return bool(quote) and f" {quote} " in f" {_bare(passage.text)} "
