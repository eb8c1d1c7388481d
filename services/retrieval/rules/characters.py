"""Which characters of an article are kept."""

import re
import unicodedata

# Invisible, and in the way of finding words: zero-width space, word joiner, soft hyphen, byte order mark. Joiners stay,
# because Persian, Hindi and emoji are spelled with them.
_INVISIBLE = "\u200b\u2060\u00ad\ufeff\u180e"
# Controls that let a text be displayed in another order than it is read in (Trojan Source, CVE-2021-42574). Arabic and
# Hebrew need none of them; the marks U+200E and U+200F stay.
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_CONTROLS = "\x01-\x08\x0b\x0e-\x1f\x7f"
_DROPPED = re.compile(f"[{_INVISIBLE}{_REORDERING}{_CONTROLS}]")


def readable_text(text: str) -> str:
    """`text` in Unicode's composed form (NFC), without invisible, reordering and control characters."""
    kept = _DROPPED.sub("", text) if not text.isascii() or _DROPPED.search(text) else text
    return unicodedata.normalize("NFC", kept)
