"""What must hold when things break: nothing lost, nothing sent twice."""

import threading
import time

import pytest

from infra.demo.tickets import SampleTicket, Sent
from tests.system.system import System, eventually

pytestmark = pytest.mark.real


def _copies(system: System, count: int) -> list[SampleTicket]:
    return [system.tickets[index % len(system.tickets)] for index in range(count)]


def _send_meanwhile(system: System, tickets: list[SampleTicket], rate: float) -> tuple[threading.Thread, list[Sent]]:
    sent: list[Sent] = []
    thread = threading.Thread(target=lambda: sent.extend(system.send(tickets, rate)))
    thread.start()
    return thread, sent


def _all_settled_once(system: System, sent: list[Sent], count: int) -> None:
    cases = [one.case_id for one in sent]
    assert len(cases) == count
    assert all(cases), [one.status_code for one in sent if not one.case_id]
    eventually(lambda: system.undecided(cases) + system.undelivered(cases), lambda left: left == 0, seconds=240)
    replies = system.replies()
    assert [case_id for case_id in cases if replies[case_id] > 1] == []
    released = [case_id for case_id in cases if system.status(case_id) == "released"]
    assert released
    assert all(replies[case_id] == 1 for case_id in released)


@pytest.mark.timeout(600)
def test_services_killed_in_the_middle_of_200_tickets_lose_nothing_and_send_nothing_twice(system: System) -> None:
    thread, sent = _send_meanwhile(system, _copies(system, 200), rate=20.0)

    for name in ("retrieval", "escalation", "delivery", "delivery-worker", "intake"):
        time.sleep(1.0)
        system.stack.kill(name)
    thread.join()

    _all_settled_once(system, sent, 200)


@pytest.mark.timeout(600)
def test_kafka_stopped_while_webhooks_come_in_delays_tickets_and_loses_none(system: System) -> None:
    system.stack.stop("kafka")
    try:
        sent = system.send(_copies(system, 20), rate=20.0)
        assert [one.status_code for one in sent] == [202] * 20
        assert system.undecided([one.case_id for one in sent]) == 20
    finally:
        system.stack.start("kafka")

    _all_settled_once(system, sent, 20)


@pytest.mark.timeout(300)
def test_a_poison_message_is_one_dead_letter_and_the_rest_flows(system: System) -> None:
    partition, offset = system.publish("ticket-received", b"\xff no JSON \x00", [("ce_type", b"\xfe"), ("x", b"\xff")])

    [sent] = system.send([system.ticket("answer")])

    eventually(lambda: system.undecided([sent.case_id]), lambda left: left == 0)
    letters = eventually(
        lambda: [
            record
            for record in system.messages("dead-letter")
            if f'"original_offset":{offset},'.encode() in record.value
            and f'"original_partition":{partition},'.encode() in record.value
            and b'"service":"classification"' in record.value
        ]
    )
    assert len(letters) == 1


@pytest.mark.timeout(300)
def test_a_redelivered_event_has_one_effect(system: System) -> None:
    tickets = [one for one in system.tickets if one.gold["must"] == "answer" and one.gold["kind"] == "plain"][:20]
    sent = system.send(tickets)
    cases = [one.case_id for one in sent]
    eventually(lambda: system.undecided(cases) + system.undelivered(cases), lambda left: left == 0)
    released = next(case_id for case_id in cases if system.status(case_id) == "released")

    for topic in ("ticket-received", "answer-validated", "answer-released"):
        [record, *_] = system.messages(topic, released)
        system.publish(topic, record.value, list(record.headers), record.key)
    [later] = system.send([system.ticket("answer")])

    eventually(lambda: system.undecided([later.case_id]) + system.undelivered([later.case_id]), lambda left: left == 0)
    eventually(lambda: len(system.messages("answer-validated", released)), lambda count: count >= 3)
    assert system.replies()[released] == 1
    assert len(system.rows("SELECT 1 FROM feedback.record WHERE case_id = :id", id=released)) == 1
    assert len(system.rows("SELECT 1 FROM escalation.case_state WHERE case_id = :id", id=released)) == 1


@pytest.mark.timeout(300)
def test_a_helpdesk_that_breaks_off_gets_no_answer_twice(system: System) -> None:
    tickets = [one for one in system.tickets if one.gold["must"] == "answer" and one.gold["kind"] == "plain"][:10]
    system.break_next_replies("drop", 503, "drop", 429)

    sent = system.send(tickets)

    _all_settled_once(system, sent, len(tickets))
