"""Recognises texts that try to steer what reads them, and answers that obeyed."""

import re
from collections.abc import Sequence

_COPIED_WORDS = 12
_WORDS_READ_MAX = 4_000

# Ways in which a text turns from asking for support to giving orders to its reader. A miss costs nothing where the
# draft is sound; an alarm costs a person a look.
_ORDERS = (
    # Away with the rules.
    (
        r"\b(?:ignore|disregard|forget|override|bypass|olvida|ignoriere?|vergiss|oublie)\b.{0,40}"
        r"\b(?:instructions?|prompts?|guidelines?|above"
        r"|(?:your|all|any|every|previous|prior|these) (?:rules?|polic(?:y|ies))"
        r"|anweisungen|regeln|instrucciones|règles|consignes)\b"
    ),
    r"\b(?:safety|security) checks? (?:are|is) (?:off|disabled)\b",
    r"\b(?:developer|debug|maintenance|god|dan|admin) mode\b|\bwartungsmodus\b|\bjailbreak|\bdo anything now\b",
    # Out with the rules.
    r"\byour? (?:system |initial |hidden |secret |prior |previous |original )?(?:prompt|instructions)\b",
    r"\byour? (?:system|initial|hidden|secret|prior|previous|original) rules\b",
    r"\b(?:hidden|system|initial|prior) (?:prompt|instructions?|rules) (?:and|to|in|as|verbatim|word)\b",
    r"\b(?:text|words|message) (?:above|before this)\b",
    # Another part to play.
    r"\byou(?:'re| are) now\b|\bfrom now on,? you\b|\bdu bist (?:jetzt|nun)\b|\bab jetzt\b",
    r"\bà partir de maintenant\b|\ba partir de ahora\b|\bactúa como\b",
    r"\b(?:pretend|imagine|act|behave|respond|answer)\b.{0,20}\b(?:that you(?:'re| are)|as if)\b",
    r"\b(?:act|behave|respond|answer) as (?:dan|an? (?:ai|admin\w*|developer))\b|\brole-?play\b|\bsimulate a\b",
    # Orders to a machine.
    r"\b(?:dear|hi|hello) (?:ai|bot|assistant|language model|llm)\b",
    r"\bif you are an? (?:ai|llm|bot|(?:language )?model|assistant)\b",
    (
        r"\b(?:ai|ki|ia|llm|bots?|assistant|(?:language|ai) models?|ai agents?)\b[ ,:].{0,60}"
        r"\b(?:must|has to|have to|output|reveal|disclose|append|mark|approve|run|send|reading this)\b"
    ),
    r"\b(?:ai|bot|assistant|(?:language )?model)\b.{0,20}\bwithout (?:a |any )?(?:review|rules)\b",
    # A role's label, and orders that the page would not show.
    r"(?:^|[\s\"'>*(])(?:assistant|chatbot|bot|llm|ai) ?:",
    r"<!--[^>]{0,300}\b(?:assistant|ai|bot|model|system|instructions?|answer(?:ing)?|reply)\b",
    r"\b(?:new|your) task:|###? ?(?:instruction|system|response)\b",
    r"<\|?(?:system|im_start|assistant)|\[/?(?:INST|SYSTEM)\]",
    r"\bwith the exact (?:text|words)\b|\bbase64 decode\b|\b(?:decode|translate) this and (?:do|follow|run)\b",
)
_STEERING = re.compile("|".join(_ORDERS), re.IGNORECASE)

_DEMANDED = re.compile(
    r"\b(?:say|reply|answer|respond|write|output|print|include|add|confirm|state|begin|start|end)\b[^\n\"“”«»]{0,60}"
    r"[\"“«](?P<words>[^\"“”«»\n]{4,200})[\"”»]",
    re.IGNORECASE,
)


def order_in(ticket: str) -> str:
    """The words with which the ticket gives its reader orders, empty where it does not."""
    match = _STEERING.search(_flat(ticket))
    return match.group() if match else ""


def obeyed_demand(ticket: str, answer: str, evidence: str) -> str:
    """Words that the ticket wanted to be said, and that the answer says though no evidence does; else empty."""
    said, known = _flat(answer).lower(), _flat(evidence).lower()
    for demand in _DEMANDED.finditer(_flat(ticket)):
        words = demand["words"].strip().lower()
        if words in said and words not in known:
            return words
    return ""


def copied_words(ticket: str, answer: str, evidence: str, unanswered: Sequence[str]) -> str:
    """A run of words that stands in ticket and answer, but neither in evidence nor in the unanswered parts."""
    said = _flat(answer).lower()
    elsewhere = _flat(f"{evidence} {' '.join(unanswered)}").lower()
    words = ticket.lower().split()[:_WORDS_READ_MAX]
    for first in range(len(words) - _COPIED_WORDS + 1):
        run = " ".join(words[first : first + _COPIED_WORDS])
        if run in said and run not in elsewhere:
            return run
    return ""


def _flat(text: str) -> str:
    return " ".join(text.split())
