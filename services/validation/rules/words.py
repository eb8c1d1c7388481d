"""Reads a text as words with what tells whether another text supports them: stem, number, name, and what they turn."""

import re
from dataclasses import dataclass
from functools import lru_cache

from shared.sentences import terms

WORD = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+(?:['’][^\W_]+)*")
WORD_CHARACTERS_MAX = 60

NEGATION = re.compile(
    r"\b(?:not|no|never|none|cannot|without|neither|nor|nothing|nobody|unable|fail\w*|den(?:y|ies|ied)|refus\w+|lack\w*"
    r"|un\w{5,}ed)\b|n['’]t\b",
    re.IGNORECASE,
)
HEDGE = re.compile(
    r"\b(?:may|might|could|possibl\w+|perhaps|likely|probabl\w+|seem\w*|appear\w*|suggest\w*|potential\w*|alleged\w*"
    r"|reported\w*|estimat\w+|about|around|approximately|usually|often|generally|typically|some\w*|can)\b",
    re.IGNORECASE,
)
ABSOLUTE = re.compile(
    r"\b(?:all|always|every|only|never|must|exactly|none|any|entire\w*|complete\w*|definitely|certain\w*|both|each|best"
    r"|most|first|last)\b",
    re.IGNORECASE,
)
# What speaks about the sources instead of the matter.
ABOUT_SOURCES = re.compile(
    r"\b(?:passages?|context|text|provided|information|mention\w*|article|source|documents?|unable to answer|based on"
    r"|according to|given)\b",
    re.IGNORECASE,
)
# What announces a conclusion of the writer's own.
CONCLUSION = re.compile(
    r"\b(?:therefore|thus|overall|in conclusion|conclusion|summary|additionally|also|however|furthermore|moreover"
    r"|this (?:means|suggests|indicates)|because|due to|which|important\w*|ensur\w+|highlight\w*|emphasi\w+"
    r"|recommend\w*|note that)\b",
    re.IGNORECASE,
)

_COUNTED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_NUMBER_WORDS = {word: str(value) for value, word in enumerate(_COUNTED.split())} | {
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "first": "1",
    "second": "2",
    "third": "3",
    "fourth": "4",
    "fifth": "5",
    "once": "1",
    "twice": "2",
    "half": "0.5",
    "dozen": "12",
}
_PAIRS = (
    "increase/decrease more/less more/fewer before/after first/last always/never all/some all/none high/low"
    " higher/lower up/down enable/disable enabled/disabled open/closed open/close start/stop start/end begin/end"
    " buy/sell win/lose male/female man/woman he/she his/her yes/no north/south east/west left/right old/new"
    " older/younger early/late"
    " earlier/later above/below over/under minimum/maximum least/most include/exclude includes/excludes allow/forbid"
    " allowed/forbidden accept/reject required/optional public/private on/off with/without day/night morning/evening"
    " day/week day/month week/month month/year hour/minute hour/day minute/second days/weeks days/months weeks/months"
    " months/years hours/minutes hours/days minutes/seconds free/paid same/different best/worst good/bad hot/cold"
    " can/cannot may/must inside/outside add/remove added/removed true/false and/or born/died only/also small/large"
    " short/long fast/slow parent/child father/mother son/daughter brother/sister husband/wife automatically/manually"
    " monthly/yearly daily/weekly weekly/monthly"
)
OPPOSITES: dict[str, frozenset[str]] = {}
for _one, _other in (pair.split("/") for pair in _PAIRS.split()):
    OPPOSITES[_one] = OPPOSITES.get(_one, frozenset()) | {_other}
    OPPOSITES[_other] = OPPOSITES.get(_other, frozenset()) | {_one}


@dataclass(frozen=True)
class Words:
    """The words of a text, each list in their order.

    `lower` has each in lower case, `stems` its stem or "" for a stop word, `numbers` its value as text or "",
    `names` whether it looks like a name: a capital inside a sentence, or digits within letters.
    """

    lower: list[str]
    stems: list[str]
    numbers: list[str]
    names: list[bool]


def read_words(text: str) -> Words:
    """The words of `text`; each is cut at WORD_CHARACTERS_MAX."""
    words = Words([], [], [], [])
    for match in WORD.finditer(text):
        raw = match.group()[:WORD_CHARACTERS_MAX]
        lower = raw.lower().replace("’", "'").removesuffix("'s")
        words.lower.append(lower)
        words.stems.append(stem(lower))
        words.numbers.append(number(lower))
        words.names.append(_is_name(raw, text[max(0, match.start() - 2) : match.start()]))
    return words


def _is_name(word: str, before: str) -> bool:
    if any(one.isdigit() for one in word) and any(one.isalpha() for one in word):
        return True
    opens = not before or (len(before) > 1 and not before.strip()) or before.strip()[-1:] in {*'.!?:*-•"“'}
    return word[:1].isupper() and (not opens or word[1:2].isupper())


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of one lower-case word, "" for a stop word."""
    found = terms(word)
    return found[0] if found else ""


@lru_cache(maxsize=50_000)
def number(word: str) -> str:
    """The value of a number in digits or in an English word, written so that equal values are equal; "" for others."""
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS[word]
    if not word[:1].isdigit():
        return ""
    plain = re.sub(r"(?:st|nd|rd|th|s|am|pm)$", "", word).replace(",", "")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
