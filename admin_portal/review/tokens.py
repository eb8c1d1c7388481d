"""The tokens, such as `[EMAIL_1]`, that stand for personal data; only delivery knows their originals."""

import re

from contracts.events import Ticket

TOKEN = re.compile(r"\[([A-Z][A-Z_]{0,30})_(\d{1,3})\]")


def unknown_tokens(text: str, ticket: Ticket) -> list[str]:
    """Tokens in `text` that the ticket does not have, so that nothing could take their place."""
    known = " ".join([ticket.subject, ticket.body, *(message.body for message in ticket.thread)])
    return sorted({found[0] for found in TOKEN.finditer(text) if found[0] not in known})
