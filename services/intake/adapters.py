"""Intake's state in PostgreSQL, signatures, and pseudonyms."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from contracts.events import Event, Message, conversation_id_of
from services.intake.ports import Conversation, Receipt
from services.intake.rules import clean, within_window
from shared.database import database_errors
from shared.envelope import encode
from shared.tenants import Source
from shared.transaction import write_outbox
from shared.vault import Vault

SCHEMA = "intake"


class SignatureInvalid(Exception):
    """The webhook was not signed with a secret of this source, or is too old; the message says which."""


def verify(source: Source, headers: Mapping[str, str], body: bytes, now: datetime, window_seconds: float) -> str:
    """The id of a delivery whose signature is right.

    Generic: Standard Webhooks (symmetric, `v1`). Zendesk: base64 of HMAC-SHA256 over timestamp and raw body.

    Raises:
        SignatureInvalid: the signature is missing or wrong, or its instant is outside the window.
    """
    secrets = [secret.strip() for secret in source.secret.get_secret_value().split(",") if secret.strip()]
    check = _verify_generic if source.kind == "generic" else _verify_zendesk
    for secret in secrets:
        if (delivery_id := check(secret, headers, body, now, window_seconds)) is not None:
            return delivery_id
    raise SignatureInvalid("the signature does not match a secret of this source")


def _verify_generic(secret: str, headers: Mapping[str, str], body: bytes, now: datetime, window: float) -> str | None:
    try:
        signed_at = datetime.fromtimestamp(float(headers.get("webhook-timestamp", "")), UTC)
    except (ValueError, OverflowError, OSError):
        raise SignatureInvalid("the header webhook-timestamp is missing or no number") from None
    if not within_window(signed_at, now, window):
        raise SignatureInvalid("the signature's timestamp is outside the window")
    message_id = headers.get("webhook-id", "")
    try:
        # The library's own check of the timestamp would go by its clock and a fixed window.
        expected = Webhook(secret).sign(message_id, signed_at, body.decode())
    except (ValueError, EmptyWebhookSecretError):
        return None
    given = headers.get("webhook-signature", "").split(" ")
    matches = any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in given)
    return message_id if message_id and matches else None


def _verify_zendesk(secret: str, headers: Mapping[str, str], body: bytes, now: datetime, window: float) -> str | None:
    timestamp = headers.get("x-zendesk-webhook-signature-timestamp", "")
    try:
        signed_at = datetime.fromisoformat(timestamp)
    except ValueError:
        raise SignatureInvalid("the header x-zendesk-webhook-signature-timestamp is missing or no instant") from None
    if not within_window(signed_at, now, window):
        raise SignatureInvalid("the signature's timestamp is outside the window")
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256).digest()
    if not hmac.compare_digest(base64.b64encode(digest), headers.get("x-zendesk-webhook-signature", "").encode()):
        return None
    # The body's id is covered by the signature; the invocation id in the headers is not.
    try:
        delivery_id = orjson.loads(body).get("id")
    except (orjson.JSONDecodeError, AttributeError):
        delivery_id = None
    return clean(delivery_id) or hashlib.sha256(body).hexdigest()


class VaultPseudonyms:
    """Pseudonyms by keyed hash, originals by encryption, both with the installation's vault key."""

    def __init__(self, key: SecretStr) -> None:
        self._vault = Vault(key)
        self._key = hashlib.sha256(b"pseudonym:" + key.get_secret_value().encode()).digest()

    def pseudonym(self, tenant: str, person: str) -> str:
        """32 hexadecimal digits (HMAC-SHA256, cut)."""
        return hmac.new(self._key, f"{tenant}\x00{person.lower()}".encode(), hashlib.sha256).hexdigest()[:32]

    def seal(self, originals: dict[str, str]) -> str:
        """See `shared.vault`."""
        return self._vault.seal(originals)


@dataclass
class PostgresLedgerWork:
    """One transaction on the schema `intake`."""

    connection: AsyncConnection
    delivery: dict[str, str]
    earlier: Receipt | None

    async def conversation(self, tenant: str, source: str, external_id: str) -> Conversation:
        """Locks the row, so that two messages of one conversation get two turns."""
        conversation_id = conversation_id_of(tenant, source, external_id)
        row = (
            await self.connection.execute(
                text(
                    "INSERT INTO intake.conversation (conversation_id, tenant, source, external_id, turns, thread)"
                    " VALUES (:id, :tenant, :source, :external_id, 0, '[]')"
                    " ON CONFLICT (conversation_id) DO UPDATE SET updated_at = now() RETURNING turns, thread"
                ),
                {"id": conversation_id, "tenant": tenant, "source": source, "external_id": external_id},
            )
        ).one()
        return Conversation(
            conversation_id=conversation_id,
            tenant=tenant,
            source=source,
            external_id=external_id,
            turns=row.turns,
            thread=tuple(Message.model_validate(message) for message in row.thread),
        )

    async def save(self, conversation: Conversation) -> None:
        """Keeps turns and thread."""
        thread = [message.model_dump(mode="json") for message in conversation.thread]
        await self.connection.execute(
            text(
                "UPDATE intake.conversation SET turns = :turns, thread = CAST(:thread AS jsonb), updated_at = now()"
                " WHERE conversation_id = :id"
            ),
            {
                "id": conversation.conversation_id,
                "turns": conversation.turns,
                "thread": orjson.dumps(thread).decode(),
            },
        )

    async def emit(self, event: Event) -> None:
        """Writes an outbox row."""
        await write_outbox(self.connection, SCHEMA, encode(event, service=SCHEMA))

    async def finish(self, receipt: Receipt) -> None:
        """Completes the delivery's row."""
        await self.connection.execute(
            text(
                "UPDATE intake.webhook SET case_id = :case_id, trace_id = :trace_id"
                " WHERE tenant = :tenant AND source = :source AND delivery_id = :delivery_id"
            ),
            {**self.delivery, "case_id": receipt.case_id, "trace_id": receipt.trace_id},
        )


class PostgresLedger:
    """Intake's state in the schema `intake`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def begin(self, tenant: str, source: str, delivery_id: str) -> AsyncIterator[PostgresLedgerWork]:
        """A second delivery with the same id waits for the first, and then sees its receipt."""
        delivery = {"tenant": tenant, "source": source, "delivery_id": delivery_id[:500]}
        async with database_errors(), self._engine.begin() as connection:
            inserted = await connection.execute(
                text(
                    "INSERT INTO intake.webhook (tenant, source, delivery_id)"
                    " VALUES (:tenant, :source, :delivery_id) ON CONFLICT DO NOTHING"
                ),
                delivery,
            )
            earlier = None if inserted.rowcount == 1 else await _receipt(connection, delivery)
            yield PostgresLedgerWork(connection, delivery, earlier)


async def _receipt(connection: AsyncConnection, delivery: dict[str, Any]) -> Receipt:
    row = (
        await connection.execute(
            text(
                "SELECT case_id, trace_id FROM intake.webhook"
                " WHERE tenant = :tenant AND source = :source AND delivery_id = :delivery_id"
            ),
            delivery,
        )
    ).one()
    return Receipt(case_id=row.case_id, trace_id=row.trace_id)
