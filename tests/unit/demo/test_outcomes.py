"""How a run is scored: by gold, by traces, by what the helpdesk holds."""

from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, Tracer

from infra.demo.outcomes import ORIGIN_SPANS, Outcome, complete_traces, is_correct, summarise
from infra.demo.tickets import SampleTicket, Sent
from shared.trace_files import FileSpanExporter

ANSWERABLE = {"must": "answer", "answers": [["dns", "apex-domain"], ["invoices"]]}


class TestIsCorrect:
    @pytest.mark.parametrize(
        "cited",
        [
            ("dns", "invoices"),
            ("invoices", "apex-domain"),
            ("invoices", "dns", "something-else"),
            ("knowledge/dns.md", "knowledge/billing/invoices.md"),
        ],
    )
    def test_every_question_has_one_of_its_articles_and_the_first_is_one_of_them(self, cited: tuple[str, ...]) -> None:
        assert is_correct(cited, ANSWERABLE)

    @pytest.mark.parametrize("cited", [(), ("dns",), ("dns", "apex-domain"), ("something-else", "dns", "invoices")])
    def test_an_unanswered_question_or_a_wrong_first_article_is_wrong(self, cited: tuple[str, ...]) -> None:
        assert not is_correct(cited, ANSWERABLE)

    @pytest.mark.parametrize(
        "gold", [{}, {"must": "answer"}, {"must": "answer", "answers": []}, {**ANSWERABLE, "must": "specialist"}]
    )
    def test_without_gold_or_where_a_person_must_decide_no_answer_is_right(self, gold: dict[str, Any]) -> None:
        assert not is_correct(("dns", "invoices"), gold)


class TestOutcome:
    @pytest.mark.parametrize(
        ("status", "delivery", "settled"),
        [
            ("", "", False),
            ("released", "", False),
            ("released", "pending", False),
            ("released", "sending", False),
            ("released", "delivered", True),
            ("released", "failed", True),
            ("in_review", "", True),
            ("with_specialist", "", True),
            ("superseded", "", True),
        ],
    )
    def test_a_case_is_settled_when_nothing_more_happens_without_a_person(
        self, status: str, delivery: str, settled: bool
    ) -> None:
        assert Outcome(case_id="1", status=status, delivery=delivery).settled is settled


def sent(number: int, status_code: int = 202, **gold: Any) -> Sent:
    ticket = SampleTicket(id=str(number), subject="", body="-", email="a@b.example", gold=gold)
    taken = status_code == 202
    return Sent(
        ticket=ticket,
        case_id=f"case-{number}" if taken else "",
        trace_id=f"{number:032x}" if taken else "",
        status_code=status_code,
    )


def outcome(number: int, status: str, **fields: Any) -> Outcome:
    return Outcome(case_id=f"case-{number}", status=status, **fields)


class TestSummary:
    def test_each_ticket_is_counted_where_it_ended(self) -> None:
        tickets = [
            sent(1, must="answer", answers=[["dns"]]),
            sent(2, must="answer", answers=[["dns"]]),
            sent(3, must="specialist"),
            sent(4),
            sent(5),
            sent(6),
            sent(7, status_code=503),
        ]
        outcomes = {
            one.case_id: one
            for one in (
                outcome(1, "released", delivery="delivered", cited=("dns",), seconds=1.0),
                outcome(2, "released", delivery="delivered", cited=("tls",), seconds=2.0),
                outcome(3, "released", delivery="failed", seconds=3.0),
                outcome(4, "in_review", seconds=4.0),
                outcome(5, "with_specialist", seconds=5.0),
            )
        }
        summary = summarise(tickets, outcomes, {"case-1", "case-4"}, {"case-1": 1, "case-2": 2})

        assert summary.as_dict() == {
            "received": 6,
            "released": 3,
            "in_review": 1,
            "escalated": 1,
            "failed": 3,  # Refused by intake, lost on the way, and not delivered.
            "released_correct": 1,
            "released_with_gold": 3,
            "people_missed": 1,
            "delivered_twice": 1,
            "traces_complete": 2,
            "p50_seconds": 3.0,
            "p95_seconds": 4.0,
            "cost_usd": 0.0,
            "drafts_by_tier": {"none": 5},
        }

    def test_a_run_without_tickets_has_figures_too(self) -> None:
        assert not any(summarise([], {}, set(), {}).as_dict().values())

    def test_what_models_took_is_added_up(self) -> None:
        tiers = (("small", 0.25), ("small", 0.5), ("extractive", 0.0))
        paid = [
            outcome(number, "in_review", tier=tier, cost_usd=cost) for number, (tier, cost) in enumerate(tiers, start=1)
        ]

        summary = summarise([sent(1), sent(2), sent(3)], {one.case_id: one for one in paid}, set(), {})

        assert summary.cost_usd == 0.75
        assert summary.drafts_by_tier == {"small": 2, "extractive": 1}


class TestCompleteTraces:
    @pytest.fixture
    def tracer(self, tmp_path: Path) -> Tracer:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(tmp_path / "traces", "tests")))
        return provider.get_tracer("tests")

    def case(self, tracer: Tracer, names: set[str], linked: set[str] = frozenset()) -> Sent:  # type: ignore[assignment]
        with tracer.start_as_current_span("root") as root:
            for name in sorted(names):
                with tracer.start_as_current_span(name):
                    pass
        for name in linked:
            with tracer.start_as_current_span(name, links=[Link(root.get_span_context())]):
                pass
        trace_id = f"{root.get_span_context().trace_id:032x}"
        return Sent(ticket=sent(1).ticket, case_id=trace_id, trace_id=trace_id, status_code=202)

    def complete(self, home: Path, one: Sent, status: str) -> bool:
        return one.case_id in complete_traces(home, [one], {one.case_id: Outcome(case_id=one.case_id, status=status)})

    def test_a_released_case_needs_its_delivery_which_may_be_linked(self, tmp_path: Path, tracer: Tracer) -> None:
        after = {"process answer-released", "process feedback-recorded"}
        one = self.case(tracer, {*ORIGIN_SPANS, *after}, {"deliver answer"})

        assert self.complete(tmp_path, one, "released")

    def test_a_case_for_people_needs_its_request(self, tmp_path: Path, tracer: Tracer) -> None:
        one = self.case(tracer, {*ORIGIN_SPANS, "process review-requested"})

        assert self.complete(tmp_path, one, "in_review")
        assert not self.complete(tmp_path, one, "released")

    @pytest.mark.parametrize("missing", sorted(ORIGIN_SPANS))
    def test_a_missing_step_is_noticed(self, tmp_path: Path, tracer: Tracer, missing: str) -> None:
        one = self.case(tracer, {*ORIGIN_SPANS, "process review-requested"} - {missing})

        assert not self.complete(tmp_path, one, "in_review")

    def test_a_case_that_is_not_decided_is_not_complete(self, tmp_path: Path, tracer: Tracer) -> None:
        one = self.case(tracer, {*ORIGIN_SPANS, "process review-requested"})

        assert complete_traces(tmp_path, [one], {}) == set()
