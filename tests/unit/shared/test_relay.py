"""The relay's span and counters; the rest of it is tested on a real PostgreSQL."""

from types import SimpleNamespace
from typing import Any, cast

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from contracts.events import TicketReceived
from contracts.examples import example
from shared.envelope import Message, encode
from shared.relay import Relay
from shared.telemetry import span_context_of, tracer


async def test_a_row_is_sent_under_the_span_that_wrote_it_and_carries_the_sending_on(
    spans: InMemorySpanExporter,
) -> None:
    published: list[Message] = []

    async def publish(message: Message) -> None:
        published.append(message)

    with tracer.start_as_current_span("deciding"):
        written = encode(example(TicketReceived, "refund-asked"), service="intake")
    headers = dict(written.headers)
    row = SimpleNamespace(topic=written.topic, key=written.key, headers=headers, body=written.body, waited=0.01)
    await Relay(cast("Any", None), "intake", publish)._send(cast("Any", row))

    deciding, sending = spans.get_finished_spans()
    assert (sending.name, sending.kind) == ("send ticket-received", SpanKind.PRODUCER)
    assert sending.parent is not None
    assert sending.parent.span_id == deciding.context.span_id
    [message] = published
    assert span_context_of(message.headers).span_id == sending.context.span_id
    assert (message.body, message.key) == (written.body, written.key)
    assert headers == written.headers
