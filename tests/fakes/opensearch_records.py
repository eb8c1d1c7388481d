"""What the scripted OpenSearch keeps, and what it declines to keep."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


class Declined(Exception):
    """The record or the search is not one that OpenSearch takes; others beside it in the request are."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(kind)
        self.status, self.kind = status, kind


class Malformed(Declined):
    """The whole request is not one that OpenSearch takes, and nothing of it is done."""


@dataclass(frozen=True)
class Record:
    """A document with the number of the write that made it."""

    source: Json
    seq_no: int


@dataclass
class Index:
    """`live` is what was written; `searchable` is what the last refresh saw of it.

    Without `properties` it is one that a write made because there was none: it takes any field, vectors as numbers.
    """

    name: str
    properties: dict[str, Json]
    live: dict[str, Record] = field(default_factory=dict)
    searchable: dict[str, Record] = field(default_factory=dict)
    writes: int = 0

    def refresh(self) -> None:
        """Lets searches see what was written."""
        self.searchable = dict(self.live)

    def write(self, operation: str, meta: Json, source: Json | None) -> Json:
        """Does one action of a bulk request and tells what became of it."""
        told = {"_index": self.name, "_id": meta["_id"]}
        try:
            return {**told, **self._write(operation, meta, source)}
        except Malformed:
            raise
        except Declined as declined:
            error = {"type": declined.kind, "reason": f"it cannot be so: {source}"}
            return {**told, "status": declined.status, "error": error}

    def _write(self, operation: str, meta: Json, source: Json | None) -> Json:
        if meta.keys() - {"_id", "if_seq_no", "if_primary_term"}:
            raise Malformed(400, "illegal_argument_exception")
        if len(meta["_id"].encode()) > 512 or (operation == "create" and "if_seq_no" in meta):
            raise Malformed(400, "action_request_validation_exception")
        name, there = meta["_id"], self.live.get(meta["_id"])
        unmet = "if_seq_no" in meta and (there is None or there.seq_no != meta["if_seq_no"])
        if unmet or (operation == "create" and there is not None):
            raise Declined(409, "version_conflict_engine_exception")
        self.writes += 1
        if source is None:
            gone = self.live.pop(name, None)
            return self._done(200, "deleted") if gone else self._done(404, "not_found")
        for key, value in source.items():
            self._check(key, value)
        self.live[name] = Record(source, self.writes)
        return self._done(200, "updated") if there else self._done(201, "created")

    def _done(self, status: int, result: str) -> Json:
        shards = {"total": 2, "successful": 1, "failed": 0}
        return {"status": status, "result": result, "_version": 1, "_shards": shards, "_seq_no": self.writes,
                "_primary_term": 1}  # fmt: skip

    def _check(self, key: str, value: Any) -> None:
        if not self.properties:
            return
        kind = self.properties.get(key, {}).get("type")
        if kind is None:
            raise Declined(400, "strict_dynamic_mapping_exception")
        try:
            _READERS.get(kind, str)(value)
        except (ValueError, TypeError) as error:
            raise Declined(400, "mapper_parsing_exception") from error
        zero = kind == "knn_vector" and not any(value)
        if kind == "knn_vector" and (zero or len(value) != self.properties[key]["dimension"]):
            raise Declined(400, "mapper_parsing_exception")
        if kind == "keyword" and self.properties[key].get("index", True) and len(str(value).encode()) > 32_766:
            raise Declined(400, "illegal_argument_exception")


_READERS: dict[str, Any] = {
    "integer": int,
    "date": datetime.fromisoformat,
    "knn_vector": lambda value: [float(number) for number in value],
}
