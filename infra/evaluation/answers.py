"""Answers: drafting and validation on questions whose answer is known, and what they cost."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import SecretStr

from contracts.events import AnswerDrafted, AnswerValidated, ContextRetrieved, Draft, Evidence, Usage
from infra.evaluation.asked import Asked, Gold, read_asked
from infra.evaluation.case import Stages
from infra.evaluation.database import database
from infra.evaluation.figures import auroc, calibration_error, coverage_at_risk
from infra.evaluation.result import Evaluation, Progress, quiet
from infra.stack.problems import StackProblem
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.app import model_tiers
from services.drafting.ports import Tier
from services.drafting.settings import DraftingSettings
from shared.bert import MiniLM
from shared.database import async_engine
from shared.embedding import Embedder, MultilingualUSE, Remembering
from shared.gateway import Gateway, ProcessMemory
from shared.sentences import terms
from shared.settings import Settings

Policy = Literal["extractive", "cascade", "always-last"]
TEXTS_REMEMBERED = 20_000
# Of content words in common, by the shorter of the two texts (Szymkiewicz-Simpson): quoting answers are longer than a
# person's where that is one sentence, and shorter where it is a page. Answers to other questions reach .1, seldom .3.
OVERLAP_OF_A_RIGHT_ANSWER = 0.4
_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Judged:
    """One answer beside its gold.

    `confidence` is 0 where nothing may be sent, `is_by_model` says whether a model wrote what stands in the end, and
    `seconds` are those of drafting and validation.
    """

    confidence: float
    right: bool
    answerable: bool
    citations_right: tuple[bool, ...]
    token_f1: float | None
    spent: Usage
    is_by_model: bool
    seconds: float


def evaluate(
    *, data: Path, policy: Policy = "extractive", sample: int | None = None, progress: Progress = quiet
) -> Evaluation:
    """Drafts and checks an answer to every question of `data`.

    Args:
        data: a file of the generation format (questions with their passages) or a folder of such, or a folder of the
            retrieval format.
        policy: which drafters are asked: `extractive`, `cascade` or `always-last`.
        sample: ask this many of the questions, the same at each call; None asks all.
        progress: shows how far it is.

    Raises:
        DataUnreadable: the data are not of either format.
        StackProblem: PostgreSQL does not start, or the policy needs models and none are configured.
        TiersInvalid: the configured models cannot be used.
    """
    asked = read_asked(data)
    if sample is not None:
        asked = asked.sampled(sample)
    return _evaluation(asyncio.run(_judged(asked, policy, progress)), policy)


async def _judged(asked: Asked, policy: Policy, progress: Progress) -> list[Judged]:
    english = Remembering(MiniLM(one_by_one=True), TEXTS_REMEMBERED)
    multilingual = Remembering(MultilingualUSE(), TEXTS_REMEMBERED)
    with database() as url:
        settings = Settings(database_url=SecretStr(url))
        engine = async_engine(settings, "evaluation")
        tiers, gateway = _tiers(policy, english, multilingual)
        try:
            stages = Stages(engine, english, multilingual, tiers)
            await _learn(stages, asked, progress)
            return [
                await _judged_one(stages, await stages.retrieved(question, collection), gold)
                for question, gold, collection in progress(asked.questions, "answering")
            ]
        finally:
            if gateway is not None:
                await gateway.close()
            await engine.dispose()


async def _judged_one(stages: Stages, retrieved: ContextRetrieved, gold: Gold) -> Judged:
    started = time.perf_counter()
    answered = await stages.answered(retrieved)
    return judge(answered, gold, seconds=time.perf_counter() - started)


def _tiers(policy: Policy, english: Embedder, multilingual: Embedder) -> tuple[list[Tier], Gateway | None]:
    """The drafters that the policy asks, with the models that are configured for the drafting service."""
    extractive = ExtractiveDrafter(english=english, multilingual=multilingual)
    if policy == "extractive":
        return [Tier("extractive", extractive)], None
    drafting = DraftingSettings(drafter="cascade")
    if drafting.tiers_file is None and "openai_base_url" not in drafting.model_fields_set:
        raise StackProblem(f"The policy {policy} needs models: name their file in HANDRAIL_DRAFTING_TIERS_FILE.")
    gateway = Gateway(drafting.tiers(), ProcessMemory())
    tiers = model_tiers(gateway, drafting, extractive)
    return (tiers if policy == "cascade" else tiers[-1:]), gateway


async def _learn(stages: Stages, asked: Asked, progress: Progress) -> None:
    for collection, documents in progress(list(asked.knowledge.items()), "ingesting"):
        await stages.learn(documents, collection)


def judge(event: AnswerValidated, gold: Gold, *, seconds: float = 0.0) -> Judged:
    """How good the answer is that the stages made of a question in `seconds`."""
    draft, validation = event.draft, event.validation
    return Judged(
        confidence=validation.confidence if draft.text and validation.verdict != "block" else 0.0,
        right=is_right(event, gold),
        answerable=gold.answerable,
        citations_right=tuple(gold.answerable and one for one in _relevant(gold, _sources(event))),
        token_f1=token_f1(_said(draft), gold.answer) if gold.answerable and gold.answer else None,
        spent=event.spent,
        is_by_model=bool(draft.text) and draft.drafter == "openai",
        seconds=seconds,
    )


def is_right(event: AnswerDrafted | AnswerValidated, gold: Gold) -> bool:
    """Whether the draft answers the question.

    With known documents it does where the first it cites is among them, otherwise where it has
    OVERLAP_OF_A_RIGHT_ANSWER in common with the known answer. To answer what cannot be answered is always wrong.
    """
    sources = _sources(event)
    if not gold.answerable or not sources:
        return False
    if gold.documents is None:
        return overlap(_said(event.draft), gold.answer) >= OVERLAP_OF_A_RIGHT_ANSWER
    return sources[0].document_id in gold.documents


def _sources(event: AnswerDrafted | AnswerValidated) -> list[Evidence]:
    cited = {one.evidence_id: one for one in event.context.evidence}
    return [cited[one.evidence_id] for one in event.draft.citations if one.evidence_id in cited]


def _said(draft: Draft) -> str:
    """What the draft states, each statement once, though it may rest on several passages."""
    spans = dict.fromkeys((one.start, one.end) for one in draft.citations)
    return " ".join(draft.text[start:end] for start, end in spans)


def _relevant(gold: Gold, sources: Sequence[Evidence]) -> list[bool]:
    if gold.documents is not None:
        return [one.document_id in gold.documents for one in sources]
    return [overlap(one.text, gold.answer) >= OVERLAP_OF_A_RIGHT_ANSWER for one in sources]


def overlap(one: str, other: str) -> float:
    """The content words that both have, as a share of those of the poorer; 0 where one has none."""
    ours, theirs = set(terms(one)), set(terms(other))
    return len(ours & theirs) / min(len(ours), len(theirs)) if ours and theirs else 0.0


def token_f1(text: str, wanted: str) -> float:
    """The harmonic mean of precision and recall of words (Rajpurkar et al., SQuAD, EMNLP 2016)."""
    ours, theirs = _tokens(text), _tokens(wanted)
    shared = sum((ours & theirs).values())
    return 2 * shared / (ours.total() + theirs.total()) if shared else 0.0


def _tokens(text: str) -> Counter[str]:
    return Counter(word for word in _WORD.findall(text.lower()) if word not in _ARTICLES)


def _evaluation(judged: Sequence[Judged], policy: str) -> Evaluation:
    confidence = np.array([one.confidence for one in judged])
    right = np.array([one.right for one in judged], dtype=bool)
    answerable = np.array([one.answerable for one in judged], dtype=bool)
    citations = [one for each in judged for one in each.citations_right]
    f1 = [one.token_f1 for one in judged if one.token_f1 is not None]
    separation = auroc(answerable, confidence)
    figures = {
        "policy": policy,
        "questions": len(judged),
        "answerable_auroc": None if separation is None else round(separation, 4),
        "right": round(float(right.mean()), 4),
        "right_standard_error": round(float(right.std() / len(right) ** 0.5), 4),
        "right_auroc": _rounded(auroc(right, confidence)),
        "ece": round(calibration_error(confidence, right), 4),
        "coverage_at_5_risk": round(coverage_at_risk(confidence, right, 0.05), 4),
        "coverage_at_1_risk": round(coverage_at_risk(confidence, right, 0.01), 4),
        "citation_precision": round(float(np.mean(citations)), 4) if citations else None,
        "token_f1": round(float(np.mean(f1)), 4) if f1 else None,
        "cost_per_answer": round(float(np.mean([one.spent.cost_usd for one in judged])), 6),
        "by_models": round(float(np.mean([one.is_by_model for one in judged])), 4),
        "input_tokens_per_answer": round(float(np.mean([one.spent.input_tokens for one in judged])), 1),
        "output_tokens_per_answer": round(float(np.mean([one.spent.output_tokens for one in judged])), 1),
        "seconds_per_answer": round(float(np.mean([one.seconds for one in judged])), 3),
    }
    note = (
        "With known documents an answer is right where the first document it cites is one of them; otherwise where "
        f"it shares {OVERLAP_OF_A_RIGHT_ANSWER:.0%} of the content words of the shorter of both. An answer "
        "to a question that cannot be answered is wrong. What validation forbids to send counts as confidence 0."
    )
    return Evaluation(figures, confidence, right, notes=(note,))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
