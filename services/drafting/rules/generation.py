"""What a generative drafter is asked, and what counts as a valid response."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.events import Evidence
from services.drafting.rules.ladder import Request
from services.drafting.rules.layout import Statement, Support
from shared.model_json import NotAsAgreed, read_form, strict_format, strict_object

PASSAGES_MAX = 8
PASSAGE_CHARACTERS_MAX = 3_000
MESSAGE_CHARACTERS_MAX = 8_000
EARLIER_MESSAGES_MAX = 4
EARLIER_CHARACTERS_MAX = 1_500
AGAIN_CHARACTERS_MAX = 6_000
_NUMBER = re.compile(r"\d{1,3}")


class ResponseInvalid(Exception):
    """The model's response cannot be used; the text says why, without its content."""


def _number(value: Any) -> Any:
    """Models that know no schema write `"2"`, `"[2]"` or `"passage 2"`."""
    found = _NUMBER.search(value) if isinstance(value, str) else None
    return int(found.group()) if found else value


def _listed(value: Any) -> Any:
    """One thing where a list of them is due, or nothing at all."""
    if value is None:
        return []
    return [value] if isinstance(value, str | dict) else value


class _Quote(BaseModel):
    model_config = ConfigDict(extra="ignore")

    passage: Annotated[int, BeforeValidator(_number)]
    quote: Annotated[str, Field(max_length=2_000)]


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="ignore")

    text: Annotated[str, Field(min_length=1, max_length=1_500)]
    citations: Annotated[list[_Quote], BeforeValidator(_listed), Field(max_length=6)]


class _Response(BaseModel):
    model_config = ConfigDict(extra="ignore")

    sentences: Annotated[list[_Sentence], BeforeValidator(_listed), Field(max_length=12)]
    unanswered: Annotated[
        list[Annotated[str, Field(max_length=500)]], BeforeValidator(_listed), Field(max_length=20)
    ] = []


def response_format() -> dict[str, Any]:
    """The `response_format` of the request: a strict JSON schema."""
    quote = strict_object({"passage": {"type": "integer"}, "quote": {"type": "string"}})
    sentence = strict_object({"text": {"type": "string"}, "citations": {"type": "array", "items": quote}})
    unanswered = {"type": "array", "items": {"type": "string"}}
    return strict_format("answer", {"sentences": {"type": "array", "items": sentence}, "unanswered": unanswered})


def offered(event: Request, passages_max: int = PASSAGES_MAX) -> Sequence[Evidence]:
    """The passages that the model is shown, numbered from 1 in this order."""
    return event.context.evidence[:passages_max]


def question(event: Request, passages_max: int = PASSAGES_MAX) -> dict[str, Any]:
    """The user message: ticket and passages as an object that travels as JSON.

    So neither can pass for the other or for instructions.
    """
    ticket = event.ticket
    return {
        "customer_message": {
            "language": event.classification.language,
            "subject": ticket.subject,
            "body": ticket.body[:MESSAGE_CHARACTERS_MAX],
            "earlier": [
                {"author": message.author, "body": message.body[:EARLIER_CHARACTERS_MAX]}
                for message in ticket.thread[-EARLIER_MESSAGES_MAX:]
            ],
        },
        "passages": [
            {"number": number, "title": one.title, "heading": one.heading, "text": one.text[:PASSAGE_CHARACTERS_MAX]}
            for number, one in enumerate(offered(event, passages_max), start=1)
        ],
    }


def statements_in(text: str, passages: Sequence[Evidence]) -> tuple[list[Statement], tuple[str, ...]]:
    """The statements and the unanswered parts of a response.

    Raises:
        ResponseInvalid: it is not JSON of the schema, or a sentence has no citation, or a quote is not in its passage.
    """
    try:
        response = read_form(text, _Response)
    except NotAsAgreed as error:
        raise ResponseInvalid(str(error)) from None
    statements = []
    for sentence in response.sentences:
        supports = tuple(_support(quote, passages) for quote in sentence.citations)
        if not supports:
            raise ResponseInvalid("a sentence without a citation")
        statements.append(Statement(sentence.text, "prose", 0, supports))
    return statements, tuple(part for part in response.unanswered if part.strip())


def _support(quote: _Quote, passages: Sequence[Evidence]) -> Support:
    if not 1 <= quote.passage <= len(passages):
        raise ResponseInvalid("a citation of a passage that does not exist")
    passage = passages[quote.passage - 1]
    exact = _exact(quote.quote, passage.text)
    if exact is None:
        raise ResponseInvalid("a quote that is not in its passage")
    return Support(passage, exact)


def _exact(quote: str, text: str) -> str | None:
    """The quote as it stands in the text, where models change only white space and the case of letters."""
    words = quote.split()
    if not words:
        return None
    match = re.search(r"\s+".join(re.escape(word) for word in words[:400]), text, re.IGNORECASE)
    return match.group() if match else None
