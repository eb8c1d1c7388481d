"""What a customer's message asks for beyond its subject: how it wishes to be ranked, and in which mood it was written.

The model is in `adapters/mood.py`; here is what single phrases tell it.
"""

import re
from dataclasses import dataclass

from services.classification.rules.parts import parts

_READ_CHARACTERS_MAX = 12_000
_COUNTED_MAX = 2
_SENTENCES_MAX = 12


@dataclass(frozen=True)
class Mood:
    """`urgency` is the step by which the message asks to be ranked higher (1), lower (-1) or neither (0).

    `sentiment` is the mood of the writer towards the company, from -1 (cross) to 1 (friendly).
    """

    urgency: int
    sentiment: float


NEUTRAL = Mood(urgency=0, sentiment=0.0)


# Phrases of fourteen languages. None decides by itself: the model weighs how many of a kind stand in a text.
_PHRASES: dict[str, tuple[str, ...]] = {
    "pressing": (
        r"\b(?:urgent(?:ly)?|asap|immediately|at once|right (?:now|away)|emergency|expedite|as soon as possible)\b",
        r"\b(?:prioriti[sz]e|top priority|time[- ]critical|within (?:the|an|two|\d{1,3}) hours?|hurry)\b",
        r"\b(?:dringend|eilt|sofort|umgehend|so schnell wie m[öo]glich|notfall|vorrangig|schnellstm\w{1,20})\b",
        r"\b(?:imm[ée]diate\w{0,10}|tout de suite|au plus vite|en priorit[ée]|d[èe]s que possible)\b",
        r"\b(?:urgente\w{0,8}|inmediat\w{1,8}|cuanto antes|ahora mismo|subito|immediatamente|imediat\w{1,8})\b",
        r"\b(?:spoed|meteen|piln\w{1,6}|natychmiast|hemen|derhal|acil)\b",
        r"至急|すぐに|今すぐ|马上|立即|紧急|فور|عاجل|срочно|немедленно|바로|긴급",
    ),
    "soon": (
        r"\b(?:today|tonight|tomorrow|this (?:morning|afternoon|evening)|before (?:noon|lunch|tomorrow)|deadline)\b",
        r"\b(?:by (?:noon|tomorrow|tonight|\d)|midnight)\b",
        r"\bin (?:\d{1,3}|an|half an|one|two|three) (?:minutes?|hours?)\b",
        r"\b(?:heute|morgen|mitternacht|bis (?:mittag|\d)|in (?:\d{1,3}|einer|zwei) (?:minuten?|stunden?))\b",
        r"\b(?:aujourd'hui|ce (?:soir|matin)|demain|minuit|dans (?:\d{1,3} minutes|une heure|l'heure))\b",
        r"\b(?:hoy|ma[ñn]ana|esta (?:noche|tarde)|en una hora|oggi|domani|amanh[ãa]|hoje|vandaag|dzi[sś]|jutro)\b",
        r"\b(?:bug[üu]n|yar[ıi]n)\b|今日|本日|明日|今天|明天|اليوم|غد|сегодня|завтра|오늘|내일",
    ),
    "harm": (
        r"\b(?:is|are|went|site|server|shop|everything|line|service) (?:still )?(?:down|dead|offline|unreachable)\b",
        r"\b(?:production|outage|blocked|locked out|standstill|idle|waiting|stolen)\b",
        r"\blos(?:e|ing) (?:\w{1,20} ){0,3}(?:money|sales|orders|customers|data)\b",
        r"\b(?:nobody|no one|none|all|everybody) (?:\w{1,20} ){0,4}(?:can|cannot|can't|could|waiting)\b",
        r"\b(?:produktion|steht|ausfall|ausgefallen|lahm|verlieren|niemand|gesperrt|gestohlen)\b",
        r"\b(?:en panne|à l'arr[êe]t|perdons|plus personne|bloqu[ée]e?|vol[ée]e)\b",
        r"\b(?:ca[íi]d[oa]|perd(?:emos|endo|iamo)|nadie|parad[oa]s?|bloquead[oa]|robad[oa]|rubat[oa])\b",
    ),
    "calm": (
        r"\b(?:no|in no) (?:hurry|rush|need|action|reply|deadline|emergency|pressure|time pressure)\b",
        r"\b(?:not|isn't|nothing) (?:very |at all |that )?(?:urgent|pressing|important|to be done|needed|else)\b",
        r"\b(?:whenever|when (?:you (?:have|find)|convenient|things|time allows)|next year|can wait|some ?day)\b",
        r"\b(?:take (?:your|all the) time|curious|just wondering|fyi|low priority|nice[- ]to[- ]have)\b",
        r"\bfor (?:your|our) (?:information|records|planning|info)\b|\bplease (?:ignore|disregard|close)\b",
        r"\b(?:out of (?:the )?office|automatic reply|unsubscribe|newsletter|closed?|solved|resolved|withdraw)\b",
        r"\b(?:keine eile|eilt nicht|nicht (?:eilig|dringend|wichtig)|keine dringende|bei gelegenheit|neugier)\b",
        r"\b(?:erledigt|n[äa]chste[ns]? jahr|nicht im b[üu]ro|abwesen\w{1,10}|abmelden)\b",
        r"\blassen sie sich (?:ruhig )?zeit\b",
        r"\b(?:rien d'urgent|pas (?:press[ée]|urgent|important)|sans (?:aucune )?urgence)",
        r"\bquand vous (?:aurez|pourrez)\b",
        r"\b(?:curiosit[ée]|absente?|r[ée]gl[ée]|fermer le ticket|inutile de r[ée]pondre|prenez votre temps)\b",
        r"\b(?:sin prisa|no (?:es urgente|corre prisa|hace falta)|cuando puedan|curiosidad|fuera de la oficina)\b",
        r"\b(?:resuelto|cerrar el caso|t[óo]mense su tiempo|senza fretta|fuori ufficio|risolto|sem pressa)\b",
        r"\b(?:ausente|resolvido|geen haast|opgelost|nie ma po[śs]piechu)\b",
        r"急ぎではあり|不着急|解決しました|已经解决|لا داعي|не срочно",
    ),
    "thanks": (
        r"\b(?:thanks?|thx|cheers|danke|dank|merci|gracias|grazie|obrigad[oa]|bedankt|dzi[ęe]kuj[ęe]|te[şs]ekk[üu]r)",
        r"ありがとう|感謝|谢谢|感谢|شكر|спасибо|감사",
    ),
}
_COMPILED = {name: re.compile("|".join(phrases), re.IGNORECASE) for name, phrases in _PHRASES.items()}
CUES = tuple(_PHRASES)
# Thanks beforehand and thanks instead of a greeting at the end are routine, and say nothing of a mood.
_ROUTINE = re.compile(
    r"\b(?:(?:many |best )?thanks?(?: you)?(?: very much| a lot)?,? in advance|(?:vielen |herzlichen )?dank im voraus|"
    r"merci d'avance|gracias de antemano|grazie in anticipo|desde j[áa] agrade\w{1,8}|alvast bedankt|"
    r"z g[óo]ry dzi\w{1,8}|[şs]imdiden te\w{1,10}|danke und gru[ßs]|"
    r"thank you for (?:your (?:mail|message|cooperation|understanding|application)|contacting))"
    r"|\b(?:thanks?(?: you)?|thx|danke|merci|gracias)[,.!]?[ \t]{0,4}(?:\n[^\n]{1,40})?\Z",
    re.IGNORECASE,
)
_GREETED_FROM = 80


def cue_values(text: str) -> list[float]:
    """How often each of CUES occurs, 0 to 2; all 0 for an empty text."""
    read = text[:_READ_CHARACTERS_MAX].strip()
    spoken = _ROUTINE.sub(" ", read) if len(read) > _GREETED_FROM or "\n" in read else read
    return [float(_count(name, spoken if name == "thanks" else read)) for name in CUES]


def _count(name: str, text: str) -> int:
    found = 0
    for _ in _COMPILED[name].finditer(text):
        found += 1
        if found == _COUNTED_MAX:
            break
    return found


def sentences_of(text: str) -> list[str]:
    """The first sentences of `text`, each of which may say what the whole hides; empty for a single one."""
    return parts(text)[:_SENTENCES_MAX]
