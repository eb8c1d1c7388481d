"""AsyncAPI 3.0 documents: for each service the topics it reads and writes.

Source: AsyncAPI Specification 3.0.0, and its Kafka bindings 0.5.0.
"""

from typing import Any

from contracts.flow import Flow, Topic

BINDING_VERSION = "0.5.0"
MILLISECONDS_PER_DAY = 86_400_000


def asyncapi(flow: Flow, service: str) -> dict[str, Any]:
    """The document of one service."""
    reads, writes = flow.consumed_by(service), flow.produced_by(service)
    topics = [topic for topic in flow.topics if topic in reads or topic in writes]
    operations = {f"on-{topic.name}": _receive(topic, service) for topic in reads}
    operations |= {f"send-{topic.name}": _operation("send", topic) for topic in writes}
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:handrail:{service}",
        "info": {
            "title": service,
            "version": "1.0.0",
            "description": f"{flow.services[service]}.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": operations,
        "components": {
            "messages": {topic.event: _message(topic) for topic in topics},
            "messageTraits": {"cloudEvent": {"headers": _headers()}},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Owner: {topic.owner}. Dead letters: {topic.dead_letter or 'none'}.",
        "messages": {topic.event: {"$ref": f"#/components/messages/{topic.event}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": topic.retention_days * MILLISECONDS_PER_DAY,
                    "max.message.bytes": topic.message_bytes_max,
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _operation(action: str, topic: Topic) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.event}"}],
    }


def _receive(topic: Topic, service: str) -> dict[str, Any]:
    group = {"kafka": {"groupId": {"type": "string", "enum": [service]}, "bindingVersion": BINDING_VERSION}}
    return {**_operation("receive", topic), "bindings": group}


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.event,
        "title": topic.name,
        "summary": (topic.event_type.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {"$ref": f"../schemas/{topic.schema_file}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": BINDING_VERSION}},
    }


def _headers() -> dict[str, Any]:
    """CloudEvents 1.0 in Kafka binary mode, and the W3C trace context."""
    text: dict[str, Any] = {"type": "string"}
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"],
        "properties": {
            "ce_specversion": {**text, "const": "1.0"},
            "ce_id": {**text, "format": "uuid", "description": "The event's id, derived from its cause."},
            "ce_type": {**text, "description": "Event type and version, such as ticket-received.v1."},
            "ce_source": {**text, "format": "uri-reference", "description": "/handrail/ and the service."},
            "ce_time": {**text, "format": "date-time"},
            "content-type": {**text, "const": "application/json"},
            "traceparent": {**text, "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
        },
    }
