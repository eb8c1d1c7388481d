"""What became of tickets: read from the owners' tables and the traces, and scored by gold where there is any."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from infra.demo.tickets import Sent
from shared.trace_files import read_spans

OPEN_DELIVERY = ("", "pending", "sending")
ORIGIN_SPANS = frozenset(
    {
        "POST /v1/webhooks/{source}/{tenant}",
        "process ticket-received",
        "process ticket-classified",
        "process context-retrieved",
        "process answer-drafted",
        "process answer-validated",
    }
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one case. `status` is escalation's; empty where it is not decided yet."""

    case_id: str
    status: str = ""
    delivery: str = ""
    seconds: float = 0.0
    cited: tuple[str, ...] = ()
    intent: str = ""
    confidence: float = 0.0
    tier: str = ""
    cost_usd: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen without a person."""
        return self.status != "" and not (self.status == "released" and self.delivery in OPEN_DELIVERY)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of one run; counts are of tickets, seconds from the webhook to the decision."""

    received: int
    released: int
    in_review: int
    escalated: int
    failed: int
    released_correct: int
    released_with_gold: int
    people_missed: int
    delivered_twice: int
    traces_complete: int
    p50_seconds: float
    p95_seconds: float
    cost_usd: float = 0.0
    drafts_by_tier: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def read_outcomes(engine: Engine, case_ids: Sequence[str]) -> dict[str, Outcome]:
    """The outcomes of these cases; cases that are not decided yet are missing."""
    query = text(
        "SELECT c.case_id, c.status, coalesce(s.status, '') AS delivery,"
        " extract(epoch FROM c.created_at - CAST(c.validated #>> '{ticket,received_at}' AS timestamptz)) AS seconds,"
        " c.validated #> '{draft,citations}' AS citations,"
        " c.validated #>> '{classification,intents,0,intent}' AS intent,"
        " CAST(c.validated #>> '{validation,confidence}' AS float) AS confidence,"
        " coalesce(c.validated #>> '{draft,tier}', '') AS tier,"
        " coalesce(CAST(c.validated #>> '{spent,cost_usd}' AS float), 0) AS cost_usd"
        " FROM escalation.case_state c LEFT JOIN delivery.sending s USING (case_id)"
        " WHERE c.case_id = ANY(CAST(:ids AS uuid[]))"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"ids": list(case_ids)}).all()
    return {
        str(row.case_id): Outcome(
            case_id=str(row.case_id),
            status=row.status,
            delivery=row.delivery,
            seconds=float(row.seconds),
            cited=tuple(dict.fromkeys(citation["document_id"] for citation in row.citations)),
            intent=row.intent or "",
            confidence=row.confidence,
            tier=row.tier,
            cost_usd=row.cost_usd,
        )
        for row in rows
    }


def is_correct(cited: Sequence[str], gold: Mapping[str, Any]) -> bool:
    """Whether a released answer is right by gold: it may be answered, every question has one of its articles among
    the cited ones, and the first cited article is one of them.
    """
    parts = [set(part) for part in gold.get("answers", [])]
    names = [document.rsplit("/", 1)[-1].removesuffix(".md") for document in cited]
    if gold.get("must") != "answer" or not parts or not names:
        return False
    return all(part & set(names) for part in parts) and names[0] in set().union(*parts)


def complete_traces(home: Path, sent: Iterable[Sent], outcomes: Mapping[str, Outcome]) -> set[str]:
    """The cases whose trace has every step: the webhook, five stages, and the delivery or the review that followed."""
    wanted = {one.trace_id: one.case_id for one in sent if one.case_id}
    seen: dict[str, set[str]] = {case_id: set() for case_id in wanted.values()}
    for span in read_spans(home):
        for trace_id in (span.trace_id, *span.links):
            if trace_id in wanted:
                seen[wanted[trace_id]].add(span.name)
    return {
        case_id
        for case_id, names in seen.items()
        if case_id in outcomes and names >= ORIGIN_SPANS | _follow_up(outcomes[case_id].status)
    }


def _follow_up(status: str) -> set[str]:
    if status == "released":
        return {"process answer-released", "deliver answer", "process feedback-recorded"}
    return {"process review-requested"}


def summarise(
    sent: Sequence[Sent], outcomes: Mapping[str, Outcome], traces: set[str], replies: Mapping[str, int]
) -> Summary:
    """The figures of a run.

    Args:
        sent: what intake said to each ticket.
        outcomes: by case id.
        traces: the cases with a complete trace.
        replies: how many replies the helpdesk holds, by case id.
    """
    cases = [(one, outcomes.get(one.case_id)) for one in sent]
    decided = [outcome for _, outcome in cases if outcome is not None]
    released = [(one, outcome) for one, outcome in cases if outcome is not None and outcome.status == "released"]
    seconds = sorted(outcome.seconds for outcome in decided)
    return Summary(
        received=sum(one.status_code == 202 for one in sent),
        released=len(released),
        in_review=sum(outcome.status == "in_review" for outcome in decided),
        escalated=sum(outcome.status == "with_specialist" for outcome in decided),
        failed=sum(outcome is None or outcome.delivery == "failed" for _, outcome in cases),
        released_correct=sum(is_correct(outcome.cited, one.ticket.gold) for one, outcome in released),
        released_with_gold=sum(bool(one.ticket.gold) for one, _ in released),
        people_missed=sum(one.ticket.gold.get("must", "answer") != "answer" for one, _ in released),
        delivered_twice=sum(replies.get(one.case_id, 0) > 1 for one in sent if one.case_id),
        traces_complete=len(traces),
        p50_seconds=round(statistics.median(seconds), 2) if seconds else 0.0,
        p95_seconds=round(seconds[int(0.95 * (len(seconds) - 1))], 2) if seconds else 0.0,
        cost_usd=round(sum(outcome.cost_usd for outcome in decided), 6),
        drafts_by_tier=dict(Counter(outcome.tier or "none" for outcome in decided)),
    )
