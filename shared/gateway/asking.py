"""What is asked of a model, under which constraints, and what comes back."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Reach = Literal["local", "eu", "external"]
"""How far data go: this machine or network, the European Union, anywhere."""

REACHES: tuple[Reach, ...] = ("local", "eu", "external")

# A token stands for at least one byte of text with every tokeniser in use, and messages have a few of their own.
_MESSAGE_TOKENS = 16
_BYTES_PER_TOKEN_TYPICAL = 3.5


class ModelUnavailable(Exception):
    """No model gave a response within the bounds; the text says the last reasons, never content.

    `cost_usd` is what is known to have been paid all the same.
    """

    def __init__(self, message: str, *, cost_usd: float = 0.0) -> None:
        super().__init__(message)
        self.cost_usd = cost_usd


@dataclass(frozen=True)
class Turn:
    """One more message after the first question: what the model said, or what it is told then."""

    role: Literal["assistant", "user"]
    text: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked. `name` and `version` identify the wording.

    Args:
        system: the instructions; never holds data of a person.
        user: a text, or an object that travels as JSON, so that nothing in its strings can pass for structure.
        turns: what was said since.
        response_format: the API's field of that name; a tier that knows no schemas gets a weaker one.
    """

    name: str
    version: str
    system: str
    user: str | Mapping[str, Any]
    turns: tuple[Turn, ...] = ()
    response_format: dict[str, Any] | None = None

    def messages(self) -> list[dict[str, str]]:
        """The messages as the API takes them."""
        user = self.user if isinstance(self.user, str) else json.dumps(self.user, ensure_ascii=False, indent=1)
        said = [{"role": turn.role, "content": turn.text} for turn in self.turns]
        return [{"role": "system", "content": self.system}, {"role": "user", "content": user}, *said]


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a request asks of the tier that serves it.

    Args:
        deadline_seconds: the whole call ends by then, tries with further tiers included.
        cost_usd_max: no tier whose worst case costs more.
        reach: how far the data of this request may go; the tenant's own bound holds as well.
        acceptance_min: no tier whose response is less probably accepted.
        acceptance: by tier, how probable it is that this request's response is accepted; else the tier's own figure.
        rejection_usd: what a response that is not accepted costs besides its price, such as somebody's time.
        modality: what the request holds.
    """

    deadline_seconds: float = 90.0
    cost_usd_max: float = math.inf
    reach: Reach = "external"
    acceptance_min: float = 0.0
    acceptance: Mapping[str, float] = field(default_factory=dict)
    rejection_usd: float = 0.0
    modality: str = "text"


@dataclass(frozen=True)
class Size:
    """How large a prompt is, in tokens: what is typical, and more than which no tokeniser makes of it."""

    tokens: int
    tokens_max: int


def size_of(prompt: Prompt) -> Size:
    """The size of the messages and the schema."""
    schema = json.dumps(prompt.response_format) if prompt.response_format else ""
    texts = [message["content"] for message in prompt.messages()] + [schema]
    count = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    own = _MESSAGE_TOKENS * len(texts)
    return Size(tokens=math.ceil(count / _BYTES_PER_TOKEN_TYPICAL) + own, tokens_max=count + own)


class Completion(BaseModel):
    """A model's text, and what it took. A refusal is paid for too.

    `tier` is the one that answered, `requests` how many requests were sent for it (a hedge sends two) and `cost_usd`
    the price of all of them. `cached` says that an equal request was answered before, at no new cost.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    model: str
    tier: str = ""
    finish_reason: str = ""
    refused: bool = False
    unknown_placeholder: bool = False
    cached: bool = False
    requests: int = Field(default=1, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0.0, ge=0.0)
    latency_seconds: float = Field(default=0.0, ge=0.0)

    @property
    def fault(self) -> str:
        """Why the text must not be used, in words without content; empty where nothing is known against it."""
        if self.refused:
            return "the model refused"
        if self.finish_reason == "length":
            return "the response was cut off"
        return "the response names personal data that nobody gave it" if self.unknown_placeholder else ""


@dataclass(frozen=True)
class Piece:
    """A part of a streamed text. The last one has the completion of the whole."""

    text: str
    completion: Completion | None = None
