"""Questions whose answer is known, with the documents that they are asked of."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.evaluation.case import TENANT, Question
from infra.evaluation.data import DataUnreadable, rows
from services.retrieval.rules.passages import Document

HISTORY_MAX = 20
SAMPLE_SEED = 20_260_701


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

    def sampled(self, count: int) -> "Asked":
        """`count` questions chosen at random, or all, with what is needed to answer them.

        The choice is the same at each call, and a larger one holds the smaller ones.
        """
        order = list(self.questions)
        random.Random(SAMPLE_SEED).shuffle(order)
        questions = order[:count]
        asked = {collection for _, _, collection in questions}
        return Asked({name: known for name, known in self.knowledge.items() if name in asked}, questions)


def read_asked(data: Path) -> Asked:
    """The questions of a folder of the retrieval format, or of a file, or a folder of files, of the generation format.

    Raises:
        DataUnreadable: the data are not of either format.
    """
    if not data.is_dir():
        return _with_passages([data])
    if list(data.glob("corpus.jsonl*")):
        return _of_corpus(data)
    # Without the ".gz", which `rows` finds: a set that lies there both ways counts once.
    found = (path for path in data.iterdir() if path.name.endswith((".jsonl", ".jsonl.gz")))
    files = sorted({path.with_name(path.name.removesuffix(".gz")) for path in found})
    if not files:
        raise DataUnreadable(f"{data} holds neither corpus.jsonl nor any other .jsonl")
    return _with_passages(files)


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


def _with_passages(paths: Sequence[Path]) -> Asked:
    """Each question searches its own passages only: they are the knowledge of a tenant of its own."""
    asked = Asked({}, [])
    named = [
        (path, row) for path in paths for row in rows(path, ("id", "question", "passages", "answer", "answerable"))
    ]
    for number, (path, row) in enumerate(named):
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
        question = Question(f"{path.stem}/{row['id']}", str(row["question"]), history)
        asked.questions.append((question, gold, collection))
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
