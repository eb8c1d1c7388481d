"""Trains what sees risks: flags and intents that a person always decides, against everything harmless."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from contracts.pack import Pack
from services.classification.adapters.features import Encoded
from services.classification.adapters.heads import calibrated
from services.classification.adapters.model import Pair, Risks
from services.classification.rules.deciding import INTENT_RISK
from services.classification.rules.parts import parts
from services.classification.training.calibrating import recalibrated, warmth_of
from services.classification.training.encoding import Encoding
from services.classification.training.fitting import (
    FOLDS,
    Labels,
    Numbers,
    Recipe,
    balanced_part,
    fit_expert,
    hold_out,
)
from services.classification.training.intents import MIXES, without_english

# A missed risk reaches a customer unseen, a false alarm costs a person's minute: as many risks as possible are
# caught within these shares of false alarms, on whole texts and on their parts.
RISK_RECALL = 0.985
WHOLE_FALSE_ALARMS_MAX = 0.04
PART_FALSE_ALARMS_MAX = 0.01
# What is harmless is soon told. More of it, of packs with thousands of examples, would cost minutes and teach little.
HARMLESS_MAX = 2_500
HARMLESS_CHARACTERS_MAX = 500_000
FRAGMENTS_MAX = 2_500
RECIPES = (
    Recipe("logistic", "both", MIXES["both"]),
    Recipe("ridge", "both", MIXES["both"]),
)
# Fragments of harmless texts teach the model what harmless sentences look like, but are no tickets of their own.
_PART_WEIGHT = 0.3
_NONE = "none"


@dataclass(frozen=True)
class RisksCard:
    """How risks were seen on texts held out; `recall` by the name of the risk.

    `recall_as_part` is the share of risky texts that would be seen as one sentence of a longer, harmless mail.
    """

    recipe: str = ""
    compared: dict[str, float] = field(default_factory=dict)
    auroc: float | None = None
    false_alarms: float | None = None
    part_false_alarms: float | None = None
    recall: dict[str, float] = field(default_factory=dict)
    recall_as_part: float | None = None


@dataclass(frozen=True)
class _Data:
    """Texts, then fragments of the harmless ones; `owner` numbers the text that each fragment is from."""

    texts: Encoded
    labels: Labels
    judged: int
    owner: Labels
    names: tuple[str, ...]

    @property
    def weights(self) -> NDArray[np.float32]:
        return np.where(np.arange(len(self.labels)) < self.judged, 1.0, _PART_WEIGHT).astype(np.float32)


def train_risks(pack: Pack, encode: Encoding) -> tuple[Risks | None, RisksCard]:
    """What sees risks, or None where the pack names none or has nothing harmless to compare them with."""
    data = _data(pack, encode)
    if data is None:
        return None, RisksCard()
    classes = len(data.names)
    known = data.labels[: data.judged]
    tried: dict[str, tuple[Recipe, Numbers, Numbers]] = {}
    for recipe in RECIPES:
        held = hold_out(
            recipe, data.texts, data.labels, classes, judged=data.judged, owner=data.owner, weights=data.weights
        )
        scores = held.scores[np.argsort(held.rows)]
        warmth = warmth_of(scores[: data.judged], any_risk, known > 0)
        tried[recipe.name] = recipe, warmth, any_risk(calibrated(scores, warmth))
    compared = {
        name: round(float(roc_auc_score(known > 0, risk[: data.judged])), 4) for name, (_, _, risk) in tried.items()
    }
    recipe, warmth, risk = tried[max(compared, key=lambda name: compared[name])]
    risk, worst = risk[: data.judged], _worst_part(risk, data)
    whole = _threshold(risk[known > 0], risk[known == 0], WHOLE_FALSE_ALARMS_MAX)
    part = float(np.quantile(worst[known == 0], 1 - PART_FALSE_ALARMS_MAX))
    card = RisksCard(
        recipe=recipe.name,
        compared=compared,
        auroc=compared[recipe.name],
        false_alarms=round(float((risk[known == 0] >= whole).mean()), 4),
        part_false_alarms=round(float((worst[known == 0] >= part).mean()), 4),
        recall={name: round(float((risk[known == k] >= whole).mean()), 4) for k, name in enumerate(data.names) if k},
        recall_as_part=round(float((risk[known > 0] >= part).mean()), 4),
    )
    pair, part_weights = _pair(recipe, warmth, data), _regression(data)
    return Risks(data.names, pair, part_weights, whole, part), card


def _data(pack: Pack, encode: Encoding) -> _Data | None:
    decided_by_people = [intent for intent in pack.intents if intent.autonomy == "off"]
    answerable = [intent for intent in pack.intents if intent.autonomy != "off"]
    harmless = _harmless([[example.text for example in intent.examples] for intent in answerable])
    harmless += pack.ordinary
    if not pack.flags or len(harmless) < FOLDS:
        return None
    risky = {flag: list(definition.examples) for flag, definition in pack.flags.items()}
    risky |= {f"{INTENT_RISK}{intent.id}": [e.text for e in intent.examples] for intent in decided_by_people}
    texts = harmless + [text for examples in risky.values() for text in examples]
    labels = [0] * len(harmless) + [k for k, examples in enumerate(risky.values(), start=1) for _ in examples]
    fragments = [(part, index) for index, text in enumerate(harmless) for part in parts(text)]
    fragments = [fragments[row] for row in balanced_part(np.array([k for _, k in fragments]), FRAGMENTS_MAX)]
    return _Data(
        encode([*texts, *(part for part, _ in fragments)]),
        np.array(labels + [0] * len(fragments), dtype=np.int64),
        len(texts),
        np.array([index for _, index in fragments], dtype=np.int64),
        (_NONE, *risky),
    )


def _harmless(by_intent: list[list[str]]) -> list[str]:
    """As many of each intent's texts as there is time to read, in their order."""
    texts = [text for own in by_intent for text in own]
    intents = np.array([k for k, own in enumerate(by_intent) for _ in own], dtype=np.int64)
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    return [texts[row] for row in balanced_part(intents, HARMLESS_MAX, lengths, HARMLESS_CHARACTERS_MAX)]


def _pair(recipe: Recipe, warmth: Numbers, data: _Data) -> Pair:
    """Both experts with one calibration: too few texts are in other languages for one of their own."""
    classes = len(data.names)
    spoken = np.flatnonzero(data.texts.english)
    english = fit_expert(recipe, data.texts.take(spoken), data.labels[spoken], classes, data.weights[spoken])
    other = fit_expert(without_english(recipe), data.texts, data.labels, classes, data.weights)
    return Pair(*(recalibrated(expert, warmth, np.zeros(0)) for expert in (english, other)))


def any_risk(chances: Numbers) -> Numbers:
    """The chance of each row that its class is not "none"."""
    return 1 - chances[:, 0]


def _worst_part(risk: Numbers, data: _Data) -> Numbers:
    """Of each text, the risk of its riskiest part; nought for texts that have none."""
    worst = np.zeros(data.judged)
    np.maximum.at(worst, data.owner, risk[data.judged :])
    return worst


def _regression(data: _Data) -> Numbers:
    """A row for each dimension of the multilingual embedding and the intercept last, a column for each class."""
    model = LogisticRegression(C=10.0, max_iter=200, tol=1e-3, class_weight="balanced")
    model.fit(data.texts.dense("multilingual_prose"), data.labels)
    coefficients, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.hstack([-intercept, intercept]) / 2
    stacked: Numbers = np.vstack([coefficients.T, intercept])
    return stacked


def _threshold(risky: Numbers, harmless: Numbers, false_alarms_max: float) -> float:
    """Low enough to catch RISK_RECALL of the risks, unless more harmless texts than allowed would be flagged."""
    wanted = float(np.quantile(risky, 1 - RISK_RECALL))
    return max(wanted, float(np.quantile(harmless, 1 - false_alarms_max)))
