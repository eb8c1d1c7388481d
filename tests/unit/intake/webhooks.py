"""Webhooks as helpdesks sign them, made by hand from the vendors' descriptions and not by Handrail's code."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

import orjson

from tests.fakes.clock import NOON

DESK_SECRET = "whsec_" + base64.b64encode(b"the secret of the generic desk..").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the secret that is phased out...").decode()
ZENDESK_SECRET = "not-a-real-zendesk-secret"

WROTE: dict[str, Any] = {
    "type": "message.created",
    "data": {
        "ticket_id": "42",
        "subject": "No certificate",
        "body": "Mine is ann@example.com. Why is there no certificate?",
        "channel": "email",
        "requester": {"email": "ann@example.com"},
    },
}
ZENDESK_WROTE: dict[str, Any] = {
    "type": "zen:event-type:ticket.created",
    "account_id": 1,
    "id": "01HZ-event-1",
    "time": "2026-03-02T12:00:00Z",
    "subject": "zen:ticket:42",
    "detail": {
        "id": "42",
        "subject": "No certificate",
        "description": "Why is there no certificate?",
        "requester_id": "9001",
        "via": {"channel": "email"},
    },
    "event": {},
}


def wrote(**data: Any) -> dict[str, Any]:
    """The generic webhook with other data; a value of None leaves the field out."""
    merged = {**WROTE["data"], **data}
    return {**WROTE, "data": {name: value for name, value in merged.items() if value is not None}}


def generic(
    payload: Any, *, message_id: str = "msg_1", at: datetime = NOON, secret: str = DESK_SECRET
) -> tuple[bytes, dict[str, str]]:
    """Body and headers by the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return body, {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def zendesk(
    payload: Any, *, at: str = "2026-03-02T12:00:00Z", secret: str = ZENDESK_SECRET
) -> tuple[bytes, dict[str, str]]:
    """Body and headers by Zendesk's documentation: HMAC-SHA256 over timestamp and body."""
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    digest = hmac.new(secret.encode(), at.encode() + body, hashlib.sha256).digest()
    return body, {
        "x-zendesk-webhook-signature": base64.b64encode(digest).decode(),
        "x-zendesk-webhook-signature-timestamp": at,
    }
