"""Retrieval: a corpus ingested as knowledge, its queries asked as tickets, beside a plain fused baseline."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from pydantic import SecretStr

from contracts.events import Classification, ContextRetrieved, Ticket, TicketClassified
from infra.evaluation.baseline import FusedBaseline
from infra.evaluation.data import rows
from infra.evaluation.database import database
from infra.evaluation.figures import percentile
from infra.evaluation.ranked import Ranking, figures, read_corpus, read_judgements, read_queries, settle
from infra.evaluation.result import Evaluation, Progress, quiet
from services.retrieval import handler
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings
from shared.bert import MiniLM
from shared.database import async_engine
from shared.language import detect_language
from shared.settings import Settings

TENANT = COLLECTION = "retrieval-evaluation"
# More than a ticket gets, so that ten documents are ranked even where one has many passages. The order is the same.
PASSAGES_RANKED = 50
WARM_UP = 3
TICKET_CHARACTERS_MAX = 50_000
BASELINE = (
    "The baseline is BM25 over lower-case words (k1 1.2, b 0.75) and MiniLM over the first 256 tokens, both of "
    "whole documents, fused by reciprocal rank (k 60)."
)
_BASELINE_BATCH = 64
_NAMESPACE = UUID("c0ffb9a1-93c4-4a36-8f7e-3b1f0a3f7f52")
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """What the search gave: documents in order for each query, how long each search took, and the ingest's rate."""

    rankings: Mapping[str, Ranking]
    seconds: Sequence[float]
    documents_per_second: float
    passages: int


def evaluate(*, data: Path, progress: Progress = quiet) -> Evaluation:
    """Ranks documents for every judged query of `data`, a folder with corpus, queries and qrels.

    A document stands where its best passage stands.

    Raises:
        DataUnreadable: a file is missing or malformed, or no query is judged.
        StackProblem: no database is given, and none can be started.
    """
    queries = read_queries(data)
    judged = read_judgements(data, queries)
    documents = read_corpus(data)
    with database() as url:
        found = asyncio.run(_measured(url, documents, {name: queries[name] for name in judged}, progress))
    corpus = {
        str(row["_id"]): f"{row.get('title') or ''}\n{row['text']}".strip()
        for row in rows(data / "corpus.jsonl", ["_id", "text"])
    }
    baseline = _baseline(corpus, {name: queries[name] for name in judged}, progress)
    own, plain = figures(found.rankings, judged), figures(baseline, judged)
    return Evaluation(
        figures={
            **own,
            "documents_per_second": round(found.documents_per_second, 1),
            "p50_ms": round(1000 * percentile(found.seconds, 0.5), 1),
            "p95_ms": round(1000 * percentile(found.seconds, 0.95), 1),
            **{f"baseline_{name}": plain[name] for name in ("ndcg@5", "ndcg@10", "recall@5", "recall@10")},
        },
        notes=[
            f"{len(documents)} documents in {found.passages} passages, {len(judged)} judged queries.",
            BASELINE,
        ],
    )


async def _measured(
    url: str, documents: Sequence[Document], queries: Mapping[str, str], progress: Progress
) -> Measured:
    engine = async_engine(Settings(database_url=SecretStr(url)), "evaluation")
    embedder = PassageEmbedder()
    store = PostgresKnowledge(engine, RetrievalSettings(evidence_max=PASSAGES_RANKED), embedder.name)
    try:
        began = time.perf_counter()
        report = await ingest(
            TENANT,
            COLLECTION,
            progress(documents, "Ingesting"),
            store=store,
            embedder=embedder,
            index_version=store.index_version,
        )
        rate = len(documents) / (time.perf_counter() - began)
        await settle(engine)
        for question in list(queries.values())[:WARM_UP]:
            await _search(f"{question} please", store, embedder)
        rankings, seconds = {}, []
        for name, question in progress(list(queries.items()), "Searching"):
            started = time.perf_counter()
            found = await _search(question, store, embedder)
            seconds.append(time.perf_counter() - started)
            rankings[name] = list(dict.fromkeys(one.document_id for one in found.context.evidence))
    finally:
        await store.remove_missing(TENANT, COLLECTION, frozenset())
        await engine.dispose()
    return Measured(rankings, seconds, rate, report.chunks)


async def _search(question: str, store: PostgresKnowledge, embedder: PassageEmbedder) -> ContextRetrieved:
    """The evidence for a ticket of this text, by the service's own handler."""
    language, probability = detect_language(question, {"en"})
    event_id = uuid5(_NAMESPACE, question)
    event = TicketClassified(
        event_id=event_id,
        occurred_at=_NOW,
        tenant=TENANT,
        conversation_id=event_id,
        case_id=event_id,
        turn=1,
        ticket=Ticket(
            source="evaluation", external_id="", requester="", body=question[:TICKET_CHARACTERS_MAX], received_at=_NOW
        ),
        classification=Classification(
            intents=(),
            out_of_scope=0.0,
            priority="normal",
            sentiment=0.0,
            language=language,
            language_probability=probability,
            route="answer",
            queue="evaluation",
            model_version="none",
        ),
    )
    [found] = await handler.handle(event, search=store, embedder=embedder, now=_NOW)
    assert isinstance(found, ContextRetrieved)
    return found


def _baseline(corpus: Mapping[str, str], queries: Mapping[str, str], progress: Progress) -> Mapping[str, Ranking]:
    embedder, names, texts = MiniLM(), list(corpus), list(corpus.values())
    batches = [texts[k : k + _BASELINE_BATCH] for k in range(0, len(texts), _BASELINE_BATCH)]
    vectors = np.concatenate([embedder.embed(batch) for batch in progress(batches, "Embedding for the baseline")])
    fused = FusedBaseline(texts, vectors, embedder)
    return {
        name: [names[number] for number in fused.ranked(question)]
        for name, question in progress(list(queries.items()), "Searching by the baseline")
    }
