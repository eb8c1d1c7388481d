"""The state of intake, escalation, delivery and feedback: one schema per owner, each with its inbox and outbox."""

from alembic import op

revision = "0002"
down_revision = "0001"

OWNERS = ("intake", "escalation", "delivery", "feedback")

PLUMBING = """
CREATE SCHEMA {owner};
CREATE TABLE {owner}.inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled_at ON {owner}.inbox (handled_at);
CREATE TABLE {owner}.outbox (
    id bigserial PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""

TABLES = """
-- The id is derived from tenant, source and external id. A second unique index over these would let one of two
-- first messages at once fail, because ON CONFLICT guards one index only.
CREATE TABLE intake.conversation (
    conversation_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    turns integer NOT NULL,
    thread jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE intake.webhook (
    tenant text NOT NULL,
    source text NOT NULL,
    delivery_id text NOT NULL,
    case_id uuid,
    trace_id text NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, source, delivery_id)
);
CREATE INDEX webhook_received_at ON intake.webhook (received_at);

CREATE TABLE escalation.conversation (
    conversation_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    latest_turn integer NOT NULL
);
CREATE TABLE escalation.case_state (
    case_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    conversation_id uuid NOT NULL,
    turn integer NOT NULL,
    status text NOT NULL CHECK (status IN
        ('released', 'in_review', 'with_specialist', 'rejected', 'superseded')),
    validated jsonb NOT NULL,
    trace_id text NOT NULL,
    due_at timestamptz,
    delivery text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX case_state_open ON escalation.case_state (due_at) WHERE status IN ('in_review', 'with_specialist');
CREATE INDEX case_state_conversation ON escalation.case_state (conversation_id, turn);

CREATE TABLE delivery.sending (
    case_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    released jsonb NOT NULL,
    traceparent text NOT NULL,
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    receipt text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    next_try_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sending_due ON delivery.sending (next_try_at) WHERE status IN ('pending', 'sending');

CREATE TABLE feedback.record (
    event_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    case_id uuid NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX record_recorded_at ON feedback.record (tenant, recorded_at);
"""


def upgrade() -> None:
    """Creates the schemas of the four owners."""
    for owner in OWNERS:
        op.execute(PLUMBING.format(owner=owner))
    op.execute(TABLES)


def downgrade() -> None:
    """Drops them with all they hold."""
    for owner in OWNERS:
        op.execute(f"DROP SCHEMA {owner} CASCADE")
