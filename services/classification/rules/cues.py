"""What single words and phrases give away: risks that no statistic should overlook, urgency and mood."""

import re
from collections.abc import Collection

TEXT_CHARACTERS_MAX = 40_000

# Phrases of high precision, by the id of a flag that a pack may define. They add to the trained model, because one
# missed risk costs more than a false alarm. Gaps are bounded, so that matching stays linear in the length of the text.
_PHRASES: dict[str, tuple[str, ...]] = {
    "human_requested": (
        (
            r"\b(?:talk|speak|chat|connect me|put me through|transfer me|hand me over)\b.{0,12}\b(?:to|"
            r"with)\b.{0,15}\b(?:human|person|someone|somebody|agent|representative|supervisor|manager|"
            r"engineer|employee|operator)\b"
        ),
        r"\b(?:real|actual|live) (?:human|person|agent|employee|operator)\b|\bhuman being\b",
        r"\bno (?:more )?(?:bots?|robots?|ai|chatbots?|auto(?:mated|matic)? (?:repl|answer|respons)\w*)\b",
        (
            r"\b(?:please|could|can|would)\b.{0,25}\b(?:call|phone|ring) (?:me|us)\b|\bcall back\b|"
            r"\ba callback\b"
        ),
        (
            r"\b(?:not|don't|do not|stop)\b.{0,25}\b(?:chatbot|robot|a (?:bot|machine)|automated (?:repl|"
            r"answer|respons)\w*)"
        ),
        r"\bmit (?:einem|einer)\b.{0,20}\b(?:menschen|mitarbeiter\w*|person)\b|\brufen sie (?:mich|uns)\b",
        (
            r"\bparler (?:à|avec)\b.{0,20}\b(?:humain|personne|conseiller|quelqu'un)|\b(?:m'appeler|"
            r"rappele[zr]-moi)\b"
        ),
        (
            r"\bhablar con\b.{0,20}\b(?:persona|humano|alguien|agente)\b|"
            r"\bll[aá]m[ea]\w*\b.{0,12}\btel[eé]fono\b"
        ),
    ),
    "legal": (
        (
            r"\b(?:my|our|your) (?:lawyers?|solicitors?|attorneys?|legal (?:team|department|"
            r"counsel))\b.{0,80}\b(?:will|has|have|wants?|asks?|asked|requires?|needs?|demands?|is|are)\b"
        ),
        (
            r"\b(?:legal action|lawsuit|cease and desist|court order|subpoena|dmca|(?:sue|suing) you|"
            r"data protection authority|data subject (?:access )?request|right to (?:erasure|be forgotten))\b"
        ),
        (
            r"\b(?:rechtsanw[aä]lt\w*|abmahnung|datenschutzbeh[oö]rde|rechtliche schritte|"
            r"auskunft nach art\w*)\b"
        ),
        (
            r"\b(?:mise en demeure|poursuites? judiciaires?|action en justice|acciones legales|"
            r"demanda judicial)\b"
        ),
    ),
    "refund": (
        r"\b(?:refund(?:ed|s)?|money back|charge ?back|reimburse(?:d|ment)?)\b",
        (
            r"\b(?:r[uü]ckerstatt\w*|geld zur[uü]ck|erstattung\w*|erstatten|rembours\w*|reembols\w*|"
            r"devol\w* (?:el|mi) dinero)"
        ),
    ),
    "security": (
        (
            r"\b(?:hacked|data breach|(?:been|was|were) (?:breached|compromised)|ransom\w*|malware|phishing|"
            r"unauthori[sz]ed (?:access|login|deploy)|remote code execution)\b"
        ),
        (
            r"\b(?:token|key|password|secret|credential)s?\b.{0,40}\b(?:leaked|exposed|stolen|"
            r"public(?:ly)? (?:repo|github))\b"
        ),
        (
            r"\b(?:gehackt|datenleck|sicherheitsl[uü]cke|pirat[ée]e?|faille de s[ée]curit[ée]|hackeado|"
            r"brecha de seguridad)\b"
        ),
    ),
    "vulnerable": (
        (
            r"\b(?:kill myself|end my life|suicid\w*|(?:don't|do not) want to live|self[- ]harm|umbringen|"
            r"nicht mehr leben|me suicider|no quiero vivir|terminally ill|passed away|verstorben|décédée?|"
            r"falleció)\b"
        ),
    ),
}
_COMPILED = {
    flag: tuple(re.compile(phrase, re.IGNORECASE | re.MULTILINE) for phrase in phrases)
    for flag, phrases in _PHRASES.items()
}

_URGENT = re.compile(
    r"\b(?:urgent(?:ly)?|asap|immediately|emergency|critical|production (?:is )?down|(?:site|shop|app|"
    r"everything|service) is down|outage|losing (?:money|customers|orders)|right now|dringend|sofort|"
    r"notfall|ausfall|steht still|urgente?|imm[ée]diat\w*|en panne|urgencia|inmediat\w*|caíd[oa])\b",
    re.IGNORECASE,
)
_UNHURRIED = re.compile(
    r"\b(?:no (?:hurry|rush)|not urgent|whenever you|when you (?:have|find) (?:a )?(?:time|moment)|"
    r"just (?:curious|wondering)|keine eile|nicht eilig|nicht dringend|pas (?:pressé|urgent)|sin prisa|"
    r"no es urgente)\b",
    re.IGNORECASE,
)

_GLAD_WORDS = """
appreciate appreciated awesome brilliant danke encantado excelente excellent fantastic freundlich genial glad
gracias great génial happy helpful kind love lovely merci nice parfait perfect perfecto perfekt prima super
thank thanks toll wonderful
"""
_GLAD = frozenset(_GLAD_WORDS.split())
_CROSS_WORDS = """
angry annoyed annoying awful bad broken catastrophe decepcionado desastre disappointed disappointing disgrace
déçu enfadado enttäuscht fed frechheit frustrated frustrating furieux furious garbage harto hate honte
hopeless horrible idiot idiots inacceptable inaceptable inakzeptabel incompetent joke katastrophe mist
nightmare nul pathetic pésimo ridiculous rubbish scandaleux schlecht shame sick stupid sucks terrible
unacceptable unbelievable unmöglich unverschämt useless vergüenza worst worthless wtf wütend
"""
_CROSS = frozenset(_CROSS_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+")
_SHOUTED = re.compile(r"\b[A-Z]{4,}\b")


def phrases_of_risk(text: str, flags: Collection[str]) -> frozenset[str]:
    """Which of `flags` (ids) the text gives away by a phrase. Flags that have no phrases are never found."""
    read = text[:TEXT_CHARACTERS_MAX]
    return frozenset(flag for flag in flags if any(phrase.search(read) for phrase in _COMPILED.get(flag, ())))


def urgency(text: str) -> int:
    """1 where the customer presses, -1 where there is no hurry, else 0."""
    read = text[:TEXT_CHARACTERS_MAX]
    if _UNHURRIED.search(read):
        return -1
    return 1 if _URGENT.search(read) else 0


def sentiment(text: str) -> float:
    """The customer's mood from -1 (furious) to 1 (delighted), from counted words, shouting and exclamation marks."""
    read = text[:TEXT_CHARACTERS_MAX]
    words = [word.lower() for word in _WORD.findall(read)]
    glad = sum(word in _GLAD for word in words)
    cross = 2 * sum(word in _CROSS for word in words)
    cross += min(2, len(_SHOUTED.findall(read)) // 3) + min(2, read.count("!!") + read.count("?!"))
    return round((glad - cross) / (glad + cross + 2), 3)
