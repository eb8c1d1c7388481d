"""What to search for."""

import re
from collections.abc import Iterator

QUERY_CHARACTERS_MAX = 1_500
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
    query = _squeezed(" ".join([subject, *prose, *telling]))
    return query or _squeezed(f"{subject} {body}")


def _own_lines(body: str) -> Iterator[str]:
    for line in body[: 8 * QUERY_CHARACTERS_MAX].splitlines()[:_LINES_READ_MAX]:
        if _QUOTE_START.match(line):
            return
        if not (line.lstrip().startswith(">") or _GREETING.match(line) or _CLOSING.match(line)):
            yield line


def _squeezed(text: str) -> str:
    return " ".join(_PLACEHOLDER.sub(" ", text.replace("\x00", " ")).split())[:QUERY_CHARACTERS_MAX].strip()
