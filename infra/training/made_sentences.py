"""Fills the sentences of `personal_data.yaml` with made names, addresses and the like, and says what is where."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from shared.personal_data import PersonalData

LISTS_FILE = Path(__file__).with_name("personal_data.yaml")
_SLOT = re.compile(r"\{([A-Z]+)\}")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "October", "November", "December")
_MONTHS_ABROAD = ("Januar", "März", "Mai", "Juni", "Dezember", "janvier", "mars", "août", "enero", "mayo", "maart")
_PHONES = (
    "###-###-####",
    "(###)###-####",
    "(###) ###-####",
    "###.###.####",
    "+1-###-###-####",
    "001-###-###-####",
    "+49 ### #######",
    "0## ### ####",
    "0#### ######",
    "0## #######",
    "0# ## ## ## ##",
    "## ## ## ##",
    "### ####",
    "#### ####",
    "### ### ###",
    "0##-#######",
    "0## #### ####",
    "+44 #### ######",
    "##########",
    "###-###-####x###",
    "### ## ## ##",
    "0###/#####",
)
_LICENSES = ("#########", "A########", "A#######", "AA######A", "########", "A############", "A##-##-####", "AAA######")
# The kind of each slot; slots that a value is made of are parts of an address or of a name.
SLOT_KINDS: Mapping[str, str] = {
    "NAME": "NAME",
    "FIRST": "NAME",
    "LAST": "NAME",
    "ADDRESS": "ADDRESS",
    "STREET": "ADDRESS",
    "HOUSE": "ADDRESS",
    "POSTCODE": "ADDRESS",
    "UNIT": "ADDRESS",
    "CITY": "LOCATION",
    "COUNTRY": "LOCATION",
    "STATE": "LOCATION",
    "ORG": "ORGANIZATION",
    "JOB": "JOB",
    "HON": "HONORIFIC",
    "PHONE": "PHONE",
    "DATE": "DATE",
    "DAY": "DATE",
    "MONTH": "DATE",
    "LICENSE": "LICENSE",
}


@dataclass(frozen=True)
class LabelledText:
    """A text and the personal data in it."""

    text: str
    spans: Sequence[PersonalData]


class SentenceMaker:
    """Makes sentences from the project's own lists, and from other values of a kind where there are some.

    Args:
        random: where chance comes from; the same state makes the same sentences.
        values: further values for a slot, taken half of the time.
    """

    def __init__(self, random: Random, values: Mapping[str, Sequence[str]] | None = None) -> None:
        self._random = random
        self._values = values or {}
        self._lists: dict[str, Any] = {
            name: value.split() if isinstance(value, str) else value
            for name, value in yaml.safe_load(LISTS_FILE.read_text(encoding="utf-8")).items()
        }
        self._makers: dict[str, Callable[[], str]] = {
            "NAME": self._name,
            "FIRST": lambda: self._one("first_names"),
            "LAST": lambda: self._one("surnames"),
            "ADDRESS": self._address,
            "STREET": self._street,
            "HOUSE": lambda: str(random.randint(1, 260)),
            "POSTCODE": self._postcode,
            "UNIT": self._unit,
            "CITY": lambda: self._one("cities"),
            "COUNTRY": lambda: self._one("countries"),
            "STATE": lambda: self._one("states"),
            "ORG": self._organisation,
            "JOB": lambda: self._one("jobs"),
            "HON": lambda: self._one("honorifics"),
            "PHONE": lambda: self._digits(random.choice(_PHONES)),
            "DATE": self._date,
            "DAY": lambda: random.choice(_DAYS),
            "MONTH": lambda: random.choice(_MONTHS + _MONTHS_ABROAD),
            "LICENSE": lambda: self._digits(random.choice(_LICENSES)),
        }

    def sentences(self, count: int) -> list[LabelledText]:
        """`count` texts of one to four sentences each, a quarter of the sentences without personal data."""
        return [self._text() for _ in range(count)]

    def ordinary(self) -> list[str]:
        """The sentences that hold no personal data."""
        return list(self._lists["unlabelled"])

    def _text(self) -> LabelledText:
        text, spans = "", []
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 4))):
            labelled = self._random.random() < 0.75
            one = self.filled(self._one("labelled" if labelled else "unlabelled"))
            gap = self._random.choice((" ", "\n", "\n\n")) if text else ""
            shift = len(text) + len(gap)
            text += gap + one.text
            spans += [PersonalData(span.start + shift, span.end + shift, span.kind) for span in one.spans]
        return LabelledText(self._cased(text), spans)

    def filled(self, sentence: str) -> LabelledText:
        """The sentence with a value in each slot."""
        parts, spans, position, length = [], [], 0, 0
        for match in _SLOT.finditer(sentence):
            before, value = sentence[position : match.start()], self._value(match[1])
            length += len(before)
            spans.append(PersonalData(length, length + len(value), SLOT_KINDS[match[1]]))
            length += len(value)
            parts += [before, value]
            position = match.end()
        return LabelledText("".join([*parts, sentence[position:]]), spans)

    def _value(self, slot: str) -> str:
        others = self._values.get(slot, ())
        value = self._random.choice(others) if others and self._random.random() < 0.5 else self._makers[slot]()
        chance = self._random.random()
        changed = value.lower() if chance < 0.04 else value.upper() if chance < 0.07 else value
        return changed if len(changed) == len(value) else value

    def _cased(self, text: str) -> str:
        """Many customers write without capitals, a few in nothing but. Lengths stay, and so do the spans."""
        chance = self._random.random()
        changed = text.lower() if chance < 0.15 else text.upper() if chance < 0.18 else text
        return changed if len(changed) == len(text) else text

    def _one(self, name: str) -> str:
        return str(self._random.choice(self._lists[name]))

    def _name(self) -> str:
        first, last = self._one("first_names"), self._one("surnames")
        chance = self._random.random()
        if chance < 0.06:
            return f"{first} {self._one('particles')} {last}"
        if chance < 0.12:
            return f"{first} {self._random.choice('ABCDEFGHJKLMPRST')}. {last}"
        if chance < 0.18:
            return f"{first} {last}-{self._one('surnames')}"
        if chance < 0.24:
            return f"{first} {self._one('first_names')} {last}"
        return f"{first} {last}"

    def _street(self) -> str:
        chance = self._random.random()
        if chance < 0.3:
            return self._one("street_wholes")
        if chance < 0.5:
            return f"{self._one('street_wholes')} {self._random.randint(1, 260)}"
        if chance < 0.55:
            return f"P.O. Box {self._random.randint(1, 9_999)}"
        if chance < 0.65:
            return f"{self._one('surnames')} {self._one('street_kinds')}"
        return f"{self._one('street_stems')} {self._one('street_kinds')}"

    def _unit(self) -> str:
        return f"{self._random.choice(('Apt.', 'Suite', 'Unit', 'Flat', 'Floor', '#'))} {self._random.randint(1, 990)}"

    def _postcode(self) -> str:
        form = self._random.choice(("#####", "#####", "####", "AA# #AA", "#### AA", "##-###", "#####-####", "A#A #A#"))
        return self._digits(form)

    def _address(self) -> str:
        street, house = self._street(), self._makers["HOUSE"]()
        line = f"{house} {street}" if self._random.random() < 0.6 else f"{street} {house}"
        parts = [line]
        if self._random.random() < 0.3:
            parts.append(self._unit())
        if self._random.random() < 0.7:
            parts.append(self._town())
        if self._random.random() < 0.3:
            parts.append(self._one("countries"))
        return self._random.choice((", ", ", ", " ", "\n", ",\n ")).join(parts)

    def _town(self) -> str:
        city, postcode = self._one("cities"), self._postcode()
        return self._random.choice(
            (f"{postcode} {city}", f"{city} {postcode}", f"{city}, {self._one('states')} {postcode}")
        )

    def _organisation(self) -> str:
        stem, end, surname = self._one("organisation_stems"), self._one("organisation_ends"), self._one("surnames")
        forms = (
            self._one("organisations"),
            f"{surname} {end}",
            f"{surname}, {self._one('surnames')} and {self._one('surnames')}",
            f"{stem} {surname} {end}",
            f"Department {self._random.choice(('of', 'Of', 'for'))} {stem} Affairs",
            f"{stem}{self._one('organisation_stems').lower()}",
            f"{stem} {end}",
        )
        return self._random.choices(forms, weights=(35, 25, 3, 5, 4, 8, 20))[0]

    def _date(self) -> str:
        day, month, year = self._random.randint(1, 28), self._random.randint(1, 12), self._random.randint(1940, 2027)
        named = self._random.choice(_MONTHS)
        forms = (f"{day} {named}", f"{named} {day}", f"{day}. {named} {year}", f"{day}/{month}", f"{named} {year}")
        return self._random.choice(forms)

    def _digits(self, form: str) -> str:
        """The form with a digit for each #, and a capital for each A."""
        random = self._random
        return "".join(
            str(random.randint(0, 9)) if sign == "#" else random.choice("ABCDEFGHJKLMNPRSTUW") if sign == "A" else sign
            for sign in form
        )
