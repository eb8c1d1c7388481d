"""What people's decisions teach the classifier."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts.events import Decision, FeedbackRecorded, RankedIntent
from services.classification.training.examples import OUTSIDE, FeedbackUnreadable, of_pack, read_feedback, with_feedback
from tests.unit.cases import HEAD, NOON, classification, draft, intent, pack, retrieved, ticket, validation

PACK = pack(
    intents=(
        intent("deploy_rollback", "auto"),
        intent("billing_refund", "off", queue="trust"),
    )
)


def decided(action: str, body: str, number: int = 1, *, by: str = "person", **fields: Any) -> FeedbackRecorded:
    decision = Decision.model_validate({"action": action, "reviewer": "kim", "decided_at": NOON, **fields})
    head = {**HEAD, "event_id": UUID(int=number), "occurred_at": NOON + timedelta(minutes=number)}
    ranked = (
        RankedIntent(intent="deploy_rollback", probability=0.7),
        RankedIntent(intent="billing_refund", probability=0.2),
    )
    return FeedbackRecorded.model_validate(
        {
            **head,
            "ticket": ticket(body),
            "classification": classification(intents=ranked),
            "context": retrieved().context,
            "draft": draft(),
            "validation": validation(),
            "decided_by": by,
            "decision": decision,
        }
    )


def learned(*records: FeedbackRecorded) -> dict[str, int]:
    before = of_pack(PACK)
    after, count = with_feedback(before, records, PACK)
    added = dict(zip(after.texts[len(before.texts) :], after.labels[len(before.labels) :], strict=True))
    assert len(added) == count
    return added


@pytest.mark.parametrize("action", ["approve", "edit"])
def test_an_approved_draft_confirms_its_intent(action: str) -> None:
    assert learned(decided(action, "Undo the release")) == {"Undo the release": 0}


def test_a_case_handed_to_another_queue_is_of_that_queues_likeliest_intent() -> None:
    assert learned(decided("reassign", "Give it back", queue="trust")) == {"Give it back": 1}


def test_a_case_handed_to_a_queue_without_intents_teaches_nothing() -> None:
    assert learned(decided("reassign", "Give it back", queue="elsewhere")) == {}


def test_what_needs_no_reply_is_out_of_scope() -> None:
    assert learned(decided("reject", "Buy our leads", reason_code="no_reply_needed")) == {"Buy our leads": OUTSIDE}


def test_a_wrong_answer_says_nothing_of_the_intent() -> None:
    assert learned(decided("reject", "Undo the release", reason_code="wrong")) == {}


def test_what_policy_decided_teaches_nothing() -> None:
    assert learned(decided("approve", "Undo the release", by="policy")) == {}


def test_the_newest_decision_on_a_text_counts() -> None:
    first = decided("approve", "Undo it", 1)
    second = decided("reassign", "Undo it", 2, queue="trust")

    assert learned(second, first) == learned(first, second) == {"Undo it": 1}


def test_a_text_of_the_pack_keeps_the_packs_label() -> None:
    assert learned(decided("reassign", "deploy_rollback 1", queue="trust")) == {}


def test_feedback_changes_the_version_of_the_model() -> None:
    before = of_pack(PACK)

    after, _ = with_feedback(before, [decided("approve", "Undo the release")], PACK)

    assert after.version.startswith(before.version)
    assert after.version != before.version


def answers(*records: FeedbackRecorded) -> dict[str, tuple[str, ...]]:
    before = of_pack(PACK)
    after, _ = with_feedback(before, records, PACK)
    return {text: names for text, names in after.answered_by.items() if text not in before.answered_by}


def test_an_approved_draft_confirms_the_article_that_it_cites_first() -> None:
    assert answers(decided("approve", "Undo the release")) == {"Undo the release": ("rollback-a-release",)}


def test_an_edited_draft_says_nothing_of_the_article() -> None:
    assert answers(decided("edit", "Undo the release")) == {}


def test_of_an_earlier_decision_no_article_stays() -> None:
    first = decided("approve", "Undo it", 1)
    second = decided("reassign", "Undo it", 2, queue="trust")

    assert answers(second, first) == {}


def test_nothing_answers_what_needs_no_reply() -> None:
    assert answers(decided("reject", "Buy our leads", reason_code="no_reply_needed")) == {"Buy our leads": ()}


def test_articles_that_people_confirmed_are_known_beside_those_of_the_pack() -> None:
    after, _ = with_feedback(of_pack(PACK), [decided("approve", "Undo the release")], PACK)

    assert "rollback-a-release" in after.articles


def test_exported_records_are_read_again(tmp_path: Path) -> None:
    record = decided("approve", "Undo the release")
    (tmp_path / "feedback.jsonl").write_text(record.model_dump_json() + "\n\n")

    assert read_feedback(tmp_path / "feedback.jsonl") == [record]


@pytest.mark.parametrize("content", ["{}", "not json", '{"decided_by": 1}', "\xff"])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "feedback.jsonl"
    path.write_bytes(b"\n" + content.encode("latin-1"))

    with pytest.raises(FeedbackUnreadable, match="line 2"):
        read_feedback(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeedbackUnreadable, match=r"nowhere\.jsonl"):
        read_feedback(tmp_path / "nowhere.jsonl")
