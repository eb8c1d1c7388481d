"""Finds what may not stand in an answer: personal data, secrets, unresolved tokens, foreign links."""

import re

from shared.personal_data import PersonalData, find_replaced

_KINDS = {
    "ADDRESS": "a postal address",
    "NAME": "a person's name",
    "SSN": "a social security number",
    "LICENSE": "a licence number",
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
    found = [one for one in find_replaced(text) if text[one.start : one.end] not in allowed and _certain(one, text)]
    return sorted({_KINDS.get(one.kind, one.kind) for one in found})


def _certain(one: PersonalData, text: str) -> bool:
    """A single word, or an address without a number, is too often something else to hold an answer back for."""
    found = text[one.start : one.end]
    if one.kind == "NAME":
        return len(found.split()) > 1
    return one.kind != "ADDRESS" or (len(found.split()) > 1 and any(sign.isdigit() for sign in found))


def unresolved_tokens(text: str) -> list[str]:
    """Placeholders such as `[EMAIL_1]`, which stand for a customer's data."""
    return sorted(set(_TOKEN.findall(text)))


def foreign_links(text: str, allowed: str) -> list[str]:
    """The links in `text` that do not stand in `allowed`."""
    links = (link.rstrip(".,;:!?*_") for link in _LINK.findall(text))
    known = {link.rstrip(".,;:!?*_").rstrip("/") for link in _LINK.findall(allowed)}
    return sorted({link for link in links if link.rstrip("/") not in known})


_FOR_STAFF = re.compile(
    r"\b(?:(?:for )?internal (?:use )?only|internal (?:document|note|procedure|memo)s?\b"
    r"|(?:do not|don['’]t|never|must not be) shared? (?:this |it )?(?:with|outside)"
    r"|not for (?:customers|external use|publication)|staff only|employees only|company confidential"
    r"|strictly confidential|nur für den internen gebrauch|streng vertraulich|à usage interne|uso interno)\b",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\b(?:https?://)?(?:[\w-]{1,63}\.){0,5}(?:localhost|(?:[\w-]{1,63}\.)(?:internal|intranet|corp|lan|local))\b(?![\w.-]*-)(?::\d+)?"
    r"|\b(?:10(?:\.\d{1,3}){3}|192\.168(?:\.\d{1,3}){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d{1,3}){2})\b",
    re.IGNORECASE,
)


def for_staff(text: str) -> str:
    """The words by which a text says that customers are not to see it, empty where it does not."""
    match = _FOR_STAFF.search(text)
    return match.group() if match else ""


def inside_addresses(text: str) -> list[str]:
    """Names and addresses of hosts that only a company's own network knows (RFC 1918, RFC 6762)."""
    return sorted({match.group() for match in _INSIDE.finditer(text) if match.group().lower() != "localhost"})
