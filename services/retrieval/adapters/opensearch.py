"""Knowledge in OpenSearch, for more passages than one PostgreSQL searches well: see decision 0015."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

import numpy as np

from contracts.events import Evidence
from services.retrieval.adapters import opensearch_index as index
from services.retrieval.adapters.embedding import ENGLISH_DIMENSIONS
from services.retrieval.adapters.opensearch_index import Writing
from services.retrieval.adapters.opensearch_server import Json, OpenSearchRefused, OpenSearchServer
from services.retrieval.adapters.ranking_model import read_ranking_model
from services.retrieval.adapters.search import candidate_of
from services.retrieval.rules.duplicates import collapse_duplicates
from services.retrieval.rules.passages import CHUNKING_VERSION, Chunk, Document
from services.retrieval.rules.ranking import Candidate, rank
from services.retrieval.rules.terms import AskedTerm, choose_terms
from services.retrieval.rules.translations import of_one_language
from services.retrieval.rules.words import asked_words, bm25
from services.retrieval.settings import RetrievalSettings
from shared.clock import now
from shared.embedding import Vectors
from shared.failures import DependencyDown, Retryable

# Ids and revisions go into `terms` queries, which take 65,536 of them unless set otherwise.
_ARTICLES_AT_ONCE = 500
_WORDS_VERSION = "1"


@dataclass(frozen=True)
class _Counting:
    """Which revision of an article counts, and what to name so that nobody's change in between is written over."""

    revision: str
    condition: Json


class OpenSearchKnowledge:
    """Implements `Search` and `KnowledgeStore`; every query names the tenant.

    An article changes as a whole and at once: its new passages are indexed first, then its one record is written, and
    only passages of the revision that this record names are ever given out. What broke off before that changed nothing
    that anyone finds. A batch of articles is not one transaction, though: some of it may be new while some is old.
    """

    def __init__(
        self, server: OpenSearchServer, settings: RetrievalSettings, embedder_name: str, dimensions: int
    ) -> None:
        self._server = server
        self._settings = settings
        self._dimensions = dimensions
        self._ranking = read_ranking_model()
        self._opening = asyncio.Lock()
        self._open = False
        self.index_version = f"{embedder_name}/chunks-{CHUNKING_VERSION}/words-{_WORDS_VERSION}"

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._server.aclose()

    async def search(self, tenant: str, query: str, vector: Vectors, *, language: str = "") -> tuple[Evidence, ...]:
        """See `Search.search`.

        Raises:
            OpenSearchRefused: the index is not one of ours.
        """
        await self._ensure_index()
        asked = asked_words(query)
        terms, mean_words = await self._weights(tenant, asked)
        hits, is_missed = await self._that_count(tenant, await self._hits(tenant, asked, terms, vector))
        if is_missed:
            hits, _ = await self._that_count(tenant, await self._hits(tenant, asked, terms, vector))
        candidates = [_candidate(hit, terms, mean_words, vector) for hit in hits]
        ranked = rank(candidates, terms, self._ranking)
        told_once = collapse_duplicates(of_one_language(ranked, language), self._settings.evidence_max)
        return tuple(one.evidence for one in told_once)

    async def _weights(self, tenant: str, asked: dict[str, int]) -> tuple[dict[str, float], float]:
        """The words worth looking up with their weights, and how long the tenant's passages are on average."""
        counts = [index.count_of_word(tenant, word) for word in asked]
        corpus, *found = await self._server.search_many([index.size_of_corpus(tenant), *counts])
        sizes = [int(answer["hits"]["total"]["value"]) for answer in found]
        terms = [AskedTerm(word, times, size) for (word, times), size in zip(asked.items(), sizes, strict=True)]
        passages = int(corpus["hits"]["total"]["value"])
        return choose_terms(terms, passages), float(corpus["aggregations"]["mean_words"]["value"] or 1.0)

    async def _hits(
        self, tenant: str, asked: dict[str, int], terms: dict[str, float], vector: Vectors
    ) -> dict[str, Json]:
        """What the two searches find, by record id, each passage once."""
        pool, timeout = self._settings.pool, f"{int(self._settings.statement_timeout_seconds * 1000)}ms"
        searches = []
        if terms:
            # The engine weighs each word by its rarity in the whole index; the ranking does by that in the tenant's.
            boosts = {word: math.log2(1 + asked[word]) for word in terms}
            searches.append(index.by_words(tenant, boosts, pool, timeout))
        if index.is_direction(vector):
            searches.append(index.by_meaning(tenant, vector, pool, timeout))
        answers = await self._server.search_many(searches) if searches else []
        return {hit["_id"]: hit["_source"] for answer in answers for hit in answer["hits"]["hits"]}

    async def _that_count(self, tenant: str, hits: dict[str, Json]) -> tuple[list[Json], bool]:
        """The passages of the revisions that count, and whether of an article that is there only others were found.

        Then it may have changed between the search and the look at its record, and a second search finds its new text.
        """
        counting = await self._counting(tenant, {hit["document_id"] for hit in hits.values()})
        current = {(document_id, one.revision) for document_id, one in counting.items()}
        kept = [hit for hit in hits.values() if (hit["document_id"], hit["revision"]) in current]
        return kept, counting.keys() != {hit["document_id"] for hit in kept}

    async def versions(self, tenant: str) -> dict[str, str]:
        """See `KnowledgeStore.versions`."""
        await self._ensure_index()
        return {one["document_id"]: one["version"] async for one in self._articles(tenant)}

    async def put(
        self, tenant: str, collection: str, articles: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]]
    ) -> None:
        """See `KnowledgeStore.put`; each article changes at once, the batch does not.

        Raises:
            DependencyDown: OpenSearch cannot be reached; every article is as it was, or as it should be.
            Retryable: somebody else wrote one of the articles in the meantime, and theirs stands.
            OpenSearchRefused: the index is not one of ours.
        """
        await self._ensure_index()
        ids = {document.document_id for document, *_ in articles}
        before = await self._counting(tenant, ids)
        written_at = now()
        writings, passages = [], []
        for document, version, chunks, vectors in articles:
            writing = Writing(tenant, collection, document, version, uuid4().hex, written_at)
            writings.append(writing)
            passages += writing.passages(chunks, vectors)
        # Searches see the new passages before the articles' records make them count, so that none is ever missing.
        await self._server.write(passages)
        await self._replace(tenant, before, writings)

    async def remove_missing(self, tenant: str, collection: str, present: frozenset[str]) -> int:
        """See `KnowledgeStore.remove_missing`; raises as `put` does."""
        await self._ensure_index()
        found = [one["document_id"] async for one in self._articles(tenant, collection=collection)]
        gone = iter([document_id for document_id in found if document_id not in present])
        removed = 0
        while some := set(islice(gone, _ARTICLES_AT_ONCE)):
            await self._replace(tenant, await self._counting(tenant, some), [])
            removed += len(some)
        return removed

    async def _replace(self, tenant: str, before: dict[str, _Counting], writings: Sequence[Writing]) -> None:
        """Makes the written revisions count instead of those before, and removes what depends on what changed."""
        ids = {writing.document.document_id for writing in writings}
        old = before | await self._counting(tenant, await self._dependants(tenant, before.keys() | ids) - ids)
        actions: list[tuple[Json, Json | None]] = []
        for writing in writings:
            known = old.get(writing.document.document_id)
            action = {"index": {"_id": writing.article_id, **known.condition}} if known else None
            actions.append((action or {"create": {"_id": writing.article_id}}, writing.article()))
        for document_id in sorted(old.keys() - ids):
            condition = old[document_id].condition
            actions.append(({"delete": {"_id": index.article_id(tenant, document_id), **condition}}, None))
        refused = await self._server.write(actions)
        revisions = {writing.article_id: writing.revision for writing in writings}
        dead = {one.revision for name, one in old.items() if index.article_id(tenant, name) not in refused}
        dead |= {revisions[record] for record in refused & revisions.keys()}
        await self._sweep(tenant, old.keys() | ids, dead, set(revisions.values()) - dead)
        if refused:
            raise Retryable("somebody else wrote the same article meanwhile; ingest again")

    async def _sweep(self, tenant: str, document_ids: Iterable[str], dead: set[str], alive: set[str]) -> None:
        """Only room is won by it: passages that do not count are not given out anyway."""
        query = index.outdated_passages(tenant, document_ids, dead, alive)
        # Whether deleting by a query refreshes is a yes or a no; there is no `wait_for`.
        await self._server.ask("POST", "/_delete_by_query", query, conflicts="proceed", refresh="true")

    async def _counting(self, tenant: str, document_ids: Iterable[str]) -> dict[str, _Counting]:
        """The revision that counts of each article that there is. Unlike a search, this sees what was just written."""
        names = {index.article_id(tenant, document_id): document_id for document_id in document_ids}
        if not names:
            return {}
        answer = await self._server.ask("POST", "/_mget", {"ids": sorted(names)}, _source="revision,tenant")
        if any("error" in found for found in answer["docs"]):
            raise DependencyDown("OpenSearch answered only in part")
        return {
            names[found["_id"]]: _Counting(
                found["_source"]["revision"],
                {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]},
            )
            for found in answer["docs"]
            if found.get("found") and found["_source"]["tenant"] == tenant
        }

    async def _dependants(self, tenant: str, document_ids: Iterable[str]) -> set[str]:
        """The articles that were made from these, and those made from them."""
        known = set(document_ids)
        fresh = sorted(known)
        dependants: set[str] = set()
        while fresh:
            found = {one["document_id"] async for one in self._articles(tenant, depends_on=fresh)} - known
            dependants |= found
            known |= found
            fresh = sorted(found)
        return dependants

    async def _articles(self, tenant: str, **terms: str | list[str]) -> AsyncIterator[Json]:
        after: Json = {}
        while True:
            answer = await self._server.search({**index.articles(tenant, **terms), **after})
            hits = answer["hits"]["hits"]
            for hit in hits:
                yield hit["_source"]
            if len(hits) < index.PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}

    async def _ensure_index(self) -> None:
        """Once in a process: makes the index where it is missing, and looks whether it fits where it is not."""
        if self._open:
            return
        async with self._opening:
            found = await self._server.ask("GET", "/_mapping", absent=(404,))
            if not found:
                settings = self._settings
                body = index.index_body(self._dimensions, settings.opensearch_shards, settings.opensearch_replicas)
                # Where another process made it a moment ago the answer is 400, and what it made is looked at.
                await self._server.ask("PUT", "", body, absent=(400,))
                found = await self._server.ask("GET", "/_mapping")
            for mapped in found.values():
                embedding = mapped["mappings"].get("properties", {}).get("embedding", {})
                if embedding.get("dimension") != self._dimensions:
                    raise OpenSearchRefused(
                        f"the index has no vectors of {self._dimensions} dimensions; name another in "
                        "HANDRAIL_RETRIEVAL_OPENSEARCH_INDEX and ingest into it"
                    )
            self._open = True


def _candidate(hit: Json, terms: dict[str, float], mean_words: float, vector: Vectors) -> Candidate:
    """A passage as the ranking takes it, with the very figures that PostgreSQL would give for these words."""
    passage, words = index.unpacked(hit["vector"]), hit["words"].split()
    english = slice(0, ENGLISH_DIMENSIONS)
    return candidate_of(
        {
            **hit,
            "lexemes": terms.keys() & set(words),
            "title_lexemes": hit["title_words"].split(),
            "lexical": bm25(words, terms, mean_words),
            "similarity": float(np.dot(passage, vector)),
            "english_cosine": float(np.dot(passage[english], vector[english])),
            "updated_at": index.instant(hit.get("updated_at")),
        }
    )
