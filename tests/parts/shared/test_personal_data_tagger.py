"""The shipped tagger finds people and addresses in support mail, and leaves the words of support alone."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from shared.personal_data import find_personal_data, find_replaced, restore, tokenise
from shared.personal_data.tagger import MODEL_FILE, WINDOW_WORDS, read_tagger, shipped_tagger, stretches
from shared.personal_data.words import features, split_words

NAMED = [
    ("The export fails since Monday.\n\nKind regards,\nMarguerite Vandenberg", "Marguerite Vandenberg"),
    ("Die Seite lädt nicht.\n\nMit freundlichen Grüßen\nHeinrich Obermaier", "Heinrich Obermaier"),
    ("Le paiement échoue.\n\nCordialement,\nSolène Carpentier", "Solène Carpentier"),
    ("No puedo entrar.\n\nUn saludo,\nRamiro Echeverría", "Ramiro Echeverría"),
    ("Hi, my name is Oluwaseyi Adebayo and my card was declined.", "Oluwaseyi Adebayo"),
    ("Please give my colleague Priyanka Raghavan access to the project.", "Priyanka Raghavan"),
]
ORDINARY = [
    "How do I roll back to an earlier release from the command line?",
    "Our Kubernetes cluster cannot reach Redis since the last deploy.",
    "The Dashboard shows Error 503, and Settings > Members is empty.",
    "Please cancel the Business plan at the end of March and send the invoice.",
    "Guten Tag,\n\nwie ändere ich die Zahlungsart für unser Team?",
    "Bonjour, comment ajouter un domaine à mon application ?",
    "HTTP 429 after 1000 requests, port 8080, exit code 137",
]


@pytest.mark.parametrize(("text", "name"), NAMED)
def test_who_writes_is_found(text: str, name: str) -> None:
    assert [text[span.start : span.end] for span in find_replaced(text)] == [name]


@pytest.mark.parametrize("text", ORDINARY)
def test_the_words_of_support_stay(text: str) -> None:
    assert find_replaced(text) == []


def test_an_address_is_replaced_with_its_house_number_and_put_back() -> None:
    text = "Please ship it to 14 Larkspur Lane, Wexford. My postcode is 48213."
    originals: dict[str, str] = {}
    tokenised = tokenise(text, originals)

    assert "Larkspur" not in tokenised
    assert "14" not in tokenised
    assert restore(tokenised, originals) == text


def test_places_dates_and_companies_carry_the_question_and_stay() -> None:
    text = "Is there a data centre in Finland? We are with Siemens and move on 3 May 2027."

    assert {span.kind for span in find_personal_data(text)} <= {"LOCATION", "ORGANIZATION", "DATE"}
    assert tokenise(text, {}) == text


def test_known_words_are_no_ones_name() -> None:
    text = "Best regards,\nNorthquay Harbour"

    assert tokenise(text, {}) == "Best regards,\n[NAME_1]"
    assert tokenise(text, {}, known={"northquay", "harbour"}) == text
    assert tokenise(text, {}, known={"northquay"}) == "Best regards,\n[NAME_1]"


def test_a_single_word_in_small_letters_is_a_name_only_where_all_is_small() -> None:
    assert tokenise("thanks, ulrike", {}) == "thanks, [NAME_1]"
    assert tokenise("It is slow. Thanks, ulrike", {}) == "It is slow. Thanks, ulrike"


def test_the_same_person_has_one_token() -> None:
    originals: dict[str, str] = {}
    subject = tokenise("Message from Ulrike Zimmermann", originals)
    body = tokenise("Hello,\n\nplease call back.\n\nKind regards\nUlrike Zimmermann", originals)

    assert originals == {"[NAME_1]": "Ulrike Zimmermann"}
    assert subject.endswith("[NAME_1]")
    assert body.endswith("[NAME_1]")


def test_what_a_pattern_has_found_the_tagger_leaves_alone() -> None:
    text = "anna.weber@mail.example Anna Weber +49 30 1234567"
    spans = find_personal_data(text)

    assert spans[0].kind == "EMAIL"
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_a_name_is_found_wherever_in_a_long_text_it_stands() -> None:
    filler = "The report shows nothing new and the page stays empty.\n"
    for lines in (WINDOW_WORDS // 12 + shift for shift in range(4)):
        text = filler * lines + "\nKind regards,\nUlrike Zimmermann\n\n" + filler * lines

        assert [text[span.start : span.end] for span in find_replaced(text)] == ["Ulrike Zimmermann"]


def test_windows_give_the_same_labels_as_one_long_look() -> None:
    tagger = shipped_tagger()
    text = "My colleague Petra Huber lives in Graz.\nThe page is empty.\n" * 40
    words = split_words(text)
    scores_of = features(words)
    nothing_fixed = np.zeros(len(words.forms), dtype=bool)
    whole = tagger._best(tagger._scores(scores_of)[np.newaxis])[0]

    assert (tagger.label(scores_of, nothing_fixed) == whole).mean() > 0.99


def test_stretches_begin_anew_at_every_beginning() -> None:
    names = ("O", "B-NAME", "I-NAME", "B-DATE", "I-DATE")

    assert stretches(np.array([0, 1, 2, 1, 0, 4, 4, 2]), names) == [
        (1, 2, "NAME"),
        (3, 3, "NAME"),
        (5, 6, "DATE"),
        (7, 7, "NAME"),
    ]


def test_the_model_is_small_says_what_it_was_made_of_and_holds_no_word() -> None:
    card = json.loads(MODEL_FILE.with_suffix(".card.json").read_text(encoding="utf-8"))

    assert MODEL_FILE.stat().st_size <= 3_000_000
    assert all(made["licence"] for made in card["trained_on"])
    assert card["cross_validated"]["by_template"]["f2"] >= 0.7
    with np.load(MODEL_FILE, allow_pickle=False) as stored:
        texts = [name for name in stored.files if stored[name].dtype.kind in "US"]
    assert texts == ["labels"]


def test_a_model_made_for_other_features_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    with np.load(MODEL_FILE, allow_pickle=False) as stored:
        fields = {name: stored[name] for name in stored.files}
    np.savez_compressed(path, **{**fields, "weights": fields["weights"][:100]})

    with pytest.raises(ValueError, match="other features"):
        read_tagger(path)
