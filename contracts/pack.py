"""The format of a vertical pack: what specialises Handrail for one support domain."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.events import Priority

Autonomy = Literal["off", "suggest", "auto"]


class Part(BaseModel):
    """A frozen part of a pack; unknown keys are refused, since a typo there would change behaviour silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IntentExample(Part):
    """A training text of an intent, with the articles that answer it."""

    text: Annotated[str, Field(min_length=1, max_length=5000)]
    language: str = "en"
    articles: tuple[str, ...] = ()


class Intent(Part):
    """One thing customers ask for. `autonomy: off` leaves the decision to a person always."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    description: str
    queue: str
    priority: Priority = "normal"
    articles: tuple[str, ...] = ()
    autonomy: Autonomy = "suggest"
    examples: Annotated[tuple[IntentExample, ...], Field(min_length=5)]


class FlagDefinition(Part):
    """A risk that sends a ticket to the specialists of `queue` or, where that is empty, to a reviewer."""

    description: str
    queue: str = ""
    examples: Annotated[tuple[str, ...], Field(min_length=5)]


class Queue(Part):
    """A group of people who work on cases."""

    id: str
    title: str


class Tone(Part):
    """The frame of an answer, by language (BCP 47)."""

    greeting: dict[str, str]
    closing: dict[str, str]
    cannot_answer: dict[str, str]


class ContentPolicy(Part):
    """What may not stand in an answer: regular expressions (case-insensitive), and what a reviewer is told."""

    id: str
    title: str
    kind: Literal["forbidden_promise", "forbidden_content"]
    patterns: Annotated[tuple[str, ...], Field(min_length=1)]
    message: str

    @model_validator(mode="after")
    def patterns_compile(self) -> Self:
        """Raises ValueError where a pattern is no regular expression."""
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"policy {self.id}: {pattern!r} is no regular expression: {error}") from error
        return self


class Thresholds(Part):
    """Starting thresholds, before feedback has taught better ones."""

    release_confidence: Annotated[float, Field(ge=0.0, le=1.0)] = 0.9
    # A person's minutes with a draft that may not be sent; what a better draft may cost is measured by it.
    review_cost_usd: Annotated[float, Field(ge=0.0)] = 2.0


def article_of(document_id: str, language: str) -> str:
    """The name that a taxonomy knows an article by: its id without the folder of its language, which translations have.

    `de/refunds` in German and `refunds` in English are one article; `db/backup` in English is `db/backup`.
    """
    tags = {language.lower(), language.partition("-")[0].lower()}
    folders, _, name = document_id.rpartition("/")
    kept = [folder for folder in folders.split("/") if folder and folder.lower() not in tags]
    return "/".join([*kept, name])


class Pack(Part):
    """A whole vertical, read from a folder by `shared.packs.load_pack`.

    `first_response_minutes` is the service level: minutes by priority. `unknown_intent_autonomy` rules where no
    intent is known, as in a pack that has knowledge but no taxonomy yet. `ordinary` are texts that raise no flag.
    """

    name: str
    version: str
    title: str
    languages: tuple[str, ...]
    knowledge_languages: tuple[str, ...]
    tone: Tone
    queues: tuple[Queue, ...]
    first_response_minutes: dict[Priority, Annotated[int, Field(ge=1)]]
    policies: tuple[ContentPolicy, ...]
    thresholds: Thresholds
    unknown_intent_autonomy: Autonomy = "suggest"
    intents: tuple[Intent, ...] = ()
    flags: dict[str, FlagDefinition]
    ordinary: tuple[str, ...] = ()
    out_of_scope: tuple[IntentExample, ...] = ()

    def intent(self, intent_id: str) -> Intent | None:
        """The intent of that id, or None."""
        return next((intent for intent in self.intents if intent.id == intent_id), None)

    @model_validator(mode="after")
    def queues_exist(self) -> Self:
        """Raises ValueError where an intent or a flag names a queue that the pack lacks."""
        known = {queue.id for queue in self.queues} | {""}
        named = {intent.queue for intent in self.intents} | {flag.queue for flag in self.flags.values()}
        if missing := sorted(named - known):
            raise ValueError(f"queues that the pack does not define: {', '.join(missing)}")
        return self
