"""Answers: drafting and validation on questions whose answer is known, and what they cost."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import SecretStr

from contracts.events import AnswerValidated, Evidence
from infra.evaluation.case import TENANT, Question, Stages
from infra.evaluation.data import DataUnreadable, rows
from infra.evaluation.database import database
from infra.evaluation.figures import auroc, calibration_error, coverage_at_risk
from infra.evaluation.result import Evaluation, Progress, quiet
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.drafting.ports import Tier
from services.retrieval.rules.passages import Document
from shared.database import async_engine
from shared.embedding import MiniLM, MultilingualUSE, Remembering
from shared.sentences import terms
from shared.settings import Settings

Policy = Literal["extractive", "cascade", "always-last"]
TEXTS_REMEMBERED = 20_000
# A quoting answer is longer than a person's, so what counts is how much of the person's answer it has.
RECALL_OF_A_RIGHT_ANSWER = 0.5
HISTORY_MAX = 20
_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Gold:
    """What is known of a question: the answer, whether there is one, and the documents that hold it."""

    answer: str
    answerable: bool
    documents: frozenset[str] | None = None
    """None where the data do not say."""


@dataclass(frozen=True)
class Asked:
    """The documents of each tenant, and the questions with their gold and the tenant that is asked."""

    knowledge: dict[str, list[Document]]
    questions: list[tuple[Question, Gold, str]]


@dataclass(frozen=True)
class Judged:
    """One answer beside its gold. `confidence` is 0 where nothing may be sent."""

    confidence: float
    right: bool
    answerable: bool
    citations_right: tuple[bool, ...]
    token_f1: float | None
    cost_usd: float


def evaluate(*, data: Path, policy: Policy = "extractive", progress: Progress = quiet) -> Evaluation:
    """Drafts and checks an answer to every question of `data`.

    Args:
        data: a file of the generation format (questions with their passages), or a folder of the retrieval format.
        policy: which drafters are asked: `extractive`, `cascade` or `always-last`.
        progress: shows how far it is.

    Raises:
        DataUnreadable: the data are not of either format.
        StackProblem: PostgreSQL does not start.
    """
    return _evaluation(asyncio.run(_judged(data, policy, progress)), policy)


async def _judged(data: Path, policy: Policy, progress: Progress) -> list[Judged]:
    asked = _of_corpus(data) if data.is_dir() else _with_passages(data)
    english, multilingual = Remembering(MiniLM(), TEXTS_REMEMBERED), Remembering(MultilingualUSE(), TEXTS_REMEMBERED)
    with database() as url:
        settings = Settings(database_url=SecretStr(url))
        engine = async_engine(settings, "evaluation")
        tiers: list[Tier] = [Tier("extractive", ExtractiveDrafter(english=english, multilingual=multilingual))]
        try:
            stages = Stages(engine, english, multilingual, tiers)
            await _learn(stages, asked, progress)
            return [
                judge(await stages.answered(await stages.retrieved(question, collection)), gold)
                for question, gold, collection in progress(asked.questions, "answering")
            ]
        finally:
            for close in (engine.dispose,):
                await close()


async def _learn(stages: Stages, asked: Asked, progress: Progress) -> None:
    for collection, documents in progress(list(asked.knowledge.items()), "ingesting"):
        await stages.learn(documents, collection)


def _of_corpus(folder: Path) -> Asked:
    corpus = [
        Document(document_id=str(row["_id"]), title=str(row.get("title", "")), text=str(row["text"]))
        for row in rows(folder / "corpus.jsonl", ("_id", "text"))
    ]
    relevant: dict[str, set[str]] = {}
    for query, document in judgements(folder / "qrels.tsv"):
        relevant.setdefault(query, set()).add(document)
    questions = []
    for row in rows(folder / "queries.jsonl", ("_id", "text")):
        documents = frozenset(relevant.get(str(row["_id"]), ()))
        gold = Gold(str(row.get("answer") or ""), bool(documents) and not row.get("is_impossible"), documents)
        questions.append((Question(str(row["_id"]), str(row["text"])), gold, TENANT))
    return Asked({TENANT: corpus}, questions)


def _with_passages(path: Path) -> Asked:
    """Each question searches its own passages only: they are the knowledge of a tenant of its own."""
    asked = Asked({}, [])
    for number, row in enumerate(rows(path, ("id", "question", "passages", "answer", "answerable"))):
        collection = f"{TENANT}-{number}"
        try:
            asked.knowledge[collection] = [
                Document(document_id=str(one["id"]), title=str(one.get("title", "")), text=str(one["text"]))
                for one in row["passages"]
            ]
            history = tuple((str(author), str(body)) for author, body in row.get("history") or ())[-HISTORY_MAX:]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataUnreadable(f"{path}, row {row['id']}: passages or history not of the agreed form") from error
        gold = Gold(str(row["answer"]), bool(row["answerable"]))
        asked.questions.append((Question(str(row["id"]), str(row["question"]), history), gold, collection))
    return asked


def judgements(path: Path) -> Iterator[tuple[str, str]]:
    """The (query, document) pairs of a `qrels.tsv` whose score is above zero.

    Raises:
        DataUnreadable: the file is missing, or a line has not three fields.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnreadable(f"{path} cannot be read") from error
    for number, line in enumerate(lines[1:], start=2):
        fields = line.split("\t")
        if len(fields) != 3 or not fields[2].strip().lstrip("-").isdigit():
            raise DataUnreadable(f"{path}, line {number}: not three fields with a number at the end")
        if int(fields[2]) > 0:
            yield fields[0], fields[1]


def judge(event: AnswerValidated, gold: Gold) -> Judged:
    """How good the answer is that the stages made of a question.

    With known documents an answer is right where the first it cites is among them. Otherwise it is right where its
    quotes have at least RECALL_OF_A_RIGHT_ANSWER of the content words of the known answer. To answer what cannot be
    answered is always wrong.
    """
    draft, validation = event.draft, event.validation
    cited = {one.evidence_id: one for one in event.context.evidence}
    said = " ".join(draft.text[one.start : one.end] for one in _once(draft.citations))
    sources = [cited[one.evidence_id] for one in draft.citations if one.evidence_id in cited]
    relevant = _relevant(gold, sources)
    if gold.documents is None:
        right = bool(sources) and recall(said, gold.answer) >= RECALL_OF_A_RIGHT_ANSWER
    else:
        right = bool(relevant) and relevant[0]
    return Judged(
        confidence=validation.confidence if draft.text and validation.verdict != "block" else 0.0,
        right=gold.answerable and right,
        answerable=gold.answerable,
        citations_right=tuple(gold.answerable and one for one in relevant),
        token_f1=token_f1(said, gold.answer) if gold.answerable and gold.answer else None,
        cost_usd=event.spent.cost_usd,
    )


def _once(citations: Sequence[Any]) -> list[Any]:
    """One citation for each span: a statement may rest on several passages."""
    return list({(one.start, one.end): one for one in citations}.values())


def _relevant(gold: Gold, sources: Sequence[Evidence]) -> list[bool]:
    if gold.documents is not None:
        return [one.document_id in gold.documents for one in sources]
    return [recall(one.text, gold.answer) >= RECALL_OF_A_RIGHT_ANSWER / 2 for one in sources]


def recall(text: str, wanted: str) -> float:
    """The share of the content words of `wanted` that `text` has."""
    words = set(terms(wanted))
    return len(words & set(terms(text))) / len(words) if words else 0.0


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
        "right_auroc": _rounded(auroc(right, confidence)),
        "ece": round(calibration_error(confidence, right), 4),
        "coverage_at_5_risk": round(coverage_at_risk(confidence, right, 0.05), 4),
        "coverage_at_1_risk": round(coverage_at_risk(confidence, right, 0.01), 4),
        "citation_precision": round(float(np.mean(citations)), 4) if citations else None,
        "token_f1": round(float(np.mean(f1)), 4) if f1 else None,
        "cost_per_answer": round(float(np.mean([one.cost_usd for one in judged])), 6),
    }
    notes = (
        "With known documents an answer is right where the first document it cites is one of them; otherwise where "
        f"its quotes have at least {RECALL_OF_A_RIGHT_ANSWER:.0%} of the content words of the known answer. An answer "
        "to a question that cannot be answered is wrong. What validation forbids to send counts as confidence 0.",
    )
    return Evaluation(figures, confidence, right, notes=notes)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
