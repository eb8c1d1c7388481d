"""Drafts and evidence as HTML, and figures as words; needs no server."""

from datetime import timedelta

import pytest

from admin_portal.review.page import case_page
from admin_portal.review.rendering import draft_html, evidence_html, plain_html
from admin_portal.review.waterfall import waterfall
from admin_portal.review.words import confidence_words, due_words
from contracts.events import Citation, Draft, RankedArticle
from shared.trace_files import SpanRecord
from tests.portal.tickets import NOON, review_requested


def draft(text: str, *spans: tuple[int, int, int]) -> Draft:
    """A draft that cites e1, e2 … in the spans `(number, start, end)`."""
    citations = tuple(
        Citation(number=number, evidence_id=f"e{number}", document_id="d", quote="q", start=start, end=end)
        for number, start, end in spans
    )
    return Draft(text=text, citations=citations, drafter="x", model="m")


def test_tokens_become_chips_and_the_rest_is_escaped() -> None:
    html = plain_html("<b>[EMAIL_1]</b> [x_1]")

    assert html.startswith('&lt;b&gt;<span class="chip"')
    assert "email 1</span>&lt;/b&gt; [x_1]" in html


def test_a_cited_span_is_marked_and_numbered() -> None:
    html = draft_html(draft("Use A. Then B.", (1, 0, 6), (2, 7, 14)))

    assert html.index("Use A.") < html.index('data-ref="1"') < html.index("Then B.") < html.index('data-ref="2"')
    assert html.count('class="cited"') == 2


def test_a_number_that_the_drafter_wrote_is_not_repeated() -> None:
    html = draft_html(draft("Use A [1]. Or [3].", (1, 0, 5)))

    assert html.count('data-ref="1"') == 1
    assert "[1]" not in html
    assert "[3]" in html


def test_an_unsupported_claim_is_marked_inside_a_cited_span() -> None:
    html = draft_html(draft("A is so. B is not.", (1, 0, 18)), ["B is not."])

    assert '<span class="cited unsupported" data-refs="1" title="No evidence supports this.">B is not.</span>' in html


@pytest.mark.parametrize("span", [(1, 0, 500), (1, 4, 4), (1, 7, 2), (1, 90, 99), (1, 5, 9)])
def test_senseless_spans_lose_no_text(span: tuple[int, int, int]) -> None:
    import re

    html = draft_html(draft("Ask [EMAIL_1] & go", span))

    assert re.sub("<a.*?</a>|<.*?>", "", html) == "Ask email 1 &amp; go"


def test_the_quote_is_marked_although_white_space_differs() -> None:
    html = evidence_html("First. A <long>\n  line.", ["A <long> line."])

    assert html == "First. <mark>A &lt;long&gt;\n  line.</mark>"


def test_what_blocks_stands_first_and_nothing_is_told_twice() -> None:
    page = case_page(review_requested())

    assert [finding.code for finding in page.reasons] == ["unsupported_claim", "low_confidence", "mood"]
    assert [passage.numbers for passage in page.cited] == [(1, 2), (3,)]
    assert [passage.evidence.evidence_id for passage in page.uncited] == ["e3"]


def test_what_answered_tickets_like_this_one_stands_first_among_the_uncited() -> None:
    asked = review_requested()
    plain = asked.context.evidence[0]
    spare = [plain.model_copy(update={"evidence_id": f"s{k}", "document_id": f"de/kb-{k}"}) for k in (7, 8)]
    spare = [one.model_copy(update={"language": "de"}) for one in spare]
    page = case_page(
        asked.model_copy(
            update={
                "context": asked.context.model_copy(update={"evidence": (*asked.context.evidence, *spare)}),
                "classification": asked.classification.model_copy(
                    update={"articles": (RankedArticle(article="kb-8", probability=0.82),)}
                ),
            }
        )
    )

    assert [passage.evidence.evidence_id for passage in page.uncited] == ["s8", "e3", "s7"]
    assert page.uncited[0].answered_words == "Answers about 82 of 100 tickets like this one."
    assert page.uncited[1].answered_words == ""


@pytest.mark.parametrize(
    ("confidence", "cases", "says"),
    [(0.72, 143, "about 72 are right. Measured on 143"), (0.72, 12, "Only 12"), (0.99, 0, "A guess")],
)
def test_confidence_says_how_much_stands_behind_it(confidence: float, cases: int, says: str) -> None:
    assert says in confidence_words(confidence, cases)


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (timedelta(minutes=125), "in 2 h 5 min"),
        (timedelta(seconds=-200), "3 min overdue"),
        (timedelta(days=2, hours=3), "in 2 d 3 h"),
        (timedelta(seconds=30), "in 30 s"),
    ],
)
def test_the_clock_reads_well(left: timedelta, says: str) -> None:
    assert due_words(NOON + left, NOON) == says


def test_the_waterfall_puts_children_below_parents_and_linked_traces_apart() -> None:
    def span(name: str, trace: str, parent: str, start: int, end: int) -> SpanRecord:
        return SpanRecord(name, "s", trace, name, parent, start, end, {}, (), "unset")

    parts = waterfall(
        [
            span("a", "1", "", 0, 100),
            span("c", "1", "a", 60, 90),
            span("b", "1", "a", 10, 20),
            span("bb", "1", "b", 12, 18),
            span("lost", "1", "gone", 5, 6),
            span("review", "2", "", 900, 950),
        ]
    )

    assert [[row.span.name for row in part.rows] for part in parts] == [["a", "b", "bb", "c", "lost"], ["review"]]
    assert [row.depth for row in parts[0].rows] == [0, 1, 2, 1, 0]
    assert (parts[0].rows[3].x, parts[0].rows[3].width) == (600.0, 300.0)
