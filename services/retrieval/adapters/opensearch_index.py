"""What the index in OpenSearch holds, and the queries on it.

One index has two kinds of records. A *passage* can be found. An *article* says which revision of its passages counts:
each time that an article is written its passages get a new revision, and writing its one record makes them count, all
of them and at once.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from services.retrieval.adapters.opensearch_server import Json
from services.retrieval.rules.passages import Chunk, Document
from services.retrieval.rules.words import BM25_B, BM25_K1, index_words
from shared.embedding import Vectors

PAGE = 5_000
# Of a write that broke off; a day is longer than any write takes, and than clocks differ.
_ORPHANS_AFTER = "now-1d"
_FOUND_FIELDS = ["document_id", "revision", "version", "title", "title_words", "url", "heading", "body", "words",
                 "span_start", "span_end", "updated_at", "language", "vector"]  # fmt: skip

_WORD = {"type": "keyword"}
_NUMBER = {"type": "integer"}
_INSTANT = {"type": "date"}
_ONLY_KEPT = {"type": "keyword", "index": False, "doc_values": False}


def index_body(dimensions: int, shards: int, replicas: int) -> Json:
    """Settings and mappings. The words are cut by us (see `index_words`), so that the engine only has to count them."""
    settings = {
        "knn": True,
        "number_of_shards": shards,
        "number_of_replicas": replicas,
        # Set outright, because a shard without searches would else stop refreshing, and writes wait for that.
        "refresh_interval": "1s",
        "similarity": {"default": {"type": "BM25", "k1": BM25_K1, "b": BM25_B}},
    }
    # Lucene's graph filters while it searches, so that a small tenant beside large ones still gets its k passages.
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil",
              "parameters": {"m": 16, "ef_construction": 128}}  # fmt: skip
    properties = {
        **dict.fromkeys(("kind", "tenant", "audience", "document_id", "collection", "version", "revision"), _WORD),
        **dict.fromkeys(("language", "depends_on"), _WORD),
        **dict.fromkeys(("title", "title_words", "url", "heading", "body"), _ONLY_KEPT),
        **dict.fromkeys(("span_start", "span_end", "words_count"), _NUMBER),
        **dict.fromkeys(("updated_at", "written_at"), _INSTANT),
        "words": {"type": "text", "analyzer": "whitespace"},
        "vector": {"type": "binary"},
        "embedding": {"type": "knn_vector", "dimension": dimensions, "method": method},
    }
    return {"settings": {"index": settings}, "mappings": {"dynamic": "strict", "properties": properties}}


@dataclass(frozen=True)
class Writing:
    """An article on its way in, as one revision."""

    tenant: str
    collection: str
    document: Document
    version: str
    revision: str
    written_at: datetime

    @property
    def article_id(self) -> str:
        """The id of its record."""
        return article_id(self.tenant, self.document.document_id)

    def article(self) -> Json:
        """The record that makes this revision the one that counts."""
        return {**self._shared("article"), "depends_on": list(self.document.depends_on)}

    def passages(self, chunks: Sequence[Chunk], vectors: Vectors) -> list[tuple[Json, Json]]:
        """What to index: each passage's action and record."""
        return [self._passage(chunk, vector) for chunk, vector in zip(chunks, vectors, strict=True)]

    def _passage(self, chunk: Chunk, vector: Vectors) -> tuple[Json, Json]:
        document = self.document
        words = index_words(chunk.indexed(document.index_title))
        record = {
            **self._shared("passage"),
            "language": document.language,
            "audience": document.audience,
            "title": document.title,
            "title_words": " ".join(index_words(document.index_title)),
            "url": document.url,
            "heading": chunk.heading[:500],
            "body": chunk.text,
            "span_start": chunk.start,
            "span_end": chunk.end,
            "words": " ".join(words),
            "words_count": len(words),
            "vector": packed(vector),
        }
        if document.updated_at:
            record["updated_at"] = document.updated_at.isoformat()
        if is_direction(vector):
            record["embedding"] = vector_list(vector)
        return {"index": {"_id": _digest(self.article_id, self.version, self.revision, str(chunk.start))}}, record

    def _shared(self, kind: str) -> Json:
        return {
            "kind": kind,
            "tenant": self.tenant,
            "collection": self.collection,
            "document_id": self.document.document_id,
            "version": self.version,
            "revision": self.revision,
            "written_at": self.written_at.isoformat(),
        }


def article_id(tenant: str, document_id: str) -> str:
    """Short whatever the two are: OpenSearch takes ids of at most 512 bytes."""
    return _digest(tenant, document_id)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()


def packed(vector: Vectors) -> str:
    """The vector in half precision, as PostgreSQL keeps it too: an eighth of what numbers in JSON would take."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def unpacked(text: str) -> Vectors:
    """The reverse of `packed`."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)


def is_direction(vector: Vectors) -> bool:
    """Vectors of length zero have no cosine, and OpenSearch declines them."""
    return float(np.linalg.norm(vector)) > 1e-6


def vector_list(vector: Vectors) -> list[float]:
    """Numbers with as many digits as half precision holds."""
    return [float(f"{value:.5g}") for value in vector.tolist()]


def instant(text: str | None) -> datetime | None:
    """An instant of a record; one without a zone is taken as UTC."""
    if text is None:
        return None
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _visible(tenant: str) -> list[Json]:
    """What a customer of the tenant may see; every search for passages has it as its filter."""
    return [{"term": {"tenant": tenant}}, {"term": {"audience": "customer"}}, {"term": {"kind": "passage"}}]


def size_of_corpus(tenant: str) -> Json:
    """How many passages, and how long they are."""
    mean = {"mean_words": {"avg": {"field": "words_count"}}}
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": _visible(tenant)}}, "aggs": mean}


def count_of_word(tenant: str, word: str) -> Json:
    """How many passages hold the word.

    A search of its own for each word is led by the rarer of word and tenant; a `filters` aggregation would look at each
    of the tenant's passages.
    """
    query = {"bool": {"filter": [*_visible(tenant), {"term": {"words": word}}]}}
    return {"size": 0, "track_total_hits": True, "query": query}


def by_words(tenant: str, asked: Mapping[str, float], pool: int, timeout: str) -> Json:
    """The best passages by BM25 over words given with their weights."""
    should = [{"term": {"words": {"value": word, "boost": weight}}} for word, weight in asked.items()]
    query = {"bool": {"filter": _visible(tenant), "should": should, "minimum_should_match": 1}}
    return {"size": pool, "timeout": timeout, "_source": _FOUND_FIELDS, "query": query}


def by_meaning(tenant: str, vector: Vectors, pool: int, timeout: str) -> Json:
    """The nearest passages; the filter is part of the search in the graph."""
    knn = {"vector": vector_list(vector), "k": pool, "filter": {"bool": {"filter": _visible(tenant)}}}
    return {"size": pool, "timeout": timeout, "_source": _FOUND_FIELDS, "query": {"knn": {"embedding": knn}}}


def articles(tenant: str, **terms: str | list[str]) -> Json:
    """One page of the tenant's articles, by their ids; `terms` are further conditions."""
    conditions = [{"term" if isinstance(value, str) else "terms": {name: value}} for name, value in terms.items()]
    query = {"bool": {"filter": [{"term": {"tenant": tenant}}, {"term": {"kind": "article"}}, *conditions]}}
    return {"size": PAGE, "query": query, "sort": [{"document_id": "asc"}], "_source": ["document_id", "version"]}


def outdated_passages(tenant: str, document_ids: Iterable[str], dead: Iterable[str], alive: Iterable[str]) -> Json:
    """Passages of revisions that no longer count, and of those articles what writes that broke off left long ago."""
    orphans: dict[str, Any] = {
        "filter": [
            {"terms": {"document_id": sorted(document_ids)}},
            {"range": {"written_at": {"lt": _ORPHANS_AFTER}}},
        ],
        "must_not": [{"terms": {"revision": sorted(alive)}}],
    }
    query = {
        "filter": [{"term": {"tenant": tenant}}, {"term": {"kind": "passage"}}],
        "should": [{"terms": {"revision": sorted(dead)}}, {"bool": orphans}],
        "minimum_should_match": 1,
    }
    return {"query": {"bool": query}}
