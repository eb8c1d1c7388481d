"""The bench of retrieval: latency, room and rate of ingest as a corpus grows, beside plain PostgreSQL full-text search.

Passages with their vectors are made up: to embed 300,000 passages takes hours. Where `data` names a corpus, its own
passages are embedded, and its own questions asked, up to the largest size asked for or to its end. What it costs to
embed passages is measured apart, with 200 of them; what it costs to embed a question is measured at each size, together
with the search.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.bench.retrieval_corpus import Corpus, MadeUp, Real
from infra.evaluation.database import database
from infra.evaluation.figures import percentile
from infra.evaluation.ranked import settle
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.search import vector_literal
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.embedding import Vectors
from shared.settings import Settings

Report = Callable[[str], None]

TENANT = "bench"
INGESTED = 200
# The exact scan of a large corpus takes seconds for each question: a few are enough to see it.
PEER_QUESTIONS = 15
_INDEX = "CREATE INDEX chunk_embedding ON retrieval.chunk USING hnsw (embedding halfvec_ip_ops)"
_FILL = text("""
    WITH stored AS (
        INSERT INTO retrieval.chunk
            (tenant, document_id, audience, heading, body, span_start, span_end, terms, embedding)
        SELECT :tenant, :document_id, 'customer', '', body, 0, 1, length(to_tsvector('english', body)),
               CAST(embedding AS halfvec)
        FROM unnest(CAST(:bodies AS text[]), CAST(:embeddings AS text[])) AS made (body, embedding)
        RETURNING chunk_id, terms, body)
    INSERT INTO retrieval.posting (tenant, audience, lexeme, chunk_id, frequency, terms)
    SELECT :tenant, 'customer', lexeme, chunk_id, cardinality(positions), terms
    FROM stored, unnest(to_tsvector('english', body))""")
_ROOM = text("""
    SELECT sum(pg_total_relation_size(CAST('retrieval.' || name AS regclass)))
    FROM unnest(ARRAY['document', 'chunk', 'posting', 'term']) AS name""")
_PEER_TABLE = text("""
    CREATE TABLE retrieval.bench_peer AS
    SELECT chunk_id, body, to_tsvector('english', body) AS words, embedding FROM retrieval.chunk""")
_PEER = text("""
    WITH asked AS (
        SELECT CAST(string_agg(quote_literal(lexeme), ' | ') AS tsquery) AS words
        FROM unnest(to_tsvector('english', :query))),
    lexical AS (
        SELECT chunk_id, row_number() OVER (ORDER BY ts_rank(bench_peer.words, asked.words) DESC) AS place
        FROM retrieval.bench_peer, asked WHERE bench_peer.words @@ asked.words ORDER BY place LIMIT 60),
    dense AS (
        SELECT chunk_id, row_number() OVER (ORDER BY embedding <#> CAST(:vector AS halfvec)) AS place
        FROM retrieval.bench_peer ORDER BY embedding <#> CAST(:vector AS halfvec) LIMIT 60)
    SELECT chunk_id, body, sum(1.0 / (60 + place)) AS score
    FROM (SELECT * FROM lexical UNION ALL SELECT * FROM dense) AS found JOIN retrieval.bench_peer USING (chunk_id)
    GROUP BY chunk_id, body ORDER BY score DESC LIMIT 12""")


def bench_retrieval(sizes: Sequence[int], data: Path | None, report: Report) -> dict[str, Any]:
    """For each size what `_at_size` measures, and the rate of whole ingests, embedding included.

    Raises:
        StackProblem: no database is given, and none can be started.
        DataUnreadable: `data` holds no corpus that can be read.
    """
    embedder = PassageEmbedder()
    corpus: Corpus = Real(data, max(sizes), embedder) if data else MadeUp(max(sizes))
    found: dict[str, Any] = {"cpus": psutil.cpu_count(), "vectors": "embedded" if data else "made up", "sizes": {}}
    with database(always_own=True) as url:
        found["ingest"] = asyncio.run(_with_engine(url, lambda engine: _ingest_rate(engine, corpus, embedder)))
        report(f"ingest, embedding included: {found['ingest']['chunks_per_second']} passages/s")
        for size in sorted({min(size, len(corpus.texts)) for size in sizes}):
            measured = asyncio.run(_with_engine(url, partial(_at_size, corpus=corpus, size=size, embedder=embedder)))
            found["sizes"][str(size)] = measured
            p95 = measured["with_query_embedding"]["p95_ms"]
            report(f"{size} passages: p95 {p95} ms with the question's embedding, {measured['disk_mb']} MB on disk")
    return found


async def _with_engine(url: str, measure: Callable[[AsyncEngine], Awaitable[Mapping[str, Any]]]) -> Mapping[str, Any]:
    engine = async_engine(Settings(database_url=SecretStr(url)), "bench")
    try:
        return await measure(engine)
    finally:
        await _clear(engine)
        await engine.dispose()


async def _ingest_rate(engine: AsyncEngine, corpus: Corpus, embedder: PassageEmbedder) -> Mapping[str, Any]:
    documents = [Document(document_id=str(n), title="", text=body) for n, body in enumerate(corpus.texts[:INGESTED])]
    store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
    began = time.perf_counter()
    done = await ingest(TENANT, TENANT, documents, store=store, embedder=embedder, index_version=store.index_version)
    return {"chunks": done.chunks, "chunks_per_second": round(done.chunks / (time.perf_counter() - began), 1)}


async def _at_size(engine: AsyncEngine, corpus: Corpus, size: int, embedder: PassageEmbedder) -> Mapping[str, Any]:
    """Latency of our search with its ranking and of the peer's, room and rate of storing.

    `p50_ms`, `p95_ms` and the peer's take the question's vector as given. For `with_query_embedding` a question of
    about as many words is embedded first, as for a ticket; the search still takes the given vector.
    """
    filled = await _fill(engine, corpus, size)
    await settle(engine)
    store = PostgresKnowledge(engine, RetrievalSettings(), "bench")
    questions = corpus.questions(size)

    async def ours(question: str, vector: Vectors) -> None:
        await store.search(TENANT, question, vector)

    async def embedded(question: str, vector: Vectors) -> None:
        await asyncio.to_thread(embedder.embed_query, corpus.another(), "en")
        await store.search(TENANT, question, vector)

    # Once for the caches, which are warm at a desk that works.
    await _latencies(ours, questions)
    own = await _latencies(ours, questions)
    with_embedding = await _latencies(embedded, questions)
    async with engine.connect() as connection:
        room = int((await connection.execute(_ROOM)).scalar_one())
    peer = await _peer(engine, questions[:PEER_QUESTIONS])
    return {
        **own,
        "with_query_embedding": with_embedding,
        "disk_mb": round(room / 2**20, 1),
        "memory_mb": round(_database_memory() / 2**20, 1),
        "stored_per_second": round(size / filled, 1),
        "full_text_search_and_exact_scan": peer,
    }


async def _fill(engine: AsyncEngine, corpus: Corpus, size: int) -> float:
    """Returns how many seconds the storing took, without the embedding."""
    seconds = 0.0
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
        # To build the graph at the end takes a fraction of the time of building it row by row.
        await connection.execute(text("DROP INDEX IF EXISTS retrieval.chunk_embedding"))
        await connection.execute(
            text("""
            INSERT INTO retrieval.document
                (tenant, document_id, collection, title, url, language, audience, body, version)
            VALUES (:tenant, 'all', 'bench', '', '', 'en', 'customer', '', '1')"""),
            {"tenant": TENANT},
        )
        for texts, vectors in corpus.batches(size):
            began = time.perf_counter()
            rows = {"bodies": texts, "embeddings": [vector_literal(vector) for vector in vectors]}
            await connection.execute(_FILL, {"tenant": TENANT, "document_id": "all", **rows})
            seconds += time.perf_counter() - began
        began = time.perf_counter()
        await connection.execute(
            text("UPDATE retrieval.corpus SET configurations = '{english}' WHERE tenant = :tenant"), {"tenant": TENANT}
        )
        await connection.execute(text(_INDEX))
    return seconds + time.perf_counter() - began


async def _peer(engine: AsyncEngine, questions: Sequence[tuple[str, Vectors]]) -> Mapping[str, Any]:
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(_PEER_TABLE)
        await connection.execute(text("CREATE INDEX bench_peer_words ON retrieval.bench_peer USING gin (words)"))

    async def peer(question: str, vector: Vectors) -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SET statement_timeout = 0"))
            await connection.execute(_PEER, {"query": question, "vector": vector_literal(vector)})

    return await _latencies(peer, questions)


async def _latencies(
    search: Callable[[str, Vectors], Awaitable[None]], questions: Sequence[tuple[str, Vectors]]
) -> dict[str, float]:
    for question, vector in questions[:3]:
        await search(question, vector)
    seconds = []
    for question, vector in questions:
        began = time.perf_counter()
        await search(question, vector)
        seconds.append(time.perf_counter() - began)
    return {"p50_ms": round(1000 * percentile(seconds, 0.5), 1), "p95_ms": round(1000 * percentile(seconds, 0.95), 1)}


def _database_memory() -> int:
    """What all processes of PostgreSQL on this machine hold for themselves, and what they share counted once."""
    own, shared = 0, 0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                memory = process.memory_info()
            except psutil.Error:
                continue
            own += max(0, memory.rss - memory.shared)
            shared = max(shared, memory.shared)
    return own + shared


async def _clear(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("DROP TABLE IF EXISTS retrieval.bench_peer"))
        await connection.execute(text("DELETE FROM retrieval.document WHERE tenant = :tenant"), {"tenant": TENANT})
        await connection.execute(text(_INDEX.replace("INDEX", "INDEX IF NOT EXISTS", 1)))
