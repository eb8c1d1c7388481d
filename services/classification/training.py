"""Trains the model of a pack from its examples: seconds on one core, and the same numbers every time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from contracts.pack import Pack
from services.classification.adapters.model import Head, Logits, Model, Scope, affine, nearness, softmax
from services.classification.adapters.store import save_model
from services.classification.rules.deciding import INTENT_RISK
from services.classification.rules.parts import meaning, parts
from shared.embedding import Embedder, Vectors
from shared.language import detect_language
from shared.packs import training_hash

SEED = 20_240_607
FOLDS = 5
# A missed risk reaches a customer unseen, a false alarm costs a person's minute: as many risks as possible are
# caught within these shares of false alarms, on whole texts and on their parts.
RISK_RECALL = 0.985
WHOLE_FALSE_ALARMS_MAX = 0.08
PART_FALSE_ALARMS_MAX = 0.02
# Fragments of harmless texts teach the model what harmless sentences look like, but are no tickets of their own.
_PART_WEIGHT = 0.3
_NONE = "none"
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class ModelCard:
    """How well the model does on texts it was not trained on, by five-fold cross-validation on the pack's examples."""

    pack: str
    version: str
    embedders: tuple[str, str]
    examples: int
    intent_accuracy: float | None = None
    intent_ece: float | None = None
    out_of_scope_auroc: float | None = None
    out_of_scope_recall: float | None = None
    out_of_scope_false_alarms: float | None = None
    risk_auroc: float | None = None
    risk_false_alarms: float | None = None
    flag_recall: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Texts:
    """Texts with their vectors; `english` says on which the English embedding speaks."""

    texts: list[str]
    english: NDArray[np.bool_]
    vectors_english: Vectors
    vectors_multilingual: Vectors

    def take(self, chosen: NDArray[np.bool_] | Labels) -> "_Texts":
        texts = [self.texts[index] for index in np.arange(len(self.texts))[chosen]]
        return _Texts(texts, self.english[chosen], self.vectors_english[chosen], self.vectors_multilingual[chosen])


@dataclass(frozen=True)
class _Trained:
    head: Head
    logits: Logits
    """Of the texts that were held out in turn, each by a model that has not seen it."""
    held_out: Logits
    """Their calibrated probabilities."""


def train(pack: Pack, english: Embedder, multilingual: Embedder, out: Path) -> ModelCard:
    """Trains on all examples of `pack`, writes the model and its card into the folder `out`, and returns the card."""
    version = f"{pack.name}-{training_hash(pack)}"
    embed = _Embedding(english, multilingual, pack.languages)
    card: dict[str, object] = {}
    intents, intent_head = _train_intents(pack, embed, card)
    scope = _train_scope(pack, embed, card)
    risks, risk_head, part_weights, whole, part = _train_risks(pack, embed, card)
    model = Model(intents, intent_head, scope, risks, risk_head, part_weights, whole, part, version)
    examples = sum(len(intent.examples) for intent in pack.intents) + len(pack.out_of_scope)
    examples += sum(len(flag.examples) for flag in pack.flags.values()) + len(pack.ordinary)
    names = (english.name, multilingual.name)
    made = ModelCard(pack=pack.name, version=version, embedders=names, examples=examples, **card)  # type: ignore[arg-type]
    save_model(model, asdict(made), out)
    return made


class _Embedding:
    """Embeds each text once, however many heads are trained on it."""

    def __init__(self, english: Embedder, multilingual: Embedder, languages: Sequence[str]) -> None:
        self._english = english
        self._multilingual = multilingual
        self._languages = languages
        self._known: dict[str, tuple[bool, Vectors, Vectors]] = {}

    def __call__(self, texts: Sequence[str]) -> _Texts:
        whole = [meaning(text) for text in texts]
        missing = [text for text in dict.fromkeys(whole) if text not in self._known]
        if missing:
            speaks = [detect_language(text, self._languages)[0] in {"en", "und"} for text in missing]
            one, two = self._english.embed(missing), self._multilingual.embed(missing)
            self._known.update(zip(missing, zip(speaks, one, two, strict=True), strict=True))
        rows = [self._known[text] for text in whole]
        return _Texts(
            whole,
            np.array([row[0] for row in rows], dtype=bool),
            np.array([row[1] for row in rows], dtype=np.float32).reshape(len(rows), self._english.dimensions),
            np.array([row[2] for row in rows], dtype=np.float32).reshape(len(rows), self._multilingual.dimensions),
        )


def _train_intents(pack: Pack, embed: _Embedding, card: dict[str, object]) -> tuple[tuple[str, ...], Head | None]:
    names = tuple(intent.id for intent in pack.intents)
    if len(names) < 2:
        return (), None
    examples = [(example.text, k) for k, intent in enumerate(pack.intents) for example in intent.examples]
    described = [
        (text, k)
        for k, intent in enumerate(pack.intents)
        for text in (intent.title, intent.description, *(slug.replace("-", " ") for slug in intent.articles))
    ]
    labels = np.array([k for _, k in examples + described])
    trained = _cross_validated(embed([text for text, _ in examples + described]), labels, len(examples), strength=20.0)
    right = trained.held_out.argmax(axis=1) == labels[: len(examples)]
    card["intent_accuracy"] = round(float(right.mean()), 4)
    card["intent_ece"] = round(expected_calibration_error(trained.held_out.max(axis=1), right), 4)
    return names, trained.head


def _train_scope(pack: Pack, embed: _Embedding, card: dict[str, object]) -> Scope | None:
    inside = [example.text for intent in pack.intents for example in intent.examples]
    outside = [example.text for example in pack.out_of_scope]
    if min(len(inside), len(outside)) < FOLDS:
        return None
    inside += pack.ordinary
    labels = np.array([0] * len(inside) + [1] * len(outside))
    trained = _cross_validated(data := embed(inside + outside), labels, len(labels), strength=10.0, balanced=True)
    evidence = np.stack([trained.logits[:, 1] - trained.logits[:, 0], _held_out_nearness(data, labels)], axis=1)
    # Balanced, as if every second ticket were out of scope: an answer to the wrong question is worse than none.
    stacking = _fit(evidence.astype(np.float32), labels, np.ones(len(labels)), 1.0, balanced=True)
    chance = softmax(affine(stacking, evidence.astype(np.float32)))[:, 1]
    card["out_of_scope_auroc"] = round(float(roc_auc_score(labels, chance)), 4)
    card["out_of_scope_recall"] = round(float((chance[labels == 1] >= 0.5).mean()), 4)
    card["out_of_scope_false_alarms"] = round(float((chance[labels == 0] >= 0.5).mean()), 4)
    return Scope(
        trained.head,
        data.vectors_english,
        data.vectors_multilingual,
        data.english,
        labels == 1,
        stacking[1] - stacking[0],
    )


def _held_out_nearness(data: _Texts, labels: Labels) -> Logits:
    """See `nearness`; each text is compared with the examples of the other folds only."""
    near = np.zeros(len(labels))
    for train_on, held_out in _folds(labels):
        similarity = data.vectors_multilingual[held_out] @ data.vectors_multilingual[train_on].T
        both = (similarity + data.vectors_english[held_out] @ data.vectors_english[train_on].T) / 2
        speak = data.english[held_out][:, None] & data.english[train_on][None, :]
        near[held_out] = nearness(np.where(speak, both, similarity), labels[train_on] == 1)
    return near


def _train_risks(
    pack: Pack, embed: _Embedding, card: dict[str, object]
) -> tuple[tuple[str, ...], Head | None, Logits, float, float]:
    """The flags, and the intents that a person always decides, against everything harmless."""
    decided_by_people = [intent for intent in pack.intents if intent.autonomy == "off"]
    answerable = [intent for intent in pack.intents if intent.autonomy != "off"]
    harmless = [example.text for intent in answerable for example in intent.examples] + list(pack.ordinary)
    if not pack.flags or len(harmless) < FOLDS:
        return (_NONE,), None, np.zeros((1, 1)), 1.0, 1.0
    risky = {flag: list(definition.examples) for flag, definition in pack.flags.items()}
    risky |= {f"{INTENT_RISK}{intent.id}": [e.text for e in intent.examples] for intent in decided_by_people}
    texts = harmless + [text for examples in risky.values() for text in examples]
    labels = np.array([0] * len(harmless) + [k for k, e in enumerate(risky.values(), start=1) for _ in e])
    fragments = [part for text in harmless for part in parts(text)]
    owner = np.array([index for index, text in enumerate(harmless) for _ in parts(text)], dtype=np.int64)
    all_labels = np.concatenate([labels, np.zeros(len(fragments), dtype=np.int64)])
    data = embed(texts + fragments)
    trained = _cross_validated(data, all_labels, len(texts), strength=10.0, balanced=True, owner=owner)
    any_risk = 1 - trained.held_out[:, 0]
    whole = _threshold(any_risk[labels > 0], any_risk[labels == 0], WHOLE_FALSE_ALARMS_MAX)
    part_weights, part = _train_parts(data, all_labels, len(texts), owner)
    names = (_NONE, *risky)
    card["risk_auroc"] = round(float(roc_auc_score(labels > 0, any_risk)), 4)
    card["risk_false_alarms"] = round(float((any_risk[labels == 0] >= whole).mean()), 4)
    card["flag_recall"] = {
        name: round(float((any_risk[labels == k] >= whole).mean()), 4) for k, name in enumerate(names) if k
    }
    return names, trained.head, part_weights, whole, part


def _train_parts(data: _Texts, labels: Labels, count: int, owner: Labels) -> tuple[Logits, float]:
    """The head for parts of texts, which reads the cheap multilingual embedding alone, and its threshold."""
    vectors = data.vectors_multilingual
    worst = np.zeros(count)
    for train_on, held_out in _folds(labels[:count]):
        seen = np.concatenate([train_on, count + np.flatnonzero(np.isin(owner, train_on))])
        weights = _fit(vectors[seen], labels[seen], np.ones(len(seen)), 10.0, balanced=True)
        unseen = count + np.flatnonzero(np.isin(owner, held_out))
        chance = 1 - softmax(affine(weights, vectors[unseen]))[:, 0]
        np.maximum.at(worst, owner[unseen - count], chance)
    weights = _fit(vectors, labels, np.ones(len(labels)), 10.0, balanced=True)
    harmless = worst[labels[:count] == 0]
    return weights, float(np.quantile(harmless, 1 - PART_FALSE_ALARMS_MAX))


def _cross_validated(
    data: _Texts,
    labels: Labels,
    count: int,
    *,
    strength: float,
    balanced: bool = False,
    owner: Labels | None = None,
) -> _Trained:
    """Trains on everything; the first `count` texts are also held out in turn, to calibrate and to judge.

    The others support: they belong to the text number `owner` and are held out with it, or to none.
    """
    weights = np.where(np.arange(len(labels)) < count, 1.0, 1.0 if owner is None else _PART_WEIGHT)
    classes = int(labels.max()) + 1
    logits = np.zeros((count, classes))
    support = np.arange(count, len(labels))
    for train_on, held_out in _folds(labels[:count]):
        kept = support if owner is None else support[np.isin(owner, train_on)]
        seen = np.concatenate([train_on, kept])
        one, two = _fit_both(data.take(seen), labels[seen], weights[seen], strength, balanced)
        logits[held_out] = affine(two, data.vectors_multilingual[held_out])
        spoken = held_out[data.english[held_out]]
        logits[spoken] += affine(one, data.vectors_english[spoken])
    speaks, known = data.english[:count], labels[:count]
    warmth = (_temperature(logits[speaks], known[speaks]), _temperature(logits[~speaks], known[~speaks]))
    one, two = _fit_both(data, labels, weights, strength, balanced)
    return _Trained(Head(one, two, warmth), logits, softmax(logits / np.where(speaks, *warmth)[:, None]))


def _fit_both(data: _Texts, labels: Labels, weights: Logits, strength: float, balanced: bool) -> tuple[Logits, Logits]:
    spoken = data.english
    one = _fit(data.vectors_english[spoken], labels[spoken], weights[spoken], strength, balanced, int(labels.max()) + 1)
    return one, _fit(data.vectors_multilingual, labels, weights, strength, balanced, int(labels.max()) + 1)


def _fit(
    vectors: Vectors, labels: Labels, weights: Logits, strength: float, balanced: bool, classes: int | None = None
) -> Logits:
    """One row of weights per class, with the intercept last; a class without an example gets a hopeless intercept."""
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight="balanced" if balanced else None)
    model.fit(vectors, labels, sample_weight=weights)
    coefficients = np.hstack([model.coef_, model.intercept_[:, None]])
    if len(model.classes_) == 2:
        coefficients = np.vstack([-coefficients / 2, coefficients / 2])
    full = np.zeros((classes or int(labels.max()) + 1, coefficients.shape[1]))
    full[:, -1] = -30.0
    full[model.classes_] = coefficients
    return full


def _folds(labels: Labels) -> list[tuple[Labels, Labels]]:
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    return [(train_on, held_out) for train_on, held_out in splitter.split(np.zeros(len(labels)), labels)]


def _temperature(logits: Logits, labels: Labels) -> float:
    """The divisor of the logits that makes the probabilities fit the labels best; 2 where there are too few to tell."""
    if len(labels) < 10 * FOLDS:
        return 2.0

    def loss(exponent: float) -> float:
        chances = softmax(logits / 10**exponent)
        return float(-np.log(chances[np.arange(len(labels)), labels] + 1e-12).mean())

    return float(10 ** minimize_scalar(loss, bounds=(-1.0, 1.5), method="bounded").x)


def _threshold(risky: Logits, harmless: Logits, false_alarms_max: float) -> float:
    """Low enough to catch RISK_RECALL of the risks, unless more harmless texts than allowed would be flagged."""
    wanted = float(np.quantile(risky, 1 - RISK_RECALL))
    return max(wanted, float(np.quantile(harmless, 1 - false_alarms_max)))


def expected_calibration_error(confidence: Logits, right: NDArray[np.bool_], bins: int = 15) -> float:
    """Mean distance of confidence from accuracy over equally wide bins (Naeini et al., AAAI 2015)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[index == k].mean() - right[index == k].mean()) * (index == k).mean()
        for k in range(bins)
        if (index == k).any()
    ]
    return float(sum(gaps))
