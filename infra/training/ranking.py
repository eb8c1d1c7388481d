"""`python -m infra.training.ranking --data DIR`: learns the weights of retrieval's ranking.

DIR is the folder of data sets; a set is a folder `retrieval/NAME` with corpus, queries and qrels. The weights go beside
the code that loads them, with what they were learned from and how well they did on sets they had not seen.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr
from scipy.optimize import minimize

from infra.evaluation.database import database
from infra.evaluation.ranked import Judgements, figures, read_corpus, read_judgements, read_queries, settle
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.postgres import PostgresKnowledge
from services.retrieval.adapters.ranking_model import RANKING_FILE
from services.retrieval.adapters.search import find_candidates
from services.retrieval.ingest import ingest
from services.retrieval.rules.passages import Document
from services.retrieval.rules.query import build_query
from services.retrieval.rules.ranking import FEATURES, features
from services.retrieval.settings import RetrievalSettings
from shared.database import async_engine
from shared.settings import Settings

Numbers = NDArray[np.float64]

SETS = {
    "techqa": "MIT",
    "wixqa": "MIT",
    "stackfaq": "MIT and CC-BY-SA",
    "scifact": "CC-BY and ODC-By",
    "mtrag_cloud": "Apache-2.0",
    "mtrag_govt": "Apache-2.0",
}
"""What the shipped weights are learned from, with the licence of each set."""

QUERIES_MAX = 150
# Of a large corpus, the documents that answer and so many others: the order among near misses is learned as well.
OTHERS_MAX = 2_000
RIVALS = 40
REGULARISATION = 0.02
ROUNDS = 3
# What the weights are drawn to. A few hundred queries of a few domains would else bend them to these domains: drawn to
# zero instead, they did worse on sets they had not seen.
PRIOR = {"words": 4.0, "closeness": 7.5, "multilingual": 0.7, "coverage": 3.0, "title": 0.7, "title_asked": 0.4,
         "identifiers": 0.6, "companions": 0.5}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A judged query with the passages that were found for it.

    `documents` and `relevant` say for each row of `rows` whose passage it is, and whether that document answers.
    """

    query_id: str
    rows: Numbers
    documents: Sequence[str]
    relevant: NDArray[np.bool_]


@dataclass(frozen=True)
class ExampleSet:
    """The examples of one data set."""

    name: str
    examples: Sequence[Example]
    judged: Judgements


async def read_set(url: str, data: Path, name: str) -> ExampleSet:
    """The set's queries with what our own search finds for them.

    Raises:
        DataUnreadable: a file of the set is missing or malformed.
    """
    folder = data / "retrieval" / name
    queries = read_queries(folder)
    judged = _sampled(read_judgements(folder, queries))
    documents = _sampled_documents(read_corpus(folder), judged)
    engine = async_engine(Settings(database_url=SecretStr(url)), "training")
    embedder = PassageEmbedder()
    store = PostgresKnowledge(engine, RetrievalSettings(), embedder.name)
    try:
        await ingest(name, name, documents, store=store, embedder=embedder, index_version=store.index_version)
        await settle(engine)
        examples = []
        for query_id, relevant in judged.items():
            query = build_query("", queries[query_id])
            async with engine.connect() as connection:
                vector = embedder.embed_query(query, "en")
                found = await find_candidates(connection, name, query, vector, RetrievalSettings().pool)
            if found.candidates:
                articles = [candidate.evidence.document_id for candidate in found.candidates]
                answers = np.array([article in relevant for article in articles])
                examples.append(Example(query_id, features(found.candidates, found.terms), articles, answers))
    finally:
        await store.remove_missing(name, name, frozenset())
        await engine.dispose()
    return ExampleSet(name, examples, judged)


def _sampled(judged: Judgements) -> Judgements:
    """At most QUERIES_MAX queries, so that no set outweighs the others; always the same ones."""
    chosen = Random(0).sample(sorted(judged), min(len(judged), QUERIES_MAX))
    return {query: judged[query] for query in sorted(chosen)}


def _sampled_documents(documents: Sequence[Document], judged: Judgements) -> list[Document]:
    needed = {document for relevant in judged.values() for document in relevant}
    others = [document for document in documents if document.document_id not in needed]
    Random(1).shuffle(others)
    return [*(document for document in documents if document.document_id in needed), *others[:OTHERS_MAX]]


def fit(sets: Sequence[ExampleSet]) -> Numbers:
    """The weight of each of FEATURES, none below zero.

    Each set counts by the root of its size. The loss is that of ListNet's top one (Cao et al., ICML 2007) over the
    passages that stand for their documents: those that the weights of the round before put first.
    """
    weights = prior()
    for _ in range(ROUNDS):
        problems = [problem for one in sets for problem in _problems(one, weights)]
        found = minimize(
            _loss, weights, args=(problems,), jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(weights)
        )
        weights = found.x
    return np.asarray(weights, dtype=np.float64)


def prior() -> Numbers:
    """PRIOR in the order of FEATURES."""
    return np.array([PRIOR.get(name, 0.0) for name in FEATURES])


Problem = tuple[Numbers, Numbers, float]


def _problems(one: ExampleSet, weights: Numbers) -> list[Problem]:
    problems = []
    for example in one.examples:
        best = _best_passages(example, weights)[:RIVALS]
        relevant = example.relevant[best].astype(np.float64)
        if 0 < relevant.sum() < len(best):
            problems.append((example.rows[best], relevant / relevant.sum(), len(one.examples) ** -0.5))
    return problems


def _best_passages(example: Example, weights: Numbers) -> list[int]:
    """The row of each document's best passage, best first."""
    best: dict[str, int] = {}
    for row in np.argsort(-(example.rows @ weights), kind="stable"):
        best.setdefault(example.documents[int(row)], int(row))
    return list(best.values())


def _loss(weights: Numbers, problems: Sequence[Problem]) -> tuple[float, Numbers]:
    away = weights - prior()
    loss = REGULARISATION * float(away @ away)
    gradient = 2 * REGULARISATION * away
    whole = sum(importance for *_, importance in problems)
    for rows, target, importance in problems:
        scores = rows @ weights
        scores -= scores.max()
        chances = np.exp(scores) / np.exp(scores).sum()
        loss -= importance / whole * float(target @ np.log(np.maximum(chances, 1e-300)))
        gradient = gradient - importance / whole * (rows.T @ (target - chances))
    return loss, gradient


def judge(one: ExampleSet, weights: Numbers) -> dict[str, float]:
    """The figures of the set when its passages are ranked by the weights."""
    rankings = {
        example.query_id: [example.documents[row] for row in _best_passages(example, weights)]
        for example in one.examples
    }
    return figures(rankings, one.judged)


def card(sets: Sequence[ExampleSet]) -> dict[str, Any]:
    """The weights, what they were learned from, and each set's figures by weights learned from the others."""
    unseen = {one.name: judge(one, fit([other for other in sets if other is not one])) for one in sets}
    weights = fit(sets)
    return {
        "version": "1",
        "weights": {name: round(float(weight), 4) for name, weight in zip(FEATURES, weights, strict=True)},
        "made_by": "python -m infra.training.ranking --data DIR",
        "trained_on": {one.name: {"licence": SETS.get(one.name, "-"), "queries": len(one.examples)} for one in sets},
        "left_one_set_out": unseen,
        "prior_alone": {one.name: judge(one, prior()) for one in sets},
    }


def train(data: Path, names: Sequence[str]) -> Mapping[str, Any]:
    """The card of weights learned from the sets of these names."""
    with database() as url:
        return card([asyncio.run(read_set(url, data, name)) for name in names])


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--out", type=Path, default=RANKING_FILE, help="the file of weights")
    arguments = parser.parse_args()
    made = train(arguments.data, list(SETS))
    arguments.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(made, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
