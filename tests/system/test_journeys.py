"""Stories of single tickets through the whole system."""

import json

import httpx
import pytest

from infra.cli.export import row_of
from infra.demo.outcomes import complete_traces, read_outcomes
from services.feedback.adapters import PostgresRecordReader
from shared.clock import now
from tests.system.system import System, eventually

pytestmark = pytest.mark.real


def test_a_sure_answer_reaches_the_customer_and_becomes_a_record(system: System) -> None:
    tickets = [one for one in system.tickets if one.gold["must"] == "answer" and one.gold["kind"] == "plain"][:20]

    sent = system.send(tickets)

    cases = [one.case_id for one in sent]
    eventually(lambda: system.undecided(cases) + system.undelivered(cases), lambda left: left == 0)
    released = [case_id for case_id in cases if system.status(case_id) == "released"]
    assert released, "of twenty plain questions none was answered"
    assert all(system.replies()[case_id] == 1 for case_id in released)
    record = eventually(lambda: system.rows("SELECT body FROM feedback.record WHERE case_id = :id", id=released[0]))
    assert record[0].body["decided_by"] == "policy"
    outcomes = read_outcomes(system.engine, cases)
    eventually(lambda: complete_traces(system.home, sent, outcomes), lambda complete: complete == set(cases), 30)


def test_a_refund_goes_to_a_specialist_and_nothing_is_sent(system: System) -> None:
    ticket = next(one for one in system.tickets if "refund" in one.gold["flags"])

    [sent] = system.send([ticket])

    eventually(lambda: system.status(sent.case_id), lambda status: status == "with_specialist")
    assert system.replies()[sent.case_id] == 0


def test_a_person_edits_the_draft_and_the_customer_gets_the_edited_text(system: System) -> None:
    case_id = _case_for_a_person(system)
    person = system.log_in()
    version = eventually(lambda: person.version(case_id))

    decided = person.decide(case_id, version, "edit", text="Dear customer, a person wrote this. [EMAIL_1]")

    assert decided.status_code == 200
    eventually(lambda: system.status(case_id), lambda status: status == "released")
    reply = eventually(lambda: system.reply_text(case_id))
    assert "a person wrote this. me@customer.example" in reply
    record = eventually(lambda: system.rows("SELECT body FROM feedback.record WHERE case_id = :id", id=case_id))
    assert record[0].body["decision"]["action"] == "edit"
    reader = PostgresRecordReader(system.engine)
    rows = [row_of(one) for one in reader.since(now().replace(year=2020), "northquay")]
    assert any(row["case_id"] == case_id and row["decided_by"] == "person" for row in rows)


def test_two_people_decide_at_once_and_one_decision_holds(system: System) -> None:
    case_id = _case_for_a_person(system)
    alice, bob = system.log_in("agent"), system.log_in("lead")
    seen_by_both = eventually(lambda: alice.version(case_id))

    first = alice.decide(case_id, seen_by_both, "edit", text="Alice answers.")
    second = bob.decide(case_id, seen_by_both, "edit", text="Bob answers.")

    assert first.status_code == 200
    assert second.status_code == 409, second.text[:300]
    assert eventually(lambda: system.reply_text(case_id)) == "Alice answers."
    assert system.replies()[case_id] == 1


def test_a_newer_message_withdraws_the_draft_of_the_older(system: System) -> None:
    ticket_id = "two-turns"
    person = system.log_in()
    first = system.write(ticket_id, "Please let me talk to a real person about my invoice.").json()
    eventually(lambda: system.status(first["case_id"]), lambda status: status in ("in_review", "with_specialist"))
    seen = eventually(lambda: person.version(first["case_id"]))

    second = system.write(ticket_id, "Still waiting for a human being to call me.").json()

    eventually(lambda: system.status(first["case_id"]), lambda status: status == "superseded")
    eventually(lambda: system.status(second["case_id"]), lambda status: status in ("in_review", "with_specialist"))
    eventually(
        lambda: system.rows("SELECT status FROM portal.review_case WHERE case_id = :id", id=first["case_id"]),
        lambda rows: bool(rows) and rows[0].status == "superseded",
    )
    refused = person.decide(first["case_id"], seen, "edit", text="Too late.")
    assert refused.status_code == 409
    assert system.replies()[first["case_id"]] == 0


def test_the_same_delivery_twice_is_one_case(system: System) -> None:
    first = system.write("once", "My build fails.", message_id="msg-same")
    second = system.write("once", "My build fails.", message_id="msg-same")

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == {**first.json(), "status": "duplicate"}
    assert system.rows("SELECT turns FROM intake.conversation WHERE external_id = 'once'")[0].turns == 1


def test_an_unsigned_webhook_is_refused(system: System) -> None:
    url = f"{system.urls['intake']}/v1/webhooks/generic/northquay"

    answer = httpx.post(url, content=json.dumps({"type": "message.created"}), timeout=30)

    assert answer.status_code == 401


def _case_for_a_person(system: System) -> str:
    body = "I want to talk to a human being about my invoice, please. Write to me@customer.example."
    answer = system.write(f"person-{now().timestamp()}", body)
    case_id = str(answer.json()["case_id"])
    eventually(lambda: system.status(case_id), lambda status: status in ("in_review", "with_specialist"))
    return case_id
