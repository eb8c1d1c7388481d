"""Every metric, named and explained in one place; names follow OpenTelemetry's conventions where there are any."""

from opentelemetry import metrics

_meter = metrics.get_meter("handrail")

# Messaging (OpenTelemetry semantic conventions for messaging, status: development).
PROCESS_DURATION = _meter.create_histogram(
    "messaging.process.duration",
    unit="s",
    description="Time to process one message; its count is the messages consumed.",
)
SENT = _meter.create_counter("messaging.client.sent.messages", unit="{message}", description="Messages published.")
RETRIED = _meter.create_counter("handrail.message.retries", unit="{retry}", description="Tries after the first.")
DEAD_LETTERS = _meter.create_counter(
    "handrail.dead_letters", unit="{message}", description="Messages that could not be processed."
)
OUTBOX_WAIT = _meter.create_histogram(
    "handrail.outbox.wait", unit="s", description="Time from a committed outbox row to its publication."
)

# What the product decides.
WEBHOOKS = _meter.create_counter("handrail.webhooks", unit="{request}", description="Webhooks, by source and result.")
DECISIONS = _meter.create_counter(
    "handrail.decisions",
    unit="{case}",
    description="Cases decided: released, review, specialist; and by whom.",
)
DELIVERIES = _meter.create_counter("handrail.deliveries", unit="{answer}", description="Deliveries, by result.")
CASE_DURATION = _meter.create_histogram(
    "handrail.case.duration",
    unit="s",
    description="From the customer's message to the decision of the policy.",
)

# Generative AI (OpenTelemetry GenAI conventions); cost has no conventional name.
TOKENS = _meter.create_histogram("gen_ai.client.token.usage", unit="{token}", description="Tokens of one call.")
MODEL_DURATION = _meter.create_histogram(
    "gen_ai.client.operation.duration", unit="s", description="Duration of one call of a model."
)
MODEL_COST = _meter.create_counter("handrail.model.cost", unit="{USD}", description="Money spent on models.")
GATEWAY_HEDGES = _meter.create_counter(
    "handrail.gateway.hedges", unit="{request}", description="Second requests, where the first took too long."
)
GATEWAY_KEPT = _meter.create_counter(
    "handrail.gateway.kept", unit="{response}", description="Responses that were paid for earlier: again, or equal."
)
GATEWAY_FAILED = _meter.create_counter(
    "handrail.gateway.failures", unit="{call}", description="Calls that a tier did not serve, by reason."
)
