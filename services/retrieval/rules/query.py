"""What to search for."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from shared.sentences import terms

QUERY_CHARACTERS_MAX = 4_000
ASPECTS_MAX = 4
_ASPECT_WORDS = 110
_BODY_CHARACTERS_READ = 12_000
_FOLLOW_UP_TERMS_MAX = 6
_TOPIC_TERMS_MAX = 10
_LINES_READ_MAX = 400
_LOG_LINES_KEPT = 4
_QUOTE_START = re.compile(
    r"^\s*(?:on .{5,120} wrote:|am .{5,120} schrieb .{0,80}:|le .{5,120} a écrit\s*:|"
    r"el .{5,120} escribió:|-{2,}\s*(?:original message|forwarded message|ursprüngliche nachricht|"
    r"message d'origine).*|--\s*)$",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\s*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|guten (?:tag|morgen|abend)|hallo|moin|"
    r"liebes?|sehr geehrte|bonjour|bonsoir|salut|hola|buenos d[ií]as|buenas)\b[^.!?\n]{0,40}[,!.]?\s*$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^\s*(?:(?:best|kind|warm)?\s*regards|best|cheers|thanks?(?: you)?(?: (?:so|very) much| a lot|"
    r" in advance)?|thx|sincerely|mit freundlichen grüßen|mfg|viele grüße|vg|danke|cordialement|"
    r"merci(?: d'avance)?|un saludo|saludos|gracias)[ ,.!]*(?:\w+)?[ ,.!]*$",
    re.IGNORECASE,
)
_LOG_LINE = re.compile(
    r"^\s*(?:\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d:\d\d|at \S+\(|File \"|Traceback|#\d+ |\$ |npm ERR|remote:|\{|"
    r"\}|\[(?:info|warn|error|debug))",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"error|fail|exception|denied|refused|timed? ?out|invalid|cannot|fatal|unable|not found|\b[A-Z]\d\d\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?:。！？])\s+")
_WORD = re.compile(r"[\w.-]*\w")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")


def build_query(subject: str, body: str) -> str:
    """What to search for: the customer's own words, and of pasted logs the few lines that tell most.

    Quoted mail, greetings, closings and placeholders of personal data are left out. At most
    QUERY_CHARACTERS_MAX characters; never empty where subject or body has a visible character.
    """
    prose: list[str] = []
    logs: list[str] = []
    for line in _own_lines(body):
        (logs if _LOG_LINE.match(line) else prose).append(line)
    telling = list(dict.fromkeys(line.strip()[:200] for line in logs if _TELLING.search(line)))[:_LOG_LINES_KEPT]
    query = squeezed(" ".join([subject, *prose, *telling]))
    return query or squeezed(f"{subject} {body}")


def topic_of(query: str, earlier: Sequence[str]) -> list[str]:
    """What a short follow-up ("and on Windows?") leaves unsaid: up to ten words of the turns before it.

    They are words whose terms the query lacks: those of the customer's latest turns first, and within a turn those that
    come back in the conversation. A query of more than six terms leaves nothing unsaid.

    Args:
        query: what the customer asks now.
        earlier: what the customer wrote before, the oldest first.
    """
    own = terms(query)
    if not earlier or len(own) > _FOLLOW_UP_TERMS_MAX:
        return []
    asked = [build_query("", turn) for turn in earlier]
    often = Counter(term for turn in asked for term in terms(turn))
    carried: dict[str, None] = {}
    for turn in reversed(asked):
        words = (word for word in _WORD.findall(turn) if len(word) > 1 or word.isdigit())
        fresh = {word: often[term] for word in words for term in terms(word) if term not in own}
        carried |= dict.fromkeys(sorted(fresh, key=lambda word: -fresh[word]))
    return list(carried)[:_TOPIC_TERMS_MAX]


def aspects(query: str) -> list[str]:
    """The query in pieces of whole sentences that an embedding model reads to the end, at most ASPECTS_MAX.

    Models read only some 200 words. The mean of the pieces' vectors stands for a long query better than its beginning.
    """
    if len(query.split()) <= 1.4 * _ASPECT_WORDS:
        return [query]
    pieces: list[list[str]] = [[]]
    for sentence in _SENTENCE_END.split(query):
        words = sentence.split()
        if pieces[-1] and len(pieces[-1]) + len(words) > _ASPECT_WORDS:
            pieces.append([])
        pieces[-1] += words
    cut = [piece[k : k + _ASPECT_WORDS] for piece in pieces for k in range(0, len(piece), _ASPECT_WORDS)]
    return [" ".join(piece) for piece in cut[:ASPECTS_MAX]]


def _own_lines(body: str) -> Iterator[str]:
    for line in body[:_BODY_CHARACTERS_READ].splitlines()[:_LINES_READ_MAX]:
        if _QUOTE_START.match(line):
            return
        if not (line.lstrip().startswith(">") or _GREETING.match(line) or _CLOSING.match(line)):
            yield line


def squeezed(text: str) -> str:
    """The text on one line, without placeholders of personal data, at most QUERY_CHARACTERS_MAX characters."""
    return " ".join(_PLACEHOLDER.sub(" ", text.replace("\x00", " ")).split())[:QUERY_CHARACTERS_MAX].strip()
