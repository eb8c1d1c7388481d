"""The bench of retrieval: latency, room and rate of ingest as a corpus grows, beside plain PostgreSQL full-text search.

Passages are made up (or cut from `data`), vectors are made up always: to embed 300,000 passages takes hours and changes
nothing about how long a search in them takes. What it costs to embed them is measured apart, with 200 of them; what it
costs to embed a question is measured at each size, together with the search.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.evaluation.database import database
from infra.evaluation.figures import percentile
from infra.evaluation.ranked import read_corpus, settle
from services.retrieval.adapters.embedding import TwoModels
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.search import vector_literal
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document, chunk_markdown
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.embedding import Vectors
from shared.settings import Settings

Report = Callable[[str], None]

TENANT = "bench"
QUESTIONS = 60
QUESTION_WORDS = (10, 40)
PASSAGE_WORDS = 120
VOCABULARY = 30_000
TOPICS = 2_000
BATCH = 2_000
INGESTED = 200
DIMENSIONS = 896
# What questions are embedded from: of the made-up words a model would see several tokens each.
ENGLISH = (
    "the my a to is and I we it in on of for with after when since not can cannot how why does order invoice account "
    "page email password domain error payment card refund message settings customer yesterday update button login "
    "browser changed shows failed sent receive again please help still already two weeks store product shipping"
)
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


@dataclass(frozen=True)
class Corpus:
    """Passages with made-up vectors, always the same ones; questions are words of passages."""

    texts: Sequence[str]

    @classmethod
    def of(cls, data: Path | None, count: int) -> "Corpus":
        """The first passages of `data`, and invented ones after them, `count` in all.

        Raises:
            DataUnreadable: `data` holds no corpus that can be read.
        """
        texts: list[str] = []
        for document in read_corpus(data) if data else []:
            texts += [chunk.indexed(document.title) for chunk in chunk_markdown(document.text)]
            if len(texts) >= count:
                break
        return cls([*texts, *_invented(count - len(texts))][:count])

    def batches(self) -> Iterator[tuple[list[str], Vectors]]:
        """Texts with their vectors."""
        for first in range(0, len(self.texts), BATCH):
            texts = list(self.texts[first : first + BATCH])
            yield texts, _vectors(len(texts), seed=first)

    def questions(self) -> list[tuple[str, Vectors]]:
        """QUESTION_WORDS words of a passage each, with a vector near that of other passages."""
        random = np.random.default_rng(1)
        vectors = _vectors(QUESTIONS, seed=-1 % 2**31)
        found = []
        for vector in vectors:
            words = self.texts[int(random.integers(len(self.texts)))].split()
            found.append((" ".join(random.choice(words, _question_words(random))), vector))
        return found


def _invented(count: int) -> Iterator[str]:
    """Passages whose words are as unevenly frequent as those of a language (Zipf's law)."""
    random = np.random.default_rng(0)
    for _ in range(max(0, count)):
        ranks = np.minimum(random.zipf(1.15, PASSAGE_WORDS), VOCABULARY)
        yield " ".join(f"w{rank:x}" for rank in ranks.tolist())


def _question_words(random: np.random.Generator) -> int:
    return int(random.integers(QUESTION_WORDS[0], QUESTION_WORDS[1] + 1))


def _vectors(count: int, seed: int) -> Vectors:
    """Unit vectors in clouds around topics, as those of texts are."""
    topics = np.random.default_rng(7).standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    random = np.random.default_rng(seed)
    made = topics[random.integers(TOPICS, size=count)]
    made += 0.7 * random.standard_normal((count, DIMENSIONS), dtype=np.float32)
    unit: Vectors = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


def bench_retrieval(sizes: Sequence[int], data: Path | None, report: Report) -> dict[str, Any]:
    """For each size what `_at_size` measures, and the rate of whole ingests, embedding included.

    Raises:
        StackProblem: no database is given, and none can be started.
        DataUnreadable: `data` holds no corpus that can be read.
    """
    found: dict[str, Any] = {"cpus": psutil.cpu_count(), "vectors": "made up", "sizes": {}}
    corpus, embedder = Corpus.of(data, max(sizes)), TwoModels()
    with database(always_own=True) as url:
        found["ingest"] = asyncio.run(_with_engine(url, lambda engine: _ingest_rate(engine, corpus, embedder)))
        report(f"ingest, embedding included: {found['ingest']['chunks_per_second']} passages/s")
        for size in sorted(sizes):
            part = Corpus(corpus.texts[:size])
            measured = asyncio.run(_with_engine(url, partial(_at_size, corpus=part, embedder=embedder)))
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


async def _ingest_rate(engine: AsyncEngine, corpus: Corpus, embedder: TwoModels) -> Mapping[str, Any]:
    documents = [Document(document_id=str(n), title="", text=body) for n, body in enumerate(corpus.texts[:INGESTED])]
    store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
    began = time.perf_counter()
    done = await ingest(TENANT, TENANT, documents, store=store, embedder=embedder, index_version=store.index_version)
    return {"chunks": done.chunks, "chunks_per_second": round(done.chunks / (time.perf_counter() - began), 1)}


async def _at_size(engine: AsyncEngine, corpus: Corpus, embedder: TwoModels) -> Mapping[str, Any]:
    """Latency of our search with its ranking and of the peer's, room and rate of storing.

    `p50_ms`, `p95_ms` and the peer's take the question's vector as given. For `with_query_embedding` a question of
    about as many words is embedded first, as for a ticket; the search still takes the made-up vector.
    """
    began = time.perf_counter()
    await _fill(engine, corpus)
    filled = time.perf_counter() - began
    await settle(engine)
    store = PostgresKnowledge(engine, RetrievalSettings(), "bench")
    questions = corpus.questions()

    async def ours(question: str, vector: Vectors) -> None:
        await store.search(TENANT, question, vector)

    random = np.random.default_rng(2)

    async def embedded(question: str, vector: Vectors) -> None:
        # Never the same words twice: the embedder remembers.
        words = random.choice(ENGLISH.split(), _question_words(random))
        await asyncio.to_thread(embedder.embed_query, " ".join(words), "en")
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
        "stored_per_second": round(len(corpus.texts) / filled, 1),
        "full_text_search_and_exact_scan": peer,
    }


async def _fill(engine: AsyncEngine, corpus: Corpus) -> None:
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
        for texts, vectors in corpus.batches():
            rows = {"bodies": texts, "embeddings": [vector_literal(vector) for vector in vectors]}
            await connection.execute(_FILL, {"tenant": TENANT, "document_id": "all", **rows})
        await connection.execute(
            text("UPDATE retrieval.corpus SET configurations = '{english}' WHERE tenant = :tenant"), {"tenant": TENANT}
        )
        await connection.execute(text(_INDEX))


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
