"""The shipped model of urgency and sentiment: stories in several languages, and that model and card belong together."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.training.mood import CARD_FILE, read_texts
from services.classification.adapters.mood import (
    MODEL_FILE,
    MoodModelUnreadable,
    MoodReader,
    load_mood_model,
    save_mood_model,
    shipped_model,
)
from services.classification.rules.mood import CUES, NEUTRAL, cue_values
from shared.bert import MiniLM
from shared.embedding import MultilingualUSE, Remembering

ENGLISH, MULTILINGUAL = Remembering(MiniLM()), Remembering(MultilingualUSE())
READ = MoodReader(ENGLISH, MULTILINGUAL)


def word(sentiment: float) -> int:
    return READ.model.sentiment.decided(sentiment)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The importer crashes and is killed with signal 11 on files above 2 GB. Which limit applies?"),
        ("de", "Der Import stürzt bei Dateien über 2 GB mit Fehler 500 ab. Welche Grenze gilt?"),
        ("fr", "L'import plante avec une erreur 500 pour les fichiers de plus de 2 Go. Quelle est la limite ?"),
        ("es", "La importación se cierra con error 500 con archivos de más de 2 GB. ¿Cuál es el límite?"),
    ],
)
def test_a_sober_report_of_a_crash_is_neutral(language: str, text: str) -> None:
    mood = READ(text, language)

    assert (mood.urgency, word(mood.sentiment)) == (0, 0)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I would be grateful if, after five letters, somebody finally deigned to read what I wrote."),
        ("de", "Vielleicht könnte sich nach fünf Schreiben endlich jemand dazu herablassen, meine Frage zu lesen?"),
        ("fr", "Serait-ce trop demander, après cinq lettres, que quelqu'un daigne enfin lire ma question ?"),
        ("es", "¿Sería mucho pedir, después de cinco cartas, que alguien se dignara por fin a leer mi pregunta?"),
    ],
)
def test_polite_fury_is_cross(language: str, text: str) -> None:
    assert word(READ(text, language).sentiment) == -1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "There's no hurry: how do I rename a project?"),
        ("de", "Es hat keine Eile: Wie benenne ich ein Projekt um?"),
        ("fr", "Rien d'urgent : comment renommer un projet ?"),
        ("es", "Sin prisa: ¿cómo cambio el nombre de un proyecto?"),
    ],
)
def test_no_hurry_lowers_the_step(language: str, text: str) -> None:
    assert READ(text, language).urgency == -1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Our checkout has been down for an hour, we lose orders every minute. Please look at it right now."),
        ("de", "Unsere Kasse steht seit einer Stunde, wir verlieren Bestellungen. Bitte sofort ansehen."),
        ("fr", "Notre caisse est en panne depuis une heure et nous perdons des commandes. Merci d'agir tout de suite."),
        ("es", "La caja está caída desde hace una hora y perdemos pedidos. Mírenlo ahora mismo, por favor."),
    ],
)
def test_harm_that_is_running_presses(language: str, text: str) -> None:
    assert READ(text, language).urgency == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The fix works, the crash is gone. Thank you so much, you are great!"),
        ("de", "Die Korrektur funktioniert, kein Absturz mehr. Herzlichen Dank, ihr seid super!"),
        ("fr", "La correction fonctionne, plus aucun plantage. Merci infiniment, vous êtes formidables !"),
        ("es", "La corrección funciona, ya no se cierra. ¡Muchísimas gracias, sois geniales!"),
    ],
)
def test_thanks_for_a_fix_are_friendly(language: str, text: str) -> None:
    assert word(READ(text, language).sentiment) == 1


def test_thanks_in_advance_are_routine() -> None:
    thanks = CUES.index("thanks")

    assert cue_values("Where is my parcel? Many thanks in advance!\n\nThanks\nAnn")[thanks] == 0
    assert cue_values("Thank you, it works again!")[thanks] == 1


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d\ufeff", "👍👍🎉", "\x00\x01\x02", "12345 !!! ???"])
def test_a_text_without_words_is_neutral(text: str) -> None:
    assert READ(text, "und") == NEUTRAL


@pytest.mark.parametrize(
    "text", ["urgent in 1 " * 100_000, "\ud800\x00a" * 10_000, "x\n" * 500_000, "losing a " * 90_000]
)
def test_a_hostile_text_gets_a_mood(text: str) -> None:
    # A pattern that backtracks without bound would run into the suite's time limit here.
    mood = READ(text, "en")

    assert mood.urgency in {-1, 0, 1}
    assert -1.0 <= mood.sentiment <= 1.0


def test_what_is_embedded_is_bounded() -> None:
    class Counting(MultilingualUSE):
        seen = 0

        def embed(self, texts):  # type: ignore[no-untyped-def]
            Counting.seen += len(texts)
            return super().embed(texts)

    MoodReader(ENGLISH, Counting())("This is a sentence about a parcel. " * 30_000, "de")

    assert 1 < Counting.seen <= 13


def test_the_dear_look_is_for_unsure_english_texts_alone() -> None:
    class Counting(MiniLM):
        seen = 0

        def middle(self):  # type: ignore[no-untyped-def]
            Counting.seen += 1
            return super().middle()

    read = MoodReader(Counting(), MULTILINGUAL)
    texts = read_texts()[::10]
    for one in texts:
        if one.language != "en":
            read(one.text, one.language)
    assert Counting.seen == 0

    english = [one for one in texts if one.language == "en"]
    for one in english:
        read(one.text, "en")
    assert 0 < Counting.seen < 0.6 * len(english)


def test_card_and_model_are_those_of_the_command() -> None:
    card, texts = json.loads(CARD_FILE.read_text(encoding="utf-8")), read_texts()

    assert card["made_by"] == "python -m infra.training.mood"
    assert card["sample_size"] == len(texts) == len({one.text for one in texts})
    # What the word lists had that this model replaced, on the same texts.
    for what, word_lists in (("urgency", 0.370), ("sentiment", 0.508)):
        counted = {str(one): sum(getattr(text, what) == one for text in texts) for one in (-1, 0, 1)}
        assert card[what]["classes"] == counted
        assert min(counted.values()) >= 150
        assert card[what]["macro_f1"] > word_lists + 0.2
    assert MODEL_FILE.stat().st_size < 200_000
    agreed = [READ(one.text, one.language).urgency == one.urgency for one in texts[::20]]
    assert np.mean(agreed) > card["urgency"]["accuracy"] - 0.1


def test_a_saved_model_reads_like_the_one_that_was_saved(tmp_path: Path) -> None:
    save_mood_model(shipped_model(), tmp_path / "mood.json")
    again = MoodReader(ENGLISH, MULTILINGUAL, load_mood_model(tmp_path / "mood.json"))

    for text in ("Please hurry!", "What a mess.", "Thank you!"):
        assert again(text, "en") == READ(text, "en")


def test_a_broken_model_is_refused(tmp_path: Path) -> None:
    for text in ("no model", "{}", '{"format": 0, "cues": []}', "[]"):
        (tmp_path / "mood.json").write_text(text, encoding="utf-8")
        with pytest.raises(MoodModelUnreadable):
            load_mood_model(tmp_path / "mood.json")
