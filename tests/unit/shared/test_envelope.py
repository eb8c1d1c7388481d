"""Events in messages: what travels, and what is refused on arrival."""

from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from contracts.events import EVENTS, AnswerDrafted, ContextRetrieved, DeadLetter, Event, TicketReceived
from contracts.examples import example, example_files
from shared.envelope import Message, decode, encode
from shared.failures import InvalidMessage
from shared.kafka import to_message
from shared.telemetry import span_context_of, tracer

TICKET = example(TicketReceived, "refund-asked")


def record(
    headers: tuple[tuple[str, bytes], ...] = (), key: bytes | None = b"k", value: bytes | None = b"{}"
) -> object:
    """A Kafka record as aiokafka gives it."""
    return ConsumerRecord("ticket-received", 3, 17, 0, 0, key, value, None, -1, -1, headers)


@pytest.mark.parametrize("event_type", EVENTS, ids=lambda event_type: event_type.topic)
def test_every_event_comes_back_as_it_was_sent(event_type: type[Event]) -> None:
    for file in example_files(event_type.topic):
        event = event_type.model_validate_json(file.read_bytes())

        assert decode(event_type, encode(event, service="tests")) == event


def test_a_message_says_what_it_carries_in_cloudevents_headers() -> None:
    message = encode(TICKET, service="intake")

    assert message.topic == "ticket-received"
    assert message.key == f"northquay:{TICKET.conversation_id}"
    assert {name: message.headers[name] for name in message.headers if name != "traceparent"} == {
        "ce_specversion": "1.0",
        "ce_id": str(TICKET.event_id),
        "ce_type": "ticket-received.v1",
        "ce_source": "/handrail/intake",
        "ce_time": TICKET.occurred_at.isoformat(),
        "content-type": "application/json",
    }


def test_a_message_made_inside_a_span_carries_its_context(spans: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("making") as span:
        message = encode(TICKET, service="intake")

    assert span_context_of(message.headers).trace_id == span.get_span_context().trace_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_dead_letter_keeps_the_key_of_its_message() -> None:
    letter = example(DeadLetter, example_files("dead-letter")[0].stem)

    assert encode(letter, service="drafting", key="acme:1").key == "acme:1"
    assert encode(letter, service="drafting").key == "drafting"


def test_an_event_that_is_too_large_for_its_topic_is_invalid_and_says_how_large_it_is() -> None:
    found = example(ContextRetrieved, "refund-asked")
    passage = found.context.evidence[0].model_copy(update={"text": "é" * 200_000})
    huge = found.model_copy(update={"context": found.context.model_copy(update={"evidence": (passage,) * 11})})

    with pytest.raises(InvalidMessage, match=r"context-retrieved of \d{7} bytes"):
        encode(huge, service="retrieval")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"\x00\xff\xfe", b'"text"', b"{}", b'{"ticket": {"body": 1}}', b"[" * 100_000],
    ids=["empty", "null", "list", "cut", "bytes", "text", "no fields", "wrong fields", "deep"],
)
def test_a_body_that_is_no_such_event_is_invalid(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode(TicketReceived, Message("ticket-received", "", {}, body))


def test_the_reason_names_fields_and_never_quotes_the_message() -> None:
    body = TICKET.model_dump_json().replace('"thread":[]', '"thread":"my password is hunter2"').encode()

    with pytest.raises(InvalidMessage, match=r"ticket\.thread") as refused:
        decode(TicketReceived, Message("ticket-received", "", {}, body))

    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_message_of_another_type_is_invalid_even_where_its_body_would_do() -> None:
    message = encode(TICKET, service="intake")
    with pytest.raises(InvalidMessage, match=r"answer-drafted\.v1"):
        decode(AnswerDrafted, replace(message, topic="answer-drafted"))


def test_a_message_without_a_type_is_judged_by_its_body() -> None:
    assert decode(TicketReceived, replace(encode(TICKET, service="intake"), headers={})) == TICKET


def test_unknown_fields_are_ignored_so_that_fields_can_be_added() -> None:
    message = encode(TICKET, service="intake")
    grown = message.body.replace(b'{"event_id"', b'{"mood":"curious","event_id"', 1)

    assert decode(TicketReceived, replace(message, body=grown)) == TICKET


def test_headers_that_are_no_utf8_are_replaced_and_kept_raw() -> None:
    headers = (("ce_type", b"ticket-\xff\xfe"), ("\u00fc", b"\x00"))
    message = to_message(record(headers=headers))

    assert message.headers == {"ce_type": "ticket-\ufffd\ufffd", "\u00fc": "\x00"}
    assert message.raw_headers == headers
    with pytest.raises(InvalidMessage):
        decode(TicketReceived, message)


def test_a_record_without_key_or_value_is_an_empty_message() -> None:
    message = to_message(record(key=None, value=None))

    assert (message.key, message.body, message.partition, message.offset) == ("", b"", 3, 17)


@pytest.mark.parametrize("traceparent", ["", "00-zz-11-01", "\ufffd", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_trace_context_that_is_none_is_no_context(traceparent: str) -> None:
    assert not span_context_of({"traceparent": traceparent}).is_valid
