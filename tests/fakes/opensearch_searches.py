"""How the scripted OpenSearch searches: filters exactly, words by BM25 over the whole index, vectors by cosine."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.fakes.opensearch_records import Declined, Index, Json, Malformed, Record

_K1, _B = 1.2, 0.75
_RESULT_WINDOW = 10_000
_CLAUSES_MAX = 1_024
_BODY = {"size", "timeout", "track_total_hits", "query", "aggs", "sort", "search_after", "_source"}


def run(index: Index, body: Json) -> Json:
    """The answer to a search, without what all answers have."""
    if body.keys() - _BODY:
        raise Malformed(400, "parsing_exception")
    if body.get("size", 10) > _RESULT_WINDOW:
        raise Declined(400, "illegal_argument_exception")
    found = _scored(index, body["query"])
    hits = [_hit(name, index.searchable[name], score, body) for name, score in found.items()]
    if "sort" in body:
        hits.sort(key=lambda hit: hit["sort"])
        hits = [hit for hit in hits if "search_after" not in body or hit["sort"] > body["search_after"]]
    else:
        hits.sort(key=lambda hit: (-hit["_score"], hit["_id"]))
    total: Json = {"value": len(found), "relation": "eq"}
    if body.get("track_total_hits") is not True and len(found) > _RESULT_WINDOW:
        total = {"value": _RESULT_WINDOW, "relation": "gte"}
    hits = hits[: body.get("size", 10)]
    best = max((hit["_score"] for hit in hits if hit["_score"] is not None), default=None)
    answer: Json = {"hits": {"total": total, "max_score": best, "hits": hits}}
    if "aggs" in body:
        answer["aggregations"] = {
            name: {"value": _average(index, found, one["avg"]["field"])} for name, one in body["aggs"].items()
        }
    return answer


def matching(index: Index, query: Json) -> dict[str, Record]:
    """The records that a query finds."""
    return {name: index.searchable[name] for name in _scored(index, query)}


def _hit(name: str, record: Record, score: float, body: Json) -> Json:
    wanted = body.get("_source", list(record.source))
    source = {key: record.source[key] for key in wanted if key in record.source}
    hit = {"_id": name, "_score": score, "_source": source}
    if "sort" in body:
        hit |= {"_score": None, "sort": [record.source[key] for one in body["sort"] for key in one]}
    return hit


def _average(index: Index, found: dict[str, float], key: str) -> float | None:
    values = [index.searchable[name].source[key] for name in found]
    return sum(values) / len(values) if values else None


def _scored(index: Index, query: Json) -> dict[str, float]:
    """The score of each record that the query finds."""
    [(clause, body)] = query.items()
    clauses: dict[str, Any] = {"bool": _bool, "term": _term, "terms": _terms, "range": _range, "knn": _knn}
    if clause not in clauses:
        raise Malformed(400, "parsing_exception")
    found: dict[str, float] = clauses[clause](index, body)
    return found


def _bool(index: Index, body: Json) -> dict[str, float]:
    if body.keys() - {"filter", "should", "must_not", "minimum_should_match"}:
        raise Malformed(400, "x_content_parse_exception")
    if sum(len(body.get(name, [])) for name in ("filter", "should", "must_not")) > _CLAUSES_MAX:
        raise Declined(400, "query_shard_exception")
    found = dict.fromkeys(index.searchable, 0.0)
    for one in body.get("filter", []):
        kept = _scored(index, one)
        found = {name: score for name, score in found.items() if name in kept}
    for one in body.get("must_not", []):
        gone = _scored(index, one)
        found = {name: score for name, score in found.items() if name not in gone}
    matched = dict.fromkeys(found, 0)
    for one in body.get("should", []):
        for name, score in _scored(index, one).items():
            if name in found:
                found[name] += score
                matched[name] += 1
    least = body.get("minimum_should_match", 0)
    return {name: score for name, score in found.items() if matched[name] >= least}


def _term(index: Index, body: Json) -> dict[str, float]:
    [(key, asked)] = body.items()
    value, boost = (asked["value"], asked.get("boost", 1.0)) if isinstance(asked, dict) else (asked, 1.0)
    if boost < 0:
        raise Malformed(400, "x_content_parse_exception")
    if _property(index, key).get("type") == "text":
        return {name: boost * score for name, score in _bm25(index, key, value).items()}
    return dict.fromkeys(_having(index, key, {value}), boost)


def _terms(index: Index, body: Json) -> dict[str, float]:
    [(key, values)] = body.items()
    if len(values) > 65_536:
        raise Declined(400, "query_shard_exception")
    _property(index, key)
    return dict.fromkeys(_having(index, key, set(values)), 1.0)


def _range(index: Index, body: Json) -> dict[str, float]:
    [(key, bounds)] = body.items()
    if bounds != {"lt": "now-1d"} or _property(index, key).get("type") != "date":
        raise Malformed(400, "parsing_exception")
    end = datetime.now(UTC) - timedelta(days=1)
    records = index.searchable.items()
    return {name: 1.0 for name, record in records if datetime.fromisoformat(record.source[key]) < end}


def _knn(index: Index, body: Json) -> dict[str, float]:
    """The k nearest of those that the filter lets through, with the score of `cosinesimil`."""
    [(key, asked)] = body.items()
    vector = np.array(asked["vector"])
    if asked.keys() - {"vector", "k", "filter"}:
        raise Malformed(400, "x_content_parse_exception")
    if not 0 < asked["k"] <= _RESULT_WINDOW:
        raise Malformed(400, "illegal_argument_exception")
    if not vector.any() or _property(index, key).get("dimension") != len(vector):
        raise Declined(400, "query_shard_exception")
    scores = {}
    for name in _scored(index, asked["filter"]):
        if own := index.searchable[name].source.get(key):
            cosine = np.dot(vector, own) / (np.linalg.norm(vector) * np.linalg.norm(own))
            scores[name] = float(1 + cosine) / 2
    nearest = sorted(scores, key=lambda name: -scores[name])[: asked["k"]]
    return {name: scores[name] for name in nearest}


def _property(index: Index, key: str) -> Json:
    """What is known of the field; one that is not mapped is in no record, so that nothing is found by it."""
    mapped = index.properties.get(key, {})
    if mapped.get("index") is False:
        raise Declined(400, "query_shard_exception")
    return mapped


def _having(index: Index, key: str, values: set[str]) -> list[str]:
    return [name for name, record in index.searchable.items() if values & _values(record.source.get(key))]


def _values(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {value}


def _bm25(index: Index, key: str, word: str) -> dict[str, float]:
    """Over all tenants' records, as an engine does that knows no tenants."""
    texts = {name: str(record.source[key]).split() for name, record in index.searchable.items() if key in record.source}
    holding = {name: words.count(word) for name, words in texts.items() if word in words}
    if not holding:
        return {}
    mean = sum(map(len, texts.values())) / len(texts)
    rarity = math.log(1 + (len(texts) - len(holding) + 0.5) / (len(holding) + 0.5))
    return {
        name: rarity * count / (count + _K1 * (1 - _B + _B * len(texts[name]) / mean))
        for name, count in holding.items()
    }
