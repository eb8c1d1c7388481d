"""What of a ticket is read: its title, its prose, and its surface."""

import pytest

from services.classification.rules import surface
from services.classification.rules.reading import PROSE_CHARACTERS_MAX, RAW_CHARACTERS_MAX, read


def test_a_title_stands_apart_from_the_body() -> None:
    reading = read("Deploys blocked\n\nOur pipeline has been red since this morning.")

    assert reading.head == "Deploys blocked"
    assert reading.prose == "Deploys blocked. Our pipeline has been red since this morning."
    assert reading.body == "Our pipeline has been red since this morning."


def test_a_subject_written_into_the_text_is_its_title() -> None:
    assert read("Subject: deploys blocked\n\nHelp.").head == "deploys blocked"


def test_a_text_without_a_title_is_its_own() -> None:
    reading = read("How do I roll back?")

    assert reading.head == reading.prose == reading.body == "How do I roll back?"


def test_code_comments_addresses_and_tags_are_not_prose() -> None:
    text = (
        "Crash\n\n<!-- Do not delete this -->It stops.\n```\nTraceback: E17\n```\n"
        "See https://status.example/x <b>soon</b>. _No response_"
    )

    assert read(text).prose == "Crash. It stops. See soon ."


def test_a_text_of_code_alone_is_read_as_it_is() -> None:
    assert "Traceback" in read("```\nTraceback: E17\n```").prose


@pytest.mark.parametrize("sign", ["```", "<!--", "<", "https://", "Subject:", "\n\n", "\u200b"])
def test_what_is_read_is_bounded(sign: str) -> None:
    reading = read(sign * 200_000)

    assert len(reading.head) <= PROSE_CHARACTERS_MAX
    assert len(reading.prose) <= PROSE_CHARACTERS_MAX
    assert len(reading.raw) <= RAW_CHARACTERS_MAX


def test_words_are_hashed_with_their_neighbours() -> None:
    one, other = surface.words("roll back"), surface.words("back roll")

    assert len(one) == len(other) == 3
    assert len(set(one) & set(other)) == 2


def test_a_typing_error_leaves_most_pieces_as_they_are() -> None:
    right, wrong = set(surface.pieces("certificate")), set(surface.pieces("certifcate"))

    assert len(right & wrong) >= len(right) // 2


def test_template_lines_are_the_same_whatever_number_stands_in_them() -> None:
    assert surface.lines("t\n### Version 1.2") == surface.lines("t\n### Version 22")
    assert surface.lines("only a title") == {}


def test_an_answer_counts_together_with_its_heading() -> None:
    wish, fault = surface.lines("t\n### Kind\n\nA wish"), surface.lines("t\n### Kind\n\nA fault")
    elsewhere = surface.lines("t\n### Area\n\nA wish")

    assert len(wish) == 3  # the heading, the answer, and both
    assert len(set(wish) & set(fault)) == 1
    assert len(set(wish) & set(elsewhere)) == 1


def test_layout_counts_questions_and_failures() -> None:
    quiet, asking = surface.layout("Fine."), surface.layout("Why? It fails with an error, what now?")

    assert len(quiet) == surface.LAYOUT_FEATURES
    assert sum(asking) > sum(quiet)
