"""Finds what may not stand in an answer: personal data, secrets, unresolved tokens, foreign links."""

import re

from shared.personal_data import find_personal_data

_KINDS = {
    "EMAIL": "an e-mail address",
    "PHONE": "a phone number",
    "CARD": "a card number",
    "IBAN": "a bank account number",
    "SECRET": "a secret or access token",
}
_TOKEN = re.compile(r"\[[A-Z][A-Z_]{1,30}_\d{1,4}\]")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`)\]]+", re.IGNORECASE)


def personal_data(text: str, allowed: str) -> list[str]:
    """The kinds of personal data and secrets in `text` that do not also stand in `allowed`, in words."""
    found = find_personal_data(text)
    return sorted({_KINDS.get(one.kind, one.kind) for one in found if text[one.start : one.end] not in allowed})


def unresolved_tokens(text: str) -> list[str]:
    """Placeholders such as `[EMAIL_1]`, which stand for a customer's data."""
    return sorted(set(_TOKEN.findall(text)))


def foreign_links(text: str, allowed: str) -> list[str]:
    """The links in `text` that do not stand in `allowed`."""
    links = (link.rstrip(".,;:!?*_") for link in _LINK.findall(text))
    known = {link.rstrip(".,;:!?*_").rstrip("/") for link in _LINK.findall(allowed)}
    return sorted({link for link in links if link.rstrip("/") not in known})
