"""The confidence is fitted, judged and found again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.events import Evidence, RankedIntent, TicketClassified
from infra.training.confidence import TooFewCases, fit, release_threshold, train_confidence
from infra.training.confidence_cases import ClassifiedExample, LabelledCase, labelled_cases
from services.drafting.adapters.extractive import ExtractiveDrafter
from services.validation.adapters import FileCalibrations, calibration_file
from shared.packs import training_hash
from tests.fakes.embedding import WordEmbedder
from tests.unit.cases import HEAD, classification, evidence, invoices, pack, ticket

NOWHERE = Path("nowhere")


def cases(count: int = 400) -> list[LabelledCase]:
    """The margin decides, with noise; everything else says nothing."""
    random = np.random.default_rng(7)
    margins = random.normal(size=count)
    chances = 1 / (1 + np.exp(-2 * margins - 1))
    return [
        LabelledCase({"similarity_margin": float(margin), "support": 1.0}, bool(random.random() < chance))
        for margin, chance in zip(margins, chances, strict=True)
    ]


def test_what_decides_is_learned_and_calibrated() -> None:
    calibration, card = fit(cases(), "full", "hash")

    assert max(card.weights, key=lambda name: abs(card.weights[name])) == "similarity_margin"
    assert card.auroc > 0.8
    assert card.ece < 0.08
    assert calibration.sample_size == card.sample_size == 400
    assert calibration.probability({"similarity_margin": 3.0}) > 0.95
    assert calibration.probability({"similarity_margin": -3.0}) < 0.2


def test_the_same_cases_give_the_same_model() -> None:
    assert fit(cases(), "full", "hash") == fit(cases(), "full", "hash")


@pytest.mark.parametrize("few", [cases(40), [LabelledCase({}, True)] * 200])
def test_too_few_cases_are_refused(few: list[LabelledCase]) -> None:
    with pytest.raises(TooFewCases):
        fit(few, "full", "hash")


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    predicted = np.array([0.99, 0.98, 0.97, 0.9, 0.5])

    assert release_threshold(np.array([1, 1, 1, 0, 1]), predicted) == 0.97
    assert release_threshold(np.array([0, 0, 0, 0, 0]), predicted) == 1.0
    assert release_threshold(np.array([1, 0]), np.array([0.9, 0.9])) == 1.0


def test_a_model_is_found_for_the_pack_it_was_trained_on_and_for_no_other(tmp_path: Path) -> None:
    trained, other = pack(), pack(languages=("en",))
    train_confidence(trained, cases(), tmp_path)

    found = FileCalibrations(NOWHERE, {"a": (trained, tmp_path), "b": (other, tmp_path)}, NOWHERE)

    full = found.full("a")
    assert full is not None
    assert full.kind == "full"
    assert (found.full("b"), found.full("unheard-of")) == (None, None)


def test_what_was_trained_on_this_machine_counts_before_what_the_pack_brings(tmp_path: Path) -> None:
    trained = pack()
    brought, own = tmp_path / "pack", tmp_path / "home" / "models" / f"test-{training_hash(trained)}"
    train_confidence(trained, cases(300), brought)
    train_confidence(trained, cases(400), own)

    found = FileCalibrations(tmp_path / "home", {"a": (trained, brought)}, NOWHERE).full("a")

    assert found is not None
    assert found.sample_size == 400


def test_the_shipped_model_serves_packs_without_one_of_their_own(tmp_path: Path) -> None:
    shipped, _ = fit(cases(), "evidence", "open-sets")
    file = calibration_file(tmp_path, "evidence")
    file.write_text(shipped.model_dump_json(), encoding="utf-8")
    starter = pack(intents=())

    found = FileCalibrations(NOWHERE, {"a": (starter, NOWHERE)}, file)

    assert found.evidence("a") is not None
    assert found.full("a") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}', b"\xff\xfe"])
def test_an_unreadable_model_counts_as_none(tmp_path: Path, content: bytes) -> None:
    path = calibration_file(tmp_path, "full")
    path.write_bytes(content)

    assert FileCalibrations(NOWHERE, {"a": (pack(), tmp_path)}, path).full("a") is None


class FixedSearch:
    """Implements `Search` with two passages."""

    index_version = "fixed"

    async def search(self, tenant: str, query: str, vector: Any, *, language: str = "") -> tuple[Evidence, ...]:
        return (evidence(), invoices())


class FixedQueries:
    """Implements `QueryEmbedder`."""

    name = "fixed"

    def embed_query(self, query: str, language: str) -> Any:
        return np.zeros(1)


def example(body: str, *articles: str, **fields: Any) -> ClassifiedExample:
    event = TicketClassified(**HEAD, ticket=ticket(body), classification=classification(**fields))
    return ClassifiedExample(event, frozenset(articles))


async def test_a_case_is_right_where_the_first_citation_answers_it() -> None:
    examples = [
        example("How do I roll back to an earlier release?", "rollback-a-release"),
        example("How do I roll back to an earlier version?", "release-history"),
        example("How do I roll back a planned holiday release?"),
        example("Do giraffes sleep standing upright?"),
        example("How do I roll back my release?", "rollback-a-release", out_of_scope=0.9),
        example(
            "Roll back the release and refund me",
            intents=(RankedIntent(intent="billing_refund", probability=1.0),),
        ),
    ]
    drafter = ExtractiveDrafter(english=WordEmbedder(), multilingual=WordEmbedder())

    found = await labelled_cases(
        pack(),
        examples,
        tenant="demo",
        search=FixedSearch(),
        embedder=FixedQueries(),
        drafter=drafter,
        embed=WordEmbedder().embed,
    )

    assert [case.correct for case in found] == [True, False, False]
    assert all(case.features["article_of_intent"] == 1.0 for case in found)
