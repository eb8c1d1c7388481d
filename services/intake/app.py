"""Takes signed webhooks; produces ticket-received and outcome-observed."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

import orjson
import structlog
from fastapi import FastAPI, Path, Request
from fastapi.responses import JSONResponse
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import OutcomeObserved, TicketReceived
from services.intake import handler
from services.intake.adapters import SCHEMA, PostgresLedger, SignatureInvalid, VaultPseudonyms, verify
from services.intake.ports import Ledger, Pseudonyms, Receipt
from services.intake.rules import READERS, Happening, PayloadInvalid, own_words
from services.intake.settings import IntakeSettings
from shared import metrics
from shared.clock import Clock, now
from shared.database import async_engine, database_errors
from shared.failures import DependencyDown, InvalidMessage, Retryable
from shared.packs import PackInvalid, load_pack
from shared.relay import Relay
from shared.service import OWN_TELEMETRY, Service
from shared.settings import Settings
from shared.telemetry import current_traceparent, trace_id_of, tracer
from shared.tenants import Source, Tenant, load_tenants

PRODUCES = (TicketReceived, OutcomeObserved)
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
log = structlog.get_logger(__name__)


# The body is read raw, because the signature covers its bytes; this is what the document says of it.
WEBHOOK: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The helpdesk's own event (`zendesk`), or a generic one.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "type": {
                            "type": "string",
                            "enum": [
                                "message.created",
                                "message.sent",
                                "ticket.solved",
                                "ticket.reopened",
                                "ticket.rated",
                            ],
                        },
                        "data": {"type": "object", "description": "`ticket_id`, and what the type needs."},
                    },
                }
            }
        },
    },
    "parameters": [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": description}
        for name, description in (
            ("webhook-id", "Generic: the delivery's id (Standard Webhooks)."),
            ("webhook-timestamp", "Generic: seconds since the Unix epoch, at most five minutes off."),
            ("webhook-signature", "Generic: `v1,` and base64 of HMAC-SHA256 over id, timestamp and body."),
            ("x-zendesk-webhook-signature", "Zendesk: base64 of HMAC-SHA256 over timestamp and body."),
            ("x-zendesk-webhook-signature-timestamp", "Zendesk: the instant that was signed."),
        )
    ],
}


class Accepted(BaseModel):
    """The webhook is safe: what it leads to will happen, also if Kafka is down now."""

    status: str
    case_id: str | None
    trace_id: str


class Problem(BaseModel):
    """Why a webhook was not taken (RFC 9457, in short)."""

    title: str
    status: int


ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 404, 413, 422, 503)}


class Refused(Exception):
    """The webhook is answered with an error status and a reason."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


def build_app(
    tenants: dict[str, Tenant],
    ledger: Ledger,
    people: Pseudonyms,
    settings: IntakeSettings,
    clock: Clock = now,
    known_words: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> FastAPI:
    """The HTTP edge: `POST /v1/webhooks/{source}/{tenant}`. `known_words` are, by tenant, no one's names."""
    app = FastAPI(
        title="Handrail intake",
        version="1",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry=OWN_TELEMETRY,
    )
    places = asyncio.Semaphore(settings.requests_at_once_max)

    @app.post(
        "/v1/webhooks/{source}/{tenant}",
        status_code=202,
        response_model=Accepted,
        responses=ERRORS,
        openapi_extra=WEBHOOK,
    )
    async def receive(
        request: Request,
        source: Annotated[str, Path(pattern=NAME)],
        tenant: Annotated[str, Path(pattern=NAME)],
    ) -> JSONResponse:
        """Takes a helpdesk's signed webhook; 202 says that it is safe."""
        with _server_span(source, tenant) as span:
            response = await _receive(request, source, tenant)
            span.set_attribute("http.response.status_code", response.status_code)
            metrics.WEBHOOKS.add(1, {"handrail.source": source, "http.response.status_code": response.status_code})
            return response

    async def _receive(request: Request, source: str, tenant: str) -> JSONResponse:
        try:
            if places.locked():
                raise Refused(503, "too many webhooks at once")
            async with places:
                receipt, duplicate = await _accept(request, source, tenant)
        except Refused as refused:
            return _problem(refused.status, refused.title)
        except InvalidMessage:
            return _problem(413, "the message is larger than an event may be")
        except (DependencyDown, Retryable):
            return _problem(503, "the ticket cannot be kept safe right now; deliver it again")
        return _accepted(receipt, duplicate)

    async def _accept(request: Request, source: str, tenant: str) -> tuple[Receipt, bool]:
        configured = _configured(tenants, tenant, source)
        body = await _read_body(request, settings.body_bytes_max)
        delivery_id, happening = _opened(configured, request, body, clock(), settings)
        async with ledger.begin(tenant, source, delivery_id) as work:
            receipt = await handler.handle(
                happening,
                tenant=tenant,
                source=source,
                work=work,
                people=people,
                trace_id=trace_id_of(current_traceparent()),
                now=clock(),
                known_words=known_words.get(tenant, ()),
            )
            return receipt, work.earlier is not None

    return app


def _configured(tenants: Mapping[str, Tenant], tenant: str, source: str) -> Source:
    configured = tenants[tenant].sources.get(source) if tenant in tenants else None
    if configured is None:
        raise Refused(404, "no such source")
    return configured


def _opened(
    source: Source, request: Request, body: bytes, at: datetime, settings: IntakeSettings
) -> tuple[str, Happening]:
    """The delivery's id and what it tells of, where the signature holds."""
    try:
        delivery_id = verify(source, request.headers, body, at, settings.replay_window_seconds)
        return delivery_id, READERS[source.kind](orjson.loads(body))
    except SignatureInvalid as error:
        raise Refused(401, str(error)) from None
    except orjson.JSONDecodeError:
        raise Refused(400, "the body is no JSON") from None
    except PayloadInvalid as error:
        raise Refused(422, str(error)) from None


async def _read_body(request: Request, bytes_max: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            raise Refused(413, f"the body has more than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


def _server_span(source: str, tenant: str) -> AbstractContextManager[Span]:
    # A root span always: a stranger's traceparent must not decide where our traces hang.
    return tracer.start_as_current_span(
        "POST /v1/webhooks/{source}/{tenant}",
        context=Context(),
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": "POST",
            "http.route": "/v1/webhooks/{source}/{tenant}",
            "handrail.source": source,
            "handrail.tenant": tenant,
        },
    )


def _accepted(receipt: Receipt, duplicate: bool) -> JSONResponse:
    case_id = str(receipt.case_id) if receipt.case_id else None
    status = "duplicate" if duplicate else "accepted"
    return JSONResponse(Accepted(status=status, case_id=case_id, trace_id=receipt.trace_id).model_dump(), 202)


def _problem(status: int, title: str) -> JSONResponse:
    headers = {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse(
        Problem(title=title, status=status).model_dump(), status, headers, media_type="application/problem+json"
    )


async def _database_problem(engine: AsyncEngine) -> str | None:
    try:
        async with database_errors(), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except DependencyDown:
        return "PostgreSQL is not reachable"
    return None


def _words_of(tenant: Tenant) -> frozenset[str]:
    try:
        return own_words(load_pack(tenant.pack))
    except PackInvalid as error:
        # Tickets are taken all the same; the services that need the pack say so by not starting.
        log.warning("pack_unreadable", tenant=tenant.id, reason=str(error))
        return frozenset()


def main() -> None:
    """Runs the service."""
    settings = Settings()
    engine = async_engine(settings, "intake")
    tenants = load_tenants(settings.tenants_file)
    app = build_app(
        tenants,
        PostgresLedger(engine),
        VaultPseudonyms(settings.vault_key),
        IntakeSettings(),
        known_words={name: _words_of(tenant) for name, tenant in tenants.items()},
    )
    Service(
        name="intake",
        settings=settings,
        api=app,
        relay=lambda producer: Relay(engine, SCHEMA, producer.publish),
        checks=[lambda: _database_problem(engine)],
        on_stop=[engine.dispose],
    ).run()


if __name__ == "__main__":
    main()
