"""Lays out chosen passages as an answer: a frame in the pack's tone, numbered citations, sources."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.events import Citation, Evidence
from contracts.pack import Tone
from shared.sentences import Kind

QUOTE_CHARACTERS_MAX = 4_000
ECHO_CHARACTERS_MAX = 200
_RELATIVE_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\((?!https?://)[^()\s]{0,500}\)")
_TOKEN_OR_LINK = re.compile(r"\[[A-Z_]+_\d+\]|https?://\S+|\S+@\S+")


@dataclass(frozen=True)
class Support:
    """The words of one piece of evidence that a statement rests on."""

    evidence: Evidence
    quote: str


@dataclass(frozen=True)
class Statement:
    """One sentence, step or code block of an answer. Statements of one `paragraph` stand together."""

    text: str
    kind: Kind
    paragraph: int
    supports: tuple[Support, ...]
    marker: str = ""


@dataclass(frozen=True)
class Layout:
    """An answer's text, and the citations that point into it."""

    text: str
    citations: tuple[Citation, ...]


def lay_out(statements: Sequence[Statement], unanswered: Sequence[str], tone: Tone, language: str) -> Layout:
    """The answer made of `statements` in their order; an empty one where there are none.

    Parts that could not be answered are named after the pack's `cannot_answer` sentence. Each support gets a number
    of its own; a citation's span covers the statement without the number.
    """
    if not statements:
        return Layout("", ())
    writer = _Writer()
    writer.paragraph(in_language(tone.greeting, language))
    for before, statement in zip((None, *statements), statements, strict=False):
        writer.state(statement, new_paragraph=before is None or before.paragraph != statement.paragraph)
    if unanswered:
        writer.paragraph(in_language(tone.cannot_answer, language))
        for part in unanswered:
            writer.line(f"- {_echo(part)}")
    writer.sources()
    writer.paragraph(in_language(tone.closing, language))
    return Layout(writer.text, tuple(writer.citations))


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in that language, else in English, else in the pack's first."""
    tags = (language, language.partition("-")[0], "en", next(iter(texts), ""))
    return next((texts[tag] for tag in tags if texts.get(tag)), "")


class _Writer:
    def __init__(self) -> None:
        self.text = ""
        self.citations: list[Citation] = []
        self._documents: dict[str, tuple[Evidence, list[int]]] = {}

    def paragraph(self, text: str) -> None:
        if text.strip():
            self.text += ("\n\n" if self.text else "") + text.strip()

    def line(self, text: str) -> None:
        self.text += "\n" + text

    def state(self, statement: Statement, *, new_paragraph: bool) -> None:
        if len(self.citations) + len(statement.supports) > 50:
            return
        code = statement.kind == "code"
        alone = code or statement.kind in {"step", "table"}
        self.text += "\n\n" if new_paragraph else ("\n" if alone or self.text.endswith("```") else " ")
        self.text += "```\n" if code else (f"{statement.marker} " if statement.marker else "")
        start = len(self.text)
        self.text += statement.text if code else readable(statement.text)
        end = len(self.text)
        numbers = [self._cite(support, start, end) for support in statement.supports]
        marks = "".join(f"[{number}]" for number in numbers)
        self.text += f"\n```\n{marks}" if code else f" {marks}"

    def _cite(self, support: Support, start: int, end: int) -> int:
        number = len(self.citations) + 1
        evidence = support.evidence
        self.citations.append(
            Citation(
                number=number,
                evidence_id=evidence.evidence_id,
                document_id=evidence.document_id,
                quote=support.quote[:QUOTE_CHARACTERS_MAX],
                start=start,
                end=end,
            )
        )
        self._documents.setdefault(evidence.document_id, (evidence, []))[1].append(number)
        return number

    def sources(self) -> None:
        for index, (evidence, numbers) in enumerate(self._documents.values()):
            marks = "".join(f"[{number}]" for number in numbers)
            title = evidence.title or evidence.document_id
            source = f"{marks} {title}" + (f": {evidence.url}" if evidence.url else "")
            self.text += ("\n\n" if index == 0 else "\n") + source


def readable(text: str) -> str:
    """Hard-wrapped Markdown as one line; links that only work inside the knowledge base become their words."""
    return _RELATIVE_LINK.sub(r"\1", " ".join(text.split()))


def _echo(part: str) -> str:
    """A customer's question fit to be repeated: short, without tokens of personal data or links."""
    plain = " ".join(_TOKEN_OR_LINK.sub("…", part).split())
    return plain if len(plain) <= ECHO_CHARACTERS_MAX else plain[: ECHO_CHARACTERS_MAX - 1] + "…"
