"""What retrieval needs from the outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from contracts.events import Evidence, TicketClassified
from services.retrieval.rules.passages import Chunk, Document
from services.retrieval.rules.rewriting import Rewriting
from shared.embedding import Vectors


class Rewriter(Protocol):
    """Says what to search for, out of the ticket and the conversation before it."""

    async def rewrite(self, event: TicketClassified) -> Rewriting:
        """The query. Never fails: what a model cannot do the rules do. The same event is paid for once."""
        ...


class QueryEmbedder(Protocol):
    """Makes the vector of a query, given the query's language (BCP 47)."""

    def embed_query(self, query: str, language: str) -> Vectors:
        """One vector; its inner product with a passage's vector is a cosine of meaning."""
        ...


class PassageEmbedder(Protocol):
    """Makes the vectors of passages. `name` changes where vectors can no longer be compared with older ones."""

    name: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text."""
        ...


class Search(Protocol):
    """Finds passages. Implementations filter by tenant inside the query, never after it."""

    index_version: str

    async def search(self, tenant: str, query: str, vector: Vectors, *, language: str = "") -> tuple[Evidence, ...]:
        """The best passages that customers of `tenant` may see, best first; empty where nothing was found.

        `language` (BCP 47) is the customer's: of an article with translations only the one in it is given.

        Raises:
            DependencyDown: the store cannot be reached; the caller should wait and try again.
        """
        ...


class KnowledgeStore(Protocol):
    """Keeps the articles of each tenant with their passages."""

    async def versions(self, tenant: str) -> dict[str, str]:
        """The version of each article of the tenant, by document id."""
        ...

    async def put(
        self, tenant: str, collection: str, articles: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]]
    ) -> None:
        """Stores articles, each with its version, passages and their vectors, in one transaction.

        What was stored of an article before is gone in the same moment.
        """
        ...

    async def remove_missing(self, tenant: str, collection: str, present: frozenset[str]) -> int:
        """Removes the articles of the collection whose ids are not `present`; returns how many."""
        ...


class AnswerStore(Protocol):
    """Keeps the answers that people approved, as articles of a collection of their own."""

    async def learn(
        self,
        tenant: str,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        vectors: Vectors,
        *,
        sources: Mapping[str, str],
        kept: int,
    ) -> bool:
        """Stores an answer in one transaction, and of all answers of the tenant only the newest `kept`.

        Returns False, and changes nothing, where a newer answer to the same question is known, the same one is stored
        already, or an article that it depends on has no longer the version that `sources` gives by article id.

        Raises:
            DependencyDown: the store cannot be reached; the caller should wait and try again.
        """
        ...

    def stored(self, tenant: str) -> AsyncIterator[list[tuple[Document, str]]]:
        """All answers of the tenant with the versions they are stored in, some at a time.

        Raises:
            DependencyDown: the store cannot be reached.
        """
        ...

    async def renew(
        self, tenant: str, answers: Sequence[tuple[Document, str, Sequence[Chunk], Vectors]], known: Mapping[str, str]
    ) -> int:
        """Stores answers anew, in one transaction, each with its new version; returns how many.

        Only such as still have the version that `known` gives by id: what was learned or forgotten meanwhile stands.

        Raises:
            DependencyDown: the store cannot be reached.
        """
        ...
