"""Splits Markdown or plain text into sentences that know their place, and texts into questions and terms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "step", "code", "heading", "table"]

SENTENCES_MAX = 2_000
QUESTIONS_MAX = 8

_ITEM = re.compile(r"[ \t]*(?P<marker>[-*+•]|\d{1,3}[.)])[ \t]+")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+")
_FENCE = re.compile(r"(?P<indent>[ \t]*)(```|~~~)")
_TABLE = re.compile(r"[ \t]*\|")
# The look-behind and the possessive quantifiers keep a run of 100,000 dots linear.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_`]*+(?=\s+[^\sa-zà-öø-ÿ])|[。！？]++")
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|no|approx|resp|incl|dr|mr|mrs|ms|z\.B|d\.h|bzw|ca|nr|p\.ej|núm|sr|sra|[A-Z])\.$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """The span `[start, end)` of a text; `block` numbers the paragraph, or the whole list, that it stands in."""

    start: int
    end: int
    text: str
    kind: Kind
    block: int
    marker: str = ""


@dataclass
class _Block:
    kind: Kind
    start: int
    end: int
    number: int
    marker: str = ""


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of `text` in order, at most SENTENCES_MAX.

    A list item, a table row, a heading and a fenced code block (without its fences) count as one sentence each.
    `text[s.start:s.end] == s.text` holds for each; white space around it is left out.
    """
    sentences = []
    for block in _blocks(text):
        spans = _prose_spans(text, block) if block.kind == "prose" else iter([(block.start, block.end)])
        for start, end in spans:
            stripped = text[start:end].strip()
            if not stripped:
                continue
            first = start + text[start:end].index(stripped[0])
            last = first + len(stripped)
            sentences.append(Sentence(first, last, stripped, block.kind, block.number, block.marker))
            if len(sentences) == SENTENCES_MAX:
                return sentences
    return sentences


def _blocks(text: str) -> list[_Block]:
    blocks: list[_Block] = []
    fenced = gap = False
    for start, line in _lines(text):
        end = start + len(line)
        fence = _FENCE.match(line)
        if fenced and not fence:
            blocks[-1].end = end
        elif fence:
            fenced = not fenced
            if fenced:
                # Code that is indented under a step belongs to the list; the steps after it go on counting.
                inside = bool(fence["indent"]) and bool(blocks) and blocks[-1].kind in {"step", "code"}
                blocks.append(_Block("code", end, end, _next_number(blocks, joined=inside)))
        elif not line.strip():
            gap = True
            continue
        else:
            _take_line(blocks, line, start, gap=gap)
        gap = False
    return blocks


def _take_line(blocks: list[_Block], line: str, start: int, *, gap: bool) -> None:
    end = start + len(line)
    last = blocks[-1] if blocks else None
    if heading := _HEADING.match(line):
        blocks.append(_Block("heading", start + heading.end(), end, _next_number(blocks, joined=False)))
    elif item := _ITEM.match(line):
        in_list = last is not None and (last.kind == "step" or _is_code_in_list(blocks))
        number = _next_number(blocks, joined=in_list)
        blocks.append(_Block("step", start + item.end(), end, number, item["marker"]))
    elif _TABLE.match(line):
        joined = last is not None and last.kind == "table" and not gap
        blocks.append(_Block("table", start, end, _next_number(blocks, joined=joined)))
    elif last is not None and not gap and last.kind in {"prose", "step"}:
        last.end = end
    else:
        blocks.append(_Block("prose", start, end, _next_number(blocks, joined=False)))


def _is_code_in_list(blocks: list[_Block]) -> bool:
    return len(blocks) > 1 and blocks[-1].kind == "code" and blocks[-1].number == blocks[-2].number


def _next_number(blocks: list[_Block], *, joined: bool) -> int:
    if not blocks:
        return 0
    return blocks[-1].number + (0 if joined else 1)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line
        start += len(line)


def _prose_spans(text: str, block: _Block) -> Iterator[tuple[int, int]]:
    start = block.start
    for end in _END.finditer(text, block.start, block.end):
        if not _ABBREVIATION.search(text[max(start, end.end() - 12) : end.end()]):
            yield start, end.end()
            start = end.end()
    yield start, block.end


# ── Questions ────────────────────────────────────────────────────────────────────────────────────

_ASKS = re.compile(
    r"^\W*(?:(?:and|also|but|so|plus|then|und|y|et)\W+)*"
    r"(?:how|what|why|where|when|which|who|whose|can|could|is|are|do|does|did|will|would|should|may|has|have"
    r"|wie|was|warum|wieso|wo|wann|welche[rsnm]?|wer|kann|können|könnt|ist|sind|gibt|muss|darf"
    r"|cómo|qué|por qué|dónde|cuándo|cuál|puedo|pueden|hay"
    r"|comment|pourquoi|où|quand|quel(?:le)?s?|est-ce|peut|pouvez|puis-je|y a-t-il)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"\b(?:please|pls|how (?:to|do|can)|need help|tell me|explain|help|bitte|hilfe|por favor|merci de)\b",
    re.IGNORECASE,
)
# Beside a question a wish says what it is about ("We want to move to Asia. Which region is nearest?").
_WISH = re.compile(
    r"\b(?:need to|want to|would like|i'd like|möchte|brauche|quiero|necesito|je voudrais|j'aimerais)\b", re.IGNORECASE
)
# Output of programs is indented ("\tIs the server running on that host?"), and asks the customer nothing.
_PASTED = re.compile(r"^(?:\t| {4})(?![ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]).*$", re.MULTILINE)
_QUESTION_TERMS_MIN = 2
# A question of so few content words often does not name what it is about.
_LEANING_TERMS_MAX = 4
_LEAD_CHARACTERS_MAX = 300
_JOINT = re.compile(
    r"(?:[,;]\s*|\s+)(?=(?:and|plus|und|y|et)\s+(?:also\s+)?"
    r"(?:how|what|why|where|when|which|is there|can (?:i|we|you)|do (?:i|we|you)"
    r"|wie|wo|wann|warum|cómo|dónde|comment|où)\b)",
    re.IGNORECASE,
)


def questions(text: str) -> list[str]:
    """The questions and requests in `text`, in order, at most QUESTIONS_MAX; empty where nothing is asked outright."""
    return [question for question, _ in questions_in_context(text)]


def questions_in_context(text: str) -> list[tuple[str, str]]:
    """The same questions, each with what it is to be understood by.

    That is the question itself, and of a short one also the sentence before it, unless that asks something else: "I'd
    like to use my own domain. What do I have to do for that?"
    """
    found: list[tuple[str, str]] = []
    wishes: list[tuple[str, str]] = []
    before = ""
    for sentence in split_sentences(_PASTED.sub("", text)):
        if sentence.kind in {"code", "table"}:
            continue
        line = " ".join(sentence.text.split())
        asks = line.rstrip("\"'”’)*_ ").endswith(("?", "？")) or _ASKS.match(line) or _REQUEST.search(line)
        if asks or _WISH.search(line):
            parts = [(part.strip(), len(terms(part))) for part in _JOINT.split(line)]
            (found if asks else wishes).extend(
                (part, f"{before} {part}".strip() if size <= _LEANING_TERMS_MAX else part)
                for part, size in parts
                if size >= _QUESTION_TERMS_MIN
            )
        before = "" if asks else line[-_LEAD_CHARACTERS_MAX:]
    return (found or wishes)[:QUESTIONS_MAX]


# ── Terms ────────────────────────────────────────────────────────────────────────────────────────

_WORD = re.compile(r"[^\W_]+(?:[-.'’_][^\W_]+)*")
_STOPWORD_LIST = """
a about after again all also am an and any are aren't as at be because been before being but by can can't
cannot could couldn't did didn't do does doesn't doing don't done down each even for from further get gets
getting got had has have haven't having he hello help her here hey hi him his how i i'd i'll i'm i've if in
into is isn't it it's its just know let like me more most my need no nor not now of off on once only or
other our out over own please same she should so some such than thank thanks that that's the their them then
there these they this those through to too under until up us very want was wasn't we we're we've were what
when where which while who why will with won't would you you're your yours der die das den dem ein eine
einen einem und oder ich wir sie es ist sind war bei mit von für auf im zu zum zur nicht wie wo wann warum
kann bitte danke hallo mein meine unser unsere el la los las un una de del y o en con por para que son mi
mis su se lo como hola gracias le les des du et ou est sont pour dans avec sur qui je nous vous mon ma mes
notre votre pas bonjour merci
"""
_STOPWORDS = frozenset(_STOPWORD_LIST.split())


def terms(text: str) -> list[str]:
    """The content words of `text` in order: lower case, without stop words, English inflection cut off."""
    words = (word.lower() for word in _WORD.findall(text))
    return [_stem(word) for word in words if word not in _STOPWORDS and (len(word) > 1 or word.isdigit())]


def _stem(word: str) -> str:
    """A light stem: enough that plural and verb forms meet, without a table of exceptions."""
    word = word.removesuffix("'s").removesuffix("’s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending, shortest in (("ing", 6), ("ed", 5), ("es", 5), ("s", 4)):
        if len(word) >= shortest and word.endswith(ending) and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and (word[-1] == "e" or word[-1] == word[-2]) else word
