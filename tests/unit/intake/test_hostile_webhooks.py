"""Webhooks made to hurt, and what traces say of them."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.intake.adapters import VaultPseudonyms
from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.envelope import W3C
from shared.telemetry import span_context_of, tracer
from tests.unit.intake.edge import ACME, KEY, Edge
from tests.unit.intake.webhooks import WROTE, generic, wrote


class TestHostile:
    async def test_nul_bytes_and_control_characters_are_taken_out(self, edge: Edge) -> None:
        response = await edge.post(generic(wrote(subject="a\x00b", body="c\x00d\r\ne")))

        assert response.status_code == 202
        assert (edge.tickets()[0].ticket.subject, edge.tickets()[0].ticket.body) == ("ab", "cd\ne")

    async def test_a_body_of_a_megabyte_is_a_ticket_of_bounded_length(self) -> None:
        edge = Edge()
        app = build_app({"acme": ACME}, edge.ledger, VaultPseudonyms(KEY), IntakeSettings(), edge.clock)
        edge.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://intake")
        response = await edge.post(generic(wrote(body="é" * 499_000)))

        assert response.status_code == 202
        assert len(edge.tickets()[0].ticket.body) == 100_000

    async def test_a_message_of_nothing_but_addresses_is_taken(self, edge: Edge) -> None:
        response = await edge.post(generic(wrote(body=" ".join(f"a{number}@b.co" for number in range(9000)))))

        assert response.status_code == 202
        assert edge.tickets()[0].ticket.body.startswith("[EMAIL_1] [EMAIL_2]")

    async def test_a_message_of_nothing_but_secrets_is_taken_and_its_seal_bounded(self, edge: Edge) -> None:
        body = " ".join(f"pwd={number:04}" + "🙂" * 40 for number in range(1000))
        response = await edge.post(generic(wrote(body=body)))

        assert response.status_code == 202
        [ticket] = edge.tickets()
        assert "🙂" not in ticket.ticket.body
        assert len(ticket.ticket.sealed) <= 400_000

    @pytest.mark.parametrize("ticket_id", ["'; DROP TABLE x; --", "../../etc/passwd", "<script>", "%s{}", "🙂" * 300])
    async def test_hostile_ids_are_data_like_any_other(self, edge: Edge, ticket_id: str) -> None:
        response = await edge.post(generic(wrote(ticket_id=ticket_id)))

        assert response.status_code == 202
        assert edge.tickets()[0].ticket.external_id == ticket_id[:200]

    async def test_answers_do_not_quote_what_was_sent(self, edge: Edge) -> None:
        response = await edge.post(generic(wrote(ticket_id=None, body="hunter2")))
        assert "hunter2" not in response.text

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        data=st.fixed_dictionaries(
            {},
            optional={
                "ticket_id": st.text() | st.integers() | st.none(),
                "subject": st.text() | st.lists(st.text()),
                "body": st.text() | st.floats(allow_nan=False),
                "requester": st.none() | st.dictionaries(st.sampled_from(["email", "id"]), st.text()),
                "rating": st.integers() | st.booleans(),
            },
        ),
        kind=st.sampled_from(["message.created", "message.sent", "ticket.rated", "ticket.solved"]),
    )
    def test_no_signed_payload_is_a_fault_of_the_server(self, data: dict[str, Any], kind: str) -> None:
        async def post() -> int:
            edge = Edge()
            async with edge.client:
                try:
                    signed = generic({"type": kind, "data": data})
                except orjson.JSONEncodeError:
                    return 400
                return (await edge.post(signed)).status_code

        assert asyncio.run(post()) in (202, 400, 422)


class TestTrace:
    async def test_the_ticket_carries_the_trace_that_the_receipt_names(
        self, edge: Edge, spans: InMemorySpanExporter
    ) -> None:
        response = await edge.post(generic(WROTE))

        [span] = spans.get_finished_spans()
        assert span.attributes is not None
        assert span.name == "POST /v1/webhooks/{source}/{tenant}"
        assert span.attributes["http.response.status_code"] == 202
        trace_id = f"{span.context.trace_id:032x}"
        assert response.json()["trace_id"] == trace_id
        [row] = edge.ledger.outbox.rows
        assert f"{span_context_of(row.headers).trace_id:032x}" == trace_id

    async def test_a_strangers_trace_context_is_not_taken_over(self, edge: Edge, spans: InMemorySpanExporter) -> None:
        strange = "4bf92f3577b34da6a3ce929d0e0e4736"
        # Instrumentation around the app may already have made a span of the stranger's context.
        with tracer.start_as_current_span(
            "server", context=W3C.extract({"traceparent": f"00-{strange}-{'1' * 16}-01"})
        ):
            response = await edge.post(generic(WROTE), traceparent=f"00-{strange}-00f067aa0ba902b7-01")

        assert response.json()["trace_id"] != strange
        [webhook] = [span for span in spans.get_finished_spans() if span.name.startswith("POST")]
        assert webhook.parent is None

    async def test_spans_do_not_quote_the_customer(self, edge: Edge, spans: InMemorySpanExporter) -> None:
        await edge.post(generic(WROTE))
        await edge.post(generic(wrote(ticket_id=None)))

        said = "".join(span.to_json() for span in spans.get_finished_spans())
        assert "certificate" not in said
        assert "ann@" not in said
