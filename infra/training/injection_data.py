"""Gathers what the injection detector learns from: public sets, a pack, our own file, and texts mixed from these."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from infra.evaluation.data import rows as read_rows
from shared.injection.hashing import BUCKETS, ngrams
from shared.injection.reading import normalised

FOLDS = 5
SEED = 20_260_101
OWN_FILE = Path(__file__).parent / "injection.yaml"
_ALIKE = 0.6
_MIXED_A_FOLD = 260

LABELLED = (
    "deepset",
    "bipia_email",
    "tensor_trust_extraction",
    "tensor_trust_hijacking",
    "piguard_valid",
    "xstest_benign",
)
QUERIES = {"banking77": 350, "clinc150": 300, "hwu64": 200}
ARTICLES = {"wixqa": 170, "mtrag_cloud": 170}
QUESTIONS = {"wixqa": 250, "techqa": 300}
LICENCES = {
    "deepset": "Apache-2.0",
    "bipia_email": "MIT",
    "tensor_trust_extraction, tensor_trust_hijacking, piguard_valid": "open, mixed",
    "xstest_benign": "CC-BY-4.0",
    "banking77": "CC-BY-4.0",
    "clinc150": "CC-BY-3.0",
    "hwu64": "CC-BY",
    "wixqa": "MIT",
    "techqa (questions)": "MIT sample",
    "mtrag_cloud": "Apache-2.0",
    "pack examples, articles, and injection.yaml": "Apache-2.0, ours",
}


@dataclass(frozen=True)
class Sample:
    """A text to learn from. `injection` is None where it is only to be planted; `planted` is what was mixed in.

    `kind` says of a planted text what it is: a `task`, harmless by itself, or an `injection`.
    """

    text: str
    injection: bool | None
    source: str
    fold: int = -1
    planted: str = ""
    kind: str = ""


def gather(data: Path, pack: Path) -> list[Sample]:
    """All samples with their folds, always the same for the same files; look-alikes share a fold.

    Raises:
        DataUnreadable: a file of the sets is missing or malformed.
    """
    chance = random.Random(SEED)
    own = yaml.safe_load(OWN_FILE.read_text(encoding="utf-8"))
    samples = _unique([*_public(data, chance), *_of_pack(pack, chance), *_own(own)])
    samples += [Sample(text, None, "planted_by_bipia") for text in _planted_by(samples)]
    folds = _folds(samples, chance)
    placed = [replace(sample, fold=int(fold)) for sample, fold in zip(samples, folds, strict=True)]
    for fold in range(FOLDS):
        mixer = _Mixer([one for one in placed if one.fold == fold], own, fold, chance)
        placed = [*placed, *mixer.mixed(_MIXED_A_FOLD)]
    return placed


def _public(data: Path, chance: random.Random) -> Iterator[Sample]:
    for name in LABELLED:
        for row in read_rows(data / "injection" / f"{name}.jsonl", ("text", "injection")):
            yield Sample(str(row["text"]), bool(row["injection"]), name)
    for name, count in QUERIES.items():
        rows = read_rows(data / "intent" / name / "train.jsonl", ("text",))
        yield from (Sample(str(row["text"]), False, name) for row in chance.sample(rows, min(count, len(rows))))
    for name, count in ARTICLES.items():
        rows = read_rows(data / "retrieval" / name / "corpus.jsonl", ("text",))
        chosen = chance.sample(rows, min(count, len(rows)))
        yield from (Sample(_extract(str(row["text"]), chance), False, name) for row in chosen)
    for name, count in QUESTIONS.items():
        asked = [str(row["text"])[:1500] for row in read_rows(data / "retrieval" / name / "queries.jsonl", ("text",))]
        asked = [text for text in asked if len(text) > 20]
        yield from (Sample(text, False, f"{name}_questions") for text in chance.sample(asked, min(count, len(asked))))


def _extract(text: str, chance: random.Random) -> str:
    start = chance.randrange(max(1, len(text) - 900))
    return text[start : start + chance.randrange(300, 1200)]


def _of_pack(pack: Path, chance: random.Random) -> Iterator[Sample]:
    flags = yaml.safe_load((pack / "flags.yaml").read_text(encoding="utf-8"))
    for name, flag in flags["flags"].items():
        source = "pack_injection" if name == "injection" else "pack_flags"
        yield from (Sample(text, name == "injection", source) for text in _texts(flag["examples"]))
    yield from (Sample(text, False, "pack_none") for text in _texts(flags.get("none", [])))
    intents = list(_texts(yaml.safe_load((pack / "intents.yaml").read_text(encoding="utf-8"))))
    yield from (Sample(text, False, "pack_intents") for text in chance.sample(intents, min(520, len(intents))))
    outside = yaml.safe_load((pack / "out_of_scope.yaml").read_text(encoding="utf-8"))
    yield from (Sample(text, False, "pack_out_of_scope") for text in _texts(outside))
    chapters = [
        chapter[:1500]
        for article in sorted((pack / "knowledge").rglob("*.md"))
        for chapter in re.split(r"\n(?=#)", article.read_text(encoding="utf-8"))
        if len(chapter) > 80
    ]
    yield from (Sample(text, False, "pack_articles") for text in chance.sample(chapters, min(250, len(chapters))))


def _texts(node: Any) -> Iterator[str]:
    """The example texts below a node of a pack's YAML."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, Mapping):
        for name, below in node.items():
            if name in {"examples", "text", "out_of_scope"} or isinstance(below, list | Mapping):
                yield from _texts(below)


def _own(own: Mapping[str, Sequence[str]]) -> Iterator[Sample]:
    yield from (Sample(text, True, "own_injections") for text in own["injections"])
    yield from (Sample(text, False, "own_look_alikes") for text in own["look_alikes"])
    yield from (Sample(text, None, "own_tasks") for text in own["tasks"])


def _unique(samples: Iterable[Sample]) -> list[Sample]:
    return list({sample.text: sample for sample in reversed(list(samples)) if sample.text.strip()}.values())[::-1]


def _planted_by(samples: Sequence[Sample]) -> list[str]:
    """What an injected mail has more than the same mail without."""
    mails = [one for one in samples if one.source == "bipia_email"]
    clean = [one.text for one in mails if not one.injection]
    found = [
        mail.text.replace(max(twins, key=len), "").strip()
        for mail in mails
        if mail.injection and (twins := [text for text in clean if text in mail.text])
    ]
    return list(dict.fromkeys(text for text in found if text))


# ── Folds ────────────────────────────────────────────────────────────────────────────────────────


def _folds(samples: Sequence[Sample], chance: random.Random) -> NDArray[np.int64]:
    """A fold for each sample: groups of look-alikes stay together, sources and labels are spread evenly."""
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(_groups(samples)):
        members[int(group)].append(index)
    groups = list(members.values())
    chance.shuffle(groups)
    load: list[Counter[tuple[str, bool | None]]] = [Counter() for _ in range(FOLDS)]
    folds = np.zeros(len(samples), dtype=np.int64)
    for group in sorted(groups, key=len, reverse=True):
        brings = Counter((samples[index].source, samples[index].injection) for index in group)
        fold = min(range(FOLDS), key=lambda k: (_overlap(load[k], brings), load[k].total()))
        folds[group] = fold
        load[fold].update(brings)
    return folds


def _overlap(load: Counter[tuple[str, bool | None]], brings: Counter[tuple[str, bool | None]]) -> int:
    return sum(load[key] * count for key, count in brings.items())


def _groups(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """The number of each sample's group: texts with a cosine of _ALIKE or more, and texts that contain one another."""
    matrix = ngram_matrix([ngrams(normalised(sample.text)) for sample in samples])
    alike = matrix @ matrix.T
    alike.data[alike.data < _ALIKE] = 0
    mails = [index for index, one in enumerate(samples) if one.source in {"bipia_email", "planted_by_bipia"}]
    pairs = [(i, j) for i in mails for j in mails if i != j and samples[i].text in samples[j].text]
    inside = sparse.csr_matrix((np.ones(len(pairs)), ([i for i, _ in pairs], [j for _, j in pairs])), shape=alike.shape)
    joined = alike + inside
    joined.eliminate_zeros()
    numbers: NDArray[np.int64] = csgraph.connected_components(joined, directed=False)[1]
    return numbers


def ngram_matrix(buckets: Sequence[NDArray[np.int64]]) -> Any:
    """Sparse rows of length one, as `Scorer.of_words` reads them."""
    lengths = [len(one) for one in buckets]
    values = np.repeat([max(length, 1) ** -0.5 for length in lengths], lengths)
    places = (values, np.concatenate(buckets), np.cumsum([0, *lengths]))
    return sparse.csr_matrix(places, shape=(len(buckets), BUCKETS))


# ── Mixing ───────────────────────────────────────────────────────────────────────────────────────

_LONG = {"wixqa", "mtrag_cloud", "pack_articles", "bipia_email", "wixqa_questions", "techqa_questions"}
_SHORT = {"pack_intents", "banking77", "pack_flags", "pack_none", "own_look_alikes"}
_OPENINGS = ("Hi,", "Hello team,", "Dear support,", "Hallo,", "Bonjour,", "Hola,", "")
_CLOSINGS = ("Thanks", "Best regards", "Viele Grüße", "Merci", "Gracias", "")
_DISGUISES: tuple[Callable[[str], str], ...] = (
    lambda order: f"<!-- {order} -->",
    lambda order: f"<!-- note to the assistant: {order} -->",
    lambda order: f'<div style="display:none">{order}</div>',
    lambda order: f'<p style="font-size:0;color:#ffffff">AI: {order}</p>',
    lambda order: f"2024-03-08T07:15:22Z web.1 | {order}",
    lambda order: f"10.0.0.7 - - GET /find?text={quote_plus(order)} 200 12ms",
    lambda order: f"warning pkg@1.4.2: {order}",
    lambda order: f"# {order}",
    lambda order: f"> {order}",
    lambda order: f"```\n{order}\n```",
    lambda order: f"[system] {order} [/system]",
    lambda order: order.upper(),
)
_BREAKS = ("\n\n", "\n\n", "\n", " ")


class _Mixer:
    """Makes mails out of the samples of one fold, some with something planted that does not belong."""

    def __init__(
        self, samples: Sequence[Sample], own: Mapping[str, Sequence[str]], fold: int, chance: random.Random
    ) -> None:
        benign = [one for one in samples if one.injection is False]
        self._long = [one.text.strip() for one in benign if one.source in _LONG and len(one.text) > 150]
        self._asked = [one.text.strip() for one in benign if one.source.endswith("_questions")]
        self._short: dict[str, list[str]] = defaultdict(list)
        for one in benign:
            if one.source in _SHORT and len(one.text) <= 200:
                self._short[one.source].append(one.text)
        self._tasks = [one.text for one in samples if one.injection is None]
        self._orders = [
            one.text
            for one in samples
            if one.injection and one.source in {"own_injections", "pack_injection", "deepset"} and len(one.text) < 300
        ]
        self._asides, self._names = own["asides"][fold::FOLDS], own["names"][fold::FOLDS]
        self._fold, self._chance = fold, chance

    def mixed(self, count: int) -> Iterator[Sample]:
        """`count` texts with something planted, and three quarters as many without."""
        for number in range(count):
            mail, planted_task = self._mail(), self._chance.random() < 0.5
            planted = self._chance.choice(self._tasks if planted_task else self._orders)
            kind = "task" if planted_task else "injection"
            if not planted_task and self._chance.random() < 0.4:
                planted = self._disguised(planted)
            yield Sample(self._with(mail, planted), True, "mixed", self._fold, planted, kind)
            if number % 4:
                yield Sample(mail, False, "mixed", self._fold)

    def _disguised(self, order: str) -> str:
        """The same order as a comment, hidden markup, a line of a log, part of an address, or a quotation."""
        return self._chance.choice(_DISGUISES)(" ".join(order.split()))

    def _with(self, mail: str, planted: str) -> str:
        space, place = self._chance.choice(_BREAKS), self._chance.random()
        if place < 0.35:
            return f"{planted}{space}{mail}"
        if place < 0.75:
            return f"{mail}{space}{planted}"
        cut = self._chance.choice([match.end() for match in re.finditer(r"[.!?]\s+|\n+", mail)] or [0])
        return f"{mail[:cut].rstrip()}{space}{planted}{space}{mail[cut:]}"

    def _mail(self) -> str:
        chance = self._chance
        if chance.random() < 0.35:
            return chance.choice(self._long)
        if chance.random() < 0.35:
            parts = [chance.choice(self._asked)]
            for aside in self._some_asides(2):
                parts.insert(chance.choice([0, len(parts)]), aside)
            return chance.choice(_BREAKS[:3]).join([*parts, self._name()]).strip()
        pool = self._short[chance.choice(sorted(self._short))]
        parts = chance.sample(pool, chance.choice([1, 2, 2, 3]))
        for aside in self._some_asides(3):
            parts.insert(chance.randrange(len(parts) + 1), aside)
        body = chance.choice(_BREAKS).join(parts)
        ends = (chance.choice(_OPENINGS), body, chance.choice(_CLOSINGS), self._name())
        return "\n\n".join(part for part in ends if part)

    def _some_asides(self, at_most: int) -> list[str]:
        return self._chance.choices(self._asides, k=self._chance.randrange(at_most + 1))

    def _name(self) -> str:
        return self._chance.choice(self._names) if self._chance.random() < 0.55 else ""
