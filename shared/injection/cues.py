"""What gives an order to a model away without any statistics: phrases, marks, and the shape of the text.

Free of models, so that rules of services can use it.
"""

import re

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# Phrases by kind. Gaps are bounded, so that matching stays linear in the length of the text.
_RULES = (
    r"(?:instructions?|prompts?|guidelines?|directions?|directives?|orders?|commands?|polic(?:y|ies)|rules?|training"
    r"|anweisung\w*|instruktion\w*|regeln?|vorgaben?|befehle?|richtlinien?"
    r"|instrucciones|reglas|normas|indicaciones|consignes?|règles?|istruzioni|regole|instructies|regels|instruções|regras)"
)
PHRASES: dict[str, str] = {
    "dismiss": (
        r"\b(?:ignor\w{1,6}|disregard\w{0,3}|forget|override|bypass|drop|neglect|dismiss|skip|overlook|omit"
        r"|vergiss|vergessen|missachte\w?|oublie[zr]?|olvid[ae]|omite|dimentica\w{0,2}|vergeet|esque[cç]a)\b"
        r"[^.!?\n]{0,40}\b(?:" + _RULES + r"|(?:everything|all|anything|what)\b[^.!?\n]{0,20}"
        r"\b(?:above|before|told|said|prior)|alles|bisherige\w?|vorherige\w?)\b"
    ),
    "earlier": r"\b(?:previous|prior|preceding|earlier|initial|original|above|hidden|system|secret)\b.{0,20}\b"
    + _RULES,
    "reveal": (
        r"\b(?:reveal|print|output|repeat|show|dump|leak|disclose|tell|copy|list|display|translate|summari[sz]e|state"
        r"|spell|what (?:is|was|were|are)|gib|zeig\w?|nenne|wiederhole|affiche|répète|montre|muestra|muéstrame|repite)"
        r"\b.{0,50}\b(?:(?:your|the|deine?n?|tes|tu|tus) (?:\w+ ){0,2}(?:prompt|instructions?|rules|guidelines"
        r"|context|configuration|anweisungen|consignes|instrucciones)|system ?prompt|words above|text above)"
    ),
    "part": (
        r"\byou(?:'re| are) (?:now|no longer|going to|free|an? (?:ai|assistant|unrestricted))\b"
        r"|\b(?:act|behave|respond|answer|reply|speak|talk) (?:as|like)\b|\bpretend\b|\brole-?play\w*\b|\bsimulate\b"
        r"|\bimagine (?:that )?you\b|\bfrom now on\b|\bdu bist\b|\bab (?:jetzt|sofort|nun)\b|\btu so\b"
        r"|\bstell dir vor\b|\btu es\b|\bà partir de maintenant\b|\bfais comme\b|\bahora eres\b|\bact[úu]a como\b"
        r"|\ba partir de (?:ahora|agora)\b|\bda ora in poi\b|\bje bent nu\b"
    ),
    "to_model": (
        r"\b(?:dear|hi|hey|hello|note|attention|message|instructions?|hinweis|nota|note)\b.{0,12}"
        r"\b(?:ai|ki|ia|llms?|bot|chatbot|assistants?|modelo?|language models?|gpt)\b"
        r"|\b(?:if you are|as) an? (?:\w+ )?(?:ai|llm|bot|model|language model)\b"
        r"|\b(?:ai|ki|ia|llms?) (?:agents?|assistants?|instruction)\b|\bchatgpt\b|\blanguage model\b|\bsprachmodell\b"
    ),
    "label": (
        r"(?:^|[\s\"'>*(\[])(?:system|assistant|user|human|ai|bot|llm)\]? ?:|<\|?/?(?:system|im_start|im_end|assistant"
        r"|instructions?|endoftext|context|ticket)\b|\[/?(?:inst|system|end)\b|#{2,} ?\w|={4,}|%{2,}|-{4,}|\"role\""
        r"|\b(?:end|begin|start)(?: of)? (?:user|system|input|ticket|prompt|instructions?|out of date|login)\b"
    ),
    "demand": (
        r"\b(?:say|reply|respond|answer|write|output|print|include|add|confirm|state|begin|start|end|append|return|type"
        r"|antworte|sag\w?|schreib\w?|réponds|responde)\b[^.!?\n]{0,40}"
        r"(?:[\"“«'][^\"“”«»\n]{2,}|\b(?:only|exactly|just|nothing|verbatim|word for word"
        r"|nur|ausschließlich|seulement|solo)\b)"
    ),
    "concealed": r"display: ?none|font-size: ?0|visibility: ?hidden|color: ?#?(?:fff|white)|<!--",
    "manner": (
        r"\byour (?:\w+ )?(?:answer|response|reply|message|output)s?\b"
        r"|\bthe (?:user|customer|reader)\b.{0,20}\b(?:is|has|that|to)\b"
    ),
    "unbound": (
        r"\b(?:without|no|any|ohne|sans|sin)\b.{0,15}\b(?:restrictions?|rules|limits?|filters?|review|einschränkung\w*"
        r"|grenzen|limites?|restricciones|filtre)\b|\bjailbr\w+|\bdan\b|\bdo anything now\b"
        r"|\bunrestricted\b|\buncensored\b|\b(?:developer|debug|maintenance|god|admin|sudo) mode\b|\bwartungsmodus\b"
    ),
    "secret": r"\b(?:passwords?|secret|api[- ]?keys?|tokens?|credentials|access codes?|passcode|passwort|kennwort)\b",
    "encoded": r"\b(?:base ?(?:16|32|64)|rot13|morse|binary|hexadecimal|backwards?|reversed?|ascii|emojis?)\b",
}
_COMPILED = tuple(re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in PHRASES.values())
_COUNTED_MAX = 3

_IMPERATIVE = re.compile(
    r"^\W{0,8}(?:(?:please|now|then|first|also|and|bitte|por favor)\W{1,3})?(?:write|say|tell|give|show|print|output"
    r"|repeat|ignore|forget|disregard|pretend|act|imagine|translate|explain|describe|list|create|compose|draft|provide"
    r"|generate|summari[sz]e|suggest|recommend|make|use|replace|include|insert|add|answer|reply|respond|convert|encode"
    r"|introduce|do not|don't|never|always|stop|start|begin|end|let us|let's|name|state|develop|design|outline"
    r"|schreib\w?|sag\w?|gib|nenne|erkläre|vergiss|ignoriere?|antworte|zeig\w?|écris|explique|réponds|escribe|explica)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^\W{0,8}(?:who|what|when|where|which|why|how|can you|could you|is|are|do|does|wer|was|wie|wo|wann|warum|qui|que"
    r"|quel\w*|comment|qué|quién|cómo)\b[^\n]{0,250}\?\W{0,3}$",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|my|me|we|our|us|ich|mein\w*|wir|unser\w*|je|mon|ma|nous|yo|mi|nuestr\w+)\b", re.IGNORECASE
)
_SECOND_PERSON = re.compile(r"\b(?:you|your|yours|you're|du|dein\w*|dir|tu|ton|tes|tú|tus)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")

NAMES = (
    *PHRASES,
    "kinds",
    "imperative",
    "question",
    "first_person",
    "second_person",
    "log_length",
    "repetition",
    "signs",
    "capitals",
)


def cue_values(text: str) -> Numbers:
    """One number for each of NAMES, about 0 to 3, for one text that was `normalised`."""
    phrases = [_count(pattern, text) for pattern in _COMPILED]
    words = _WORD.findall(text)
    letters = sum(character.isalpha() for character in text)
    return np.array(
        [
            *phrases,
            sum(count > 0 for count in phrases),
            bool(_IMPERATIVE.match(text)),
            bool(_QUESTION.match(text)),
            _density(_FIRST_PERSON, text, len(words)),
            _density(_SECOND_PERSON, text, len(words)),
            np.log1p(len(text)) / 3,
            1 - len(set(words)) / max(len(words), 1),
            1 - (letters + text.count(" ")) / max(len(text), 1),
            sum(character.isupper() for character in text) / max(letters, 1),
        ],
        dtype=np.float64,
    )


def phrases_in(text: str) -> int:
    """How many kinds of phrases a text has."""
    return sum(pattern.search(text) is not None for pattern in _COMPILED)


def _count(pattern: re.Pattern[str], text: str) -> int:
    found = 0
    for _ in pattern.finditer(text):
        found += 1
        if found == _COUNTED_MAX:
            break
    return found


def _density(pattern: re.Pattern[str], text: str, words: int) -> float:
    return min(10 * sum(1 for _ in pattern.finditer(text)) / max(words, 1), 3.0)
