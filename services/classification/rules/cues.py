"""What single words and phrases give away: risks that no statistic should overlook."""

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


def phrases_of_risk(text: str, flags: Collection[str]) -> frozenset[str]:
    """Which of `flags` (ids) the text gives away by a phrase. Flags that have no phrases are never found."""
    read = text[:TEXT_CHARACTERS_MAX]
    return frozenset(flag for flag in flags if any(phrase.search(read) for phrase in _COMPILED.get(flag, ())))
