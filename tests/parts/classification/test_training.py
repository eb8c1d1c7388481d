"""Training on a small pack with word counts for embeddings: what is learned, kept and read again."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contracts.events import TicketClassified, TicketReceived
from contracts.pack import IntentExample
from services.classification.adapters.features import encode
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.store import ModelUnreadable, load_model
from services.classification.handler import handle
from services.classification.ports import Domain
from services.classification.rules.parts import parts
from services.classification.rules.reading import read
from services.classification.training import ModelCard, intents, train
from services.classification.training import risks as training_risks
from services.classification.training.encoding import Encoding
from services.classification.training.figures import error_of_chance, expected_calibration_error
from services.classification.training.fitting import folds
from shared.embedding import Vectors
from shared.failures import InvalidMessage
from tests.fakes.embedding import WordEmbedder
from tests.fakes.models import unread
from tests.parts.classification.small import small_pack
from tests.unit.cases import HEAD, NOON, ticket


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelCard]:
    folder = tmp_path_factory.mktemp("model")
    return folder, train(small_pack(), WordEmbedder(), WordEmbedder(), folder)


@pytest.fixture(scope="module")
def classifier(trained: tuple[Path, ModelCard]) -> TrainedClassifier:
    return TrainedClassifier(load_model(trained[0]), WordEmbedder(), WordEmbedder())


def test_the_card_says_how_well_held_out_texts_were_told_apart(trained: tuple[Path, ModelCard]) -> None:
    card = trained[1]

    assert card.intent_accuracy is not None
    assert card.intent_accuracy > 0.9
    assert card.out_of_scope_auroc is not None
    assert card.out_of_scope_auroc > 0.9
    assert card.flag_recall["security"] >= 0.9
    assert json.loads((trained[0] / "card.json").read_text())["card"]["version"] == card.version


def test_the_card_counts_texts_in_other_languages_too(tmp_path: Path) -> None:
    muddled = ("heute geht gar nichts mehr bei uns hier", "wir warten schon den ganzen Morgen auf eine Antwort")
    texts = [IntentExample(text=f"{text}, zum {k}. Mal", language="de") for k in range(10) for text in muddled]
    known = small_pack()
    both = known.model_copy(
        update={
            "languages": ("en", "de"),
            "intents": tuple(one.model_copy(update={"examples": (*one.examples, *texts)}) for one in known.intents),
        }
    )

    accuracy = train(both, WordEmbedder(), WordEmbedder(), tmp_path).intent_accuracy

    # Half of the texts are German, and the same for every intent: two thirds of them cannot be told.
    assert accuracy is not None
    assert 0.3 < accuracy < 0.75


def test_where_no_example_names_an_article_none_is_said_to_answer(classifier: TrainedClassifier) -> None:
    assert classifier.scores("the invoice and the receipt are wrong", "en").articles == ()


def test_intents_come_most_probable_first_and_sum_to_one(classifier: TrainedClassifier) -> None:
    scores = classifier.scores("the invoice and the receipt are wrong", "en")

    chances = [chance for _, chance in scores.intents]
    assert scores.intents[0][0] == "invoice"
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1.0)
    assert scores.out_of_scope < 0.5
    assert scores.risks == ()


def test_a_text_about_something_else_is_out_of_scope(classifier: TrainedClassifier) -> None:
    assert classifier.scores("a poem about football and the weather", "en").out_of_scope > 0.5


def test_one_dangerous_sentence_in_a_long_mail_is_seen(classifier: TrainedClassifier) -> None:
    chatter = "We talk about the domain and the dns record today. " * 6
    mail = f"{chatter}\n\nThere was an intruder, a breach and malware.\n\n{chatter}"

    assert "security" in dict(classifier.scores(mail, "en").risks)


def test_other_languages_are_read_with_the_multilingual_embedding_alone(trained: tuple[Path, ModelCard]) -> None:
    class Refusing(WordEmbedder):
        def embed(self, texts: object) -> np.ndarray:
            raise AssertionError("the English embedding was asked about German")

    classifier = TrainedClassifier(load_model(trained[0]), Refusing(), WordEmbedder())

    assert classifier.scores("die invoice und das receipt", "de").intents[0][0] == "invoice"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🎉🎉",
        "\u200b\u200d",
        "\x00\x01\xff\ufffd" * 500,
        "\ud800",
        "a" * 1_000_000,
        "مرحبا بكم في الخدمة",
        "x\n" * 50_000,
        "```" * 30_000,
        "<!--" * 30_000,
        "<" * 100_000,
        "https://" * 20_000,
        "I am angry and I want an answer now. " * 700,
    ],
    ids=lambda text: f"{text[:8]!a} x {len(text)}",
)
@pytest.mark.parametrize("language", ["und", "en", "ar"])
def test_odd_texts_get_sane_scores(classifier: TrainedClassifier, text: str, language: str) -> None:
    scores = classifier.scores(text, language)

    assert all(0.0 <= chance <= 1.0 for _, chance in scores.intents + scores.risks)
    assert 0.0 <= scores.out_of_scope <= 1.0


def test_training_again_gives_the_same_bytes(trained: tuple[Path, ModelCard], tmp_path: Path) -> None:
    train(small_pack(), WordEmbedder(), WordEmbedder(), tmp_path)

    for name in ("weights.npz", "card.json", "MODEL_CARD.md"):
        assert (tmp_path / name).read_bytes() == (trained[0] / name).read_bytes()


def test_the_card_names_every_head_that_was_compared_and_the_one_chosen(trained: tuple[Path, ModelCard]) -> None:
    card = trained[1]
    page = (trained[0] / "MODEL_CARD.md").read_text()

    assert {name.split(" on ")[0] for name in card.heads_compared} == {"logistic", "nearest", "ridge"}
    assert card.heads_compared[card.intent_head] == max(card.heads_compared.values())
    assert card.version in page
    assert all(name in page for name in card.heads_compared)


def test_a_pack_without_intents_is_trained_for_its_flags_alone(tmp_path: Path) -> None:
    bare = small_pack().model_copy(update={"intents": (), "out_of_scope": ()})

    card = train(bare, WordEmbedder(), WordEmbedder(), tmp_path)
    scores = TrainedClassifier(load_model(tmp_path), WordEmbedder(), WordEmbedder()).scores(
        "about malware and breach today", "en"
    )

    assert card.intent_accuracy is None
    assert (scores.intents, scores.out_of_scope) == ((), 0.0)
    assert "security" in dict(scores.risks)


def test_an_incomplete_or_foreign_folder_is_no_model(trained: tuple[Path, ModelCard], tmp_path: Path) -> None:
    with pytest.raises(ModelUnreadable):
        load_model(tmp_path)
    (tmp_path / "card.json").write_text('{"format": 0}')
    with pytest.raises(ModelUnreadable, match="another version"):
        load_model(tmp_path)


def test_calibration_error_is_nought_where_confidence_is_right() -> None:
    assert expected_calibration_error(np.array([1.0, 1.0]), np.array([True, True])) == 0.0
    assert expected_calibration_error(np.array([0.9, 0.9]), np.array([False, False])) == pytest.approx(0.9)


def test_parts_are_bounded_and_cover_the_beginning_and_the_end() -> None:
    text = "First sentence here. " + "Filler is written now. " * 5_000 + "The very last sentence."

    found = parts(text)

    assert len(found) < 100
    assert any("First sentence" in part for part in found)
    assert any("very last sentence" in part for part in found)
    assert parts("Only one sentence") == []


def test_of_thousands_of_harmless_texts_only_some_are_read_for_risks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Listening(WordEmbedder):
        def __init__(self) -> None:
            self.asked: set[str] = set()

        def embed(self, texts: Sequence[str]) -> Vectors:
            self.asked.update(texts)
            return super().embed(texts)

    monkeypatch.setattr(training_risks, "HARMLESS_MAX", 12)
    english, many = Listening(), small_pack()
    risks, card = training_risks.train_risks(many, Encoding(english, WordEmbedder(), ("en",)))

    by_intent = [{example.text for example in one.examples} & english.asked for one in many.intents]
    assert [len(read) for read in by_intent] == [4, 4, 4]
    assert risks is not None
    assert card.recall["security"] > 0.5


async def test_the_handler_answers_with_one_event_that_carries_the_ticket(classifier: TrainedClassifier) -> None:
    event = TicketReceived(**HEAD, ticket=ticket("the invoice and the receipt are wrong"))
    domains = {"demo": Domain(small_pack(), classifier, unread)}

    [result] = await handle(event, domains=domains, detect_language=lambda *_: ("en", 0.9), now=NOON)

    assert isinstance(result, TicketClassified)
    assert (result.ticket, result.case_id) == (event.ticket, event.case_id)
    assert result.classification.intent == "invoice"


async def test_a_ticket_of_an_unknown_tenant_is_invalid(classifier: TrainedClassifier) -> None:
    event = TicketReceived(**HEAD, ticket=ticket())
    with pytest.raises(InvalidMessage):
        await handle(event, domains={}, detect_language=lambda *_: ("en", 0.9), now=NOON)


def test_places_are_single_precision_so_that_references_are_not_converted_for_each_text(
    trained: tuple[Path, ModelCard],
) -> None:
    pair = load_model(trained[0]).pair
    assert pair is not None
    encoded = encode([read("the invoice is wrong")], [True], WordEmbedder(), WordEmbedder())

    assert pair.english.space.project(encoded).dtype == np.float32


def test_of_two_kinds_of_head_the_better_on_all_examples_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(intents, "_COMPARED_EXAMPLES_MAX", 12)
    compared = train(small_pack(), WordEmbedder(), WordEmbedder(), tmp_path).heads_compared

    assert sum(name.endswith(", all examples") for name in compared) == 2


def test_each_partition_holds_every_text_out_once_and_differently() -> None:
    labels = np.repeat(np.arange(4), 10)

    first, second = (folds(labels, partition=k) for k in (0, 1))

    for parts_ in (first, second):
        assert sorted(np.concatenate([out for _, out in parts_]).tolist()) == list(range(40))
    assert any(set(a.tolist()) != set(b.tolist()) for (_, a), (_, b) in zip(first, second, strict=True))


def test_a_text_that_is_held_out_again_is_no_further_evidence() -> None:
    sure, text = np.full(60, 0.7), np.arange(60)

    once = error_of_chance(sure, text)

    assert error_of_chance(np.tile(sure, 3), np.tile(text, 3)) == pytest.approx(once)
    assert error_of_chance(np.tile(sure, 3), np.arange(180)) < 0.8 * once
