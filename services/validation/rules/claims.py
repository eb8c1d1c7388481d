"""Splits a draft into claims and says how well what each one cites supports it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from contracts.events import AnswerDrafted, Citation, ClaimVerdict, Evidence
from contracts.pack import Tone
from services.validation.rules.words import OPPOSITES, read_words
from shared.sentences import split_sentences, terms

CLAIMS_MAX = 100
ANSWER_CHARACTERS_MAX = 30_000
CLAIM_CHARACTERS_MAX = 4_000
SUPPORTED_FROM = 0.6
# The share of a claim's words that its source must have for the model's word to count in full.
SHARED_MIN = 0.5

_MARK = re.compile(r"(?:\[\d{1,2}\])+")
_SOURCE = re.compile(r"(?m)^(?:\[\d{1,2}\])+[ \t]+(?P<name>\S[^\n]*)$")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"`[^`\n]{1,100}`|\b[A-Z]{2,}\d*\b|\b\w+[_/.@=-]\w[\w/.@=:-]*|(?<=[a-z,;] )[A-Z][\w-]+")
# Numbers that are said without counting.
_ORDINARY = frozenset({"one", "once", "twice", "first", "second", "third", "fourth", "fifth", "half"})
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
    for *_, plain in statements_in(text.strip().removesuffix("```").strip()):
        yield Claim(plain, numbers)


def statements_in(text: str) -> list[tuple[int, int, str]]:
    """The sentences of a text that state anything, at most CLAIMS_MAX: start, end, and the words in one line."""
    stating = [one for one in split_sentences(text[:ANSWER_CHARACTERS_MAX]) if terms(one.text)]
    return [(one.start, one.end, " ".join(one.text.split())[:CLAIM_CHARACTERS_MAX]) for one in stating[:CLAIMS_MAX]]


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


def cited_by(claim: Claim, citations: Mapping[int, Citation], evidence: Mapping[str, Evidence]) -> list[Evidence]:
    """The evidence that the claim validly cites, in a fixed order."""
    cited = {citations[number].evidence_id for number in claim.numbers if number in citations}
    return [evidence[one] for one in sorted(cited) if one in evidence]


def judge(claim: Claim, passages: Sequence[Evidence], likely: float | None = None) -> ClaimVerdict:
    """Whether the passages that the claim cites support it. A claim without a valid citation is not supported.

    Args:
        likely: how likely a trained model thinks it, supported from SUPPORTED_FROM; None where none was asked.
    """
    support = max((support_of(claim.text, passage, likely) for passage in passages), default=0.0)
    return ClaimVerdict(
        claim=claim.text, supported=support >= SUPPORTED_FROM, support=round(support, 4), citations=claim.numbers[:50]
    )


def support_of(claim: str, passage: Evidence, likely: float | None = None) -> float:
    """How well one passage supports a claim, 0 to 1.

    Whole sentences word for word are 1. Otherwise what the model thinks, else the share of the claim's words in the two
    neighbouring sentences that share most; reduced where a number or a name is not in the passage, where one side is
    negated and the other is not, or where a word stands for its opposite.
    """
    if quoted_whole(claim, passage.text):
        return 1.0
    asked = set(terms(claim))
    if not asked:
        return 0.0
    window, share = _nearest(asked, passage)
    # The model sees sense in few shared words, but where hardly any are shared, it only guesses.
    support = share if likely is None else min(likely, share / SHARED_MIN)
    return support * _contradictions(claim, window, f"{passage.title}\n{passage.heading}\n{passage.text}")


def _contradictions(claim: str, window: str, source: str) -> float:
    """A factor below 1 for each thing in the claim that the source has otherwise or not at all."""
    said, read = read_words(claim), read_words(source)
    near = set(read_words(window).lower)
    factor = 1.0
    known = {value for value in read.numbers if value} | set(_NUMBER.findall(source))
    figures = [value for value, word in zip(said.numbers, said.lower, strict=True) if value and word not in _ORDINARY]
    if set(figures) - known:
        factor *= 0.3
    names = {name.strip("`").lower() for name in _NAME.findall(claim)}
    if any(name not in source.lower() for name in names):
        factor *= 0.5
    if bool(_NEGATION.search(claim)) != bool(_NEGATION.search(window)):
        factor *= 0.5
    words = set(said.lower)
    if any(OPPOSITES[word] & (near - words) for word in (words - near) & OPPOSITES.keys()):
        factor *= 0.5
    return factor


def quoted_whole(claim: str, text: str) -> bool:
    """Whether the claim is one sentence of the text, or several in a row, word for word.

    A part of a sentence is not: "touch the database" stands in "It does not touch the database".
    """
    words = f" {_bare(claim)} "
    sentences = [bare for one in split_sentences(text) if (bare := _bare(one.text))]
    whole = f" {' '.join(sentences)} "
    begins = list(accumulate((len(one) + 1 for one in sentences), initial=0))
    found = whole.find(words) if words.strip() else -1
    while found >= 0:
        if found in begins and found + len(words) - 1 in begins:
            return True
        found = whole.find(words, found + 1)
    return False


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
