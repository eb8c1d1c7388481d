"""Finds what does not sound like a support desk: shouting, insults, a machine speaking of itself."""

import re

_WORD = re.compile(r"\w+|[!?]+")
_SHOUTED = re.compile(r"\b[A-Z]{2,}(?:[ ,]+[A-Z]{2,}){3,}\b")
_MARKS = re.compile(r"[!?]{3,}|!(?:[^!?\n]{0,200}!){3}")
_INSULTS = re.compile(
    r"\b(?:stupid|idiots?|idiotic|moron\w*|dumb|shut up|your own fault|nonsense|ridiculous|wtf|damn|bullshit|crap"
    r"|dumm(?:e[rsn]?|kopf)?|idioten?|unsinn|selbst schuld|stupide|idiote?s?|imbécile|tonto|estúpid[oa]s?)\b",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|(?:large )?language model|chatbot)\b"
    r"|\bI(?:'m| am) (?:just |only )?an? (?:ai|language model|chatbot)\b"
    r"|\bmy (?:training data|knowledge cutoff|prompt)\b"
    r"|\bals (?:ki|sprachmodell)\b|\ben tant qu'ia\b|\bcomo (?:una )?ia\b",
    re.IGNORECASE,
)
_KINDS = {
    "several words in capitals": _SHOUTED,
    "many exclamation or question marks": _MARKS,
    "an unkind word": _INSULTS,
    "a machine speaking of itself": _MACHINE,
}


def off_tone(text: str, evidence: str) -> list[tuple[str, str]]:
    """What is wrong with the tone, and the words that show it; not what is quoted from the evidence."""
    found = []
    known = set(_WORD.findall(evidence.lower()))
    for kind, pattern in _KINDS.items():
        match = next(
            (one for one in pattern.finditer(text) if not set(_WORD.findall(one.group().lower())) <= known), None
        )
        if match:
            found.append((kind, match.group()))
    return found
