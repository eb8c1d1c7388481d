"""A small pack whose texts are told apart by their words."""

from contracts.pack import FlagDefinition, Intent, IntentExample, Pack
from tests.unit.cases import intent, pack

TOPICS = {
    "rollback": ("deploy", "release", "rollback", "version", "revert"),
    "invoice": ("invoice", "receipt", "billing", "vat", "statement"),
    "domain": ("domain", "dns", "record", "nameserver", "subdomain"),
}
DANGERS = ("hacked", "stolen", "intruder", "breach", "malware")
ELSEWHERE = ("pizza", "holiday", "football", "poem", "weather")


def sentences(words: tuple[str, ...]) -> list[str]:
    return [f"about {one} and {two} today" for one in words for two in words if one < two]


def small_pack() -> Pack:
    def with_examples(name: str, words: tuple[str, ...]) -> Intent:
        examples = tuple(IntentExample(text=text) for text in sentences(words))
        return intent(name, "auto").model_copy(update={"examples": examples})

    return pack(
        intents=tuple(with_examples(name, words) for name, words in TOPICS.items()),
        flags={"security": FlagDefinition(description="A breach.", queue="trust", examples=tuple(sentences(DANGERS)))},
        out_of_scope=tuple(IntentExample(text=text) for text in sentences(ELSEWHERE)),
        ordinary=("nothing about it", "plain talk about lunch", "some words more", "hello there friend", "just so"),
    )
