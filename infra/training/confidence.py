"""Learns how far a draft can be trusted, from labelled cases run through the real stages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid5

import lightgbm
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contracts.events import AnswerDrafted, Classification, ContextRetrieved, Ticket, TicketClassified, TicketReceived
from contracts.pack import IntentExample, Pack, article_of
from infra.evaluation.figures import calibration_error
from infra.training.trees import plain_trees
from services.classification import handler as classification
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.store import load_model
from services.classification.ports import Domain
from services.classification.rules.mood import unread
from services.classification.training import train as train_classifier
from services.drafting import handler as drafting
from services.drafting.ports import Drafter, Tier
from services.retrieval import handler as retrieval
from services.retrieval.ports import QueryEmbedder, Search
from services.validation.adapters import Kind, calibration_file
from services.validation.rules.answering import ANSWERING_FEATURES, Embed
from services.validation.rules.checks import citations_by_number, evidence_by_id
from services.validation.rules.claims import claims_of
from services.validation.rules.confidence import EVIDENCE_FEATURES, INTENT_FEATURES, Calibration, features_of
from services.validation.rules.judging import judge_draft
from shared.embedding import Embedder
from shared.language import detect_language
from shared.packs import training_hash

CASES_MIN = 60
FOLDS = 10
CLASSIFIER_FOLDS = 5
SEED = 20_260_101
ROUNDS = 120
TREES: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 6,
    "learning_rate": 0.04,
    "min_data_in_leaf": 15,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.5,
    "seed": SEED,
    "deterministic": True,
    "num_threads": 1,
    "verbose": -1,
}
PRECISION_WANTED = 0.97
AT_ONCE = 4
_NAMESPACE = UUID("6f1f6f3c-5d0c-4c53-9c54-1a1f0f3f7c11")
_TENANT = "training"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Numbers = NDArray[np.float64]


class TooFewCases(Exception):
    """The pack's examples do not make enough labelled cases for a calibration that means something."""


@dataclass(frozen=True)
class ClassifiedExample:
    """A labelled text as a classified ticket, by a model that was not trained on it. `articles` answer it."""

    event: TicketClassified
    articles: frozenset[str]


@dataclass(frozen=True)
class LabelledCase:
    """What validation would compute for a draft, and whether the draft was right."""

    features: Mapping[str, float]
    correct: bool


class ConfidenceCard(BaseModel):
    """How good a confidence model is, all by cross-validation. `threshold` releases at PRECISION_WANTED or better."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    sample_size: int
    correct: int
    auroc: float
    ece: float
    brier: float
    threshold: float
    coverage_at_threshold: float
    precision_at_threshold: float
    weights: dict[str, float]


async def classified_examples(pack: Pack, english: Embedder, multilingual: Embedder) -> list[ClassifiedExample]:
    """The pack's examples in a language its knowledge is in, each classified by a model that has not seen it.

    Those of intents come with the articles that answer them; those out of scope with none. The classifier is trained
    CLASSIFIER_FOLDS times, each time on the pack without one part of its examples.
    """
    examples = [one for intent in pack.intents for one in intent.examples] + list(pack.out_of_scope)
    part_of = {one.text: index % CLASSIFIER_FOLDS for index, one in enumerate(examples)}
    found: list[ClassifiedExample] = []
    for part in range(CLASSIFIER_FOLDS):
        # Risks play no part in the confidence, and take longest to train.
        rest = pack.model_copy(
            update={
                "flags": {},
                "intents": tuple(
                    intent.model_copy(update={"examples": _not_in(part, part_of, intent.examples)})
                    for intent in pack.intents
                ),
                "out_of_scope": _not_in(part, part_of, pack.out_of_scope),
            }
        )
        with TemporaryDirectory() as folder:
            await asyncio.to_thread(train_classifier, rest, english, multilingual, Path(folder))
            classifier = TrainedClassifier(load_model(Path(folder)), english, multilingual)
        held_out = [one for one in examples if part_of[one.text] == part and _judgeable(one, pack)]
        domains = {_TENANT: Domain(pack, classifier, unread)}
        found += [await _classified(one, domains) for one in held_out]
    return found


def _not_in(part: int, part_of: Mapping[str, int], examples: tuple[IntentExample, ...]) -> tuple[IntentExample, ...]:
    return tuple(one for one in examples if part_of[one.text] != part)


def _judgeable(example: IntentExample, pack: Pack) -> bool:
    """An example of an intent that names no article cannot be judged; one out of scope is always wrong to answer."""
    return example.language in pack.knowledge_languages and (bool(example.articles) or example in pack.out_of_scope)


async def _classified(example: IntentExample, domains: Mapping[str, Domain]) -> ClassifiedExample:
    event_id = uuid5(_NAMESPACE, example.text)
    ticket = Ticket(source="training", external_id="", requester="", body=example.text, received_at=_EPOCH)
    received = TicketReceived(
        event_id=event_id,
        occurred_at=_EPOCH,
        tenant=_TENANT,
        conversation_id=event_id,
        case_id=event_id,
        turn=1,
        ticket=ticket,
    )
    [classified] = await classification.handle(received, domains=domains, detect_language=detect_language, now=_EPOCH)
    assert isinstance(classified, TicketClassified)
    return ClassifiedExample(classified, frozenset(example.articles))


async def labelled_cases(
    pack: Pack,
    examples: Sequence[ClassifiedExample],
    *,
    tenant: str,
    search: Search,
    embedder: QueryEmbedder,
    drafter: Drafter,
    embed: Embed,
) -> list[LabelledCase]:
    """Each example as a ticket through retrieval, drafting and validation's own features.

    A draft is right where the document it cites first is among those that answer the example. Only what might be
    released makes a case: where the drafter abstains or a person decides anyway, nothing hangs on the confidence.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def case(example: ClassifiedExample) -> LabelledCase | None:
        async with places:
            event = example.event.model_copy(update={"tenant": tenant})
            [found] = await retrieval.handle(event, search=search, embedder=embedder, now=_EPOCH)
            assert isinstance(found, ContextRetrieved)
            [drafted] = await drafting.handle(found, tiers=[Tier("extractive", drafter)], pack=pack, now=_EPOCH)
            assert isinstance(drafted, AnswerDrafted)
        return await asyncio.to_thread(_case, drafted, example.articles, pack, embed)

    cases = await asyncio.gather(*(case(example) for example in examples))
    return [one for one in cases if one is not None]


def _case(event: AnswerDrafted, articles: frozenset[str], pack: Pack, embed: Embed) -> LabelledCase | None:
    if not event.draft.citations or event.draft.unanswered or _for_a_person(event.classification, pack):
        return None
    citations, evidence = citations_by_number(event), evidence_by_id(event)
    # These drafts quote, which needs no model of support to be seen.
    claims = judge_draft(claims_of(event, pack.tone), citations, evidence, event.ticket.text, None).claims
    first = evidence[event.draft.citations[0].evidence_id]
    right = article_of(first.document_id, first.language) in articles
    return LabelledCase(features_of(event, claims, pack, embed), right)


def _for_a_person(classification: Classification, pack: Pack) -> bool:
    top = pack.intent(classification.intent or "")
    return classification.out_of_scope >= 0.5 or (top is not None and top.autonomy == "off")


# ── Fitting ──────────────────────────────────────────────────────────────────────────────────────


def fit(cases: Sequence[LabelledCase], kind: Kind, trained_on: str) -> tuple[Calibration, ConfidenceCard]:
    """A logistic regression and boosted trees on the cases, and their card, by cross-validation.

    On a few hundred cases either alone is less sure: the mean of their log odds releases a sixth more at one precision.

    Raises:
        TooFewCases: fewer than CASES_MIN, or hardly any that are right, or that are wrong.
    """
    names = EVIDENCE_FEATURES + ANSWERING_FEATURES + (INTENT_FEATURES if kind == "full" else ())
    x = np.array([[case.features.get(name, 0.0) for name in names] for case in cases])
    y = np.array([case.correct for case in cases], dtype=np.int64)
    if len(y) < CASES_MIN or min(int(y.sum()), int(len(y) - y.sum())) < FOLDS:
        raise TooFewCases(f"{len(y)} labelled cases, {int(y.sum())} right: too few to calibrate a confidence")
    held_out = np.zeros(len(y))
    for train_on, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(x, y):
        model = _fitted(x[train_on], y[train_on], names, "held-out", kind)
        held_out[rest] = [model.probability(dict(zip(names, row, strict=True))) for row in x[rest].tolist()]
    calibration = _fitted(x, y, names, trained_on, kind)
    return calibration, _card(calibration, y, held_out)


def _fitted(x: Numbers, y: NDArray[np.int64], names: tuple[str, ...], trained_on: str, kind: Kind) -> Calibration:
    # From .03 to 1 the strength makes no difference that the noise would not.
    scaler, regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=2_000)).fit(x, y)
    booster = lightgbm.train(TREES, lightgbm.Dataset(x, y.astype(np.float64)), ROUNDS)
    return Calibration(
        version=f"confidence-3-{kind}-{trained_on}",
        trained_on=trained_on,
        kind=kind,
        features=names,
        means=_rounded(scaler.mean_),
        scales=tuple(scale or 1.0 for scale in _rounded(scaler.scale_)),
        weights=_rounded(regression.coef_[0]),
        intercept=round(float(regression.intercept_[0]), 6),
        trees=plain_trees(booster, names),
        sample_size=len(y),
    )


def _rounded(numbers: Numbers) -> tuple[float, ...]:
    return tuple(round(float(number), 6) for number in numbers)


def _card(calibration: Calibration, y: NDArray[np.int64], predicted: Numbers) -> ConfidenceCard:
    threshold = release_threshold(y, predicted)
    released = predicted >= threshold
    return ConfidenceCard(
        kind=calibration.kind,
        sample_size=len(y),
        correct=int(y.sum()),
        auroc=round(float(roc_auc_score(y, predicted)), 4),
        ece=round(calibration_error(predicted, y == 1, bins=10), 4),
        brier=round(float(brier_score_loss(y, predicted)), 4),
        threshold=round(threshold, 4),
        coverage_at_threshold=round(float(released.mean()), 4),
        precision_at_threshold=round(float(y[released].mean()), 4) if released.any() else 1.0,
        weights=dict(zip(calibration.features, calibration.weights, strict=True)),
    )


def release_threshold(y: NDArray[np.int64], predicted: Numbers) -> float:
    """The lowest threshold from which on up the predictions are right PRECISION_WANTED of the time; 1.0 if none."""
    order = np.argsort(-predicted, kind="stable")
    precision = np.cumsum(y[order]) / np.arange(1, len(y) + 1)
    # Cases of one prediction are released together, so a threshold counts at the last of them.
    last = np.append(np.diff(predicted[order]) != 0, True)
    good = np.flatnonzero(last & (precision >= PRECISION_WANTED))
    return float(predicted[order][good[-1]]) if len(good) else 1.0


def train_confidence(pack: Pack, cases: Sequence[LabelledCase], out: Path) -> list[ConfidenceCard]:
    """Fits the model of the pack on the cases and writes it, with its card, into the folder `out`.

    Packs without intents have no labelled cases; they use the model that `infra.training.evidence` makes.

    Raises:
        TooFewCases: see `fit`.
    """
    out.mkdir(parents=True, exist_ok=True)
    calibration, card = fit(cases, "full", training_hash(pack))
    path = calibration_file(out, "full")
    path.write_text(calibration.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    path.with_suffix(".card.json").write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return [card]
