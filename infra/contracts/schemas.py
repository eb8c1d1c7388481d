"""JSON Schemas of the events: what a consumer accepts."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from contracts.flow import Topic

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithoutFieldTitles(GenerateJsonSchema):
    """Field titles would only repeat the names of the fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def json_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of the topic's event, written down as its consumers read it."""
    schema = topic.event_type.model_json_schema(schema_generator=_WithoutFieldTitles)
    return {"$schema": DIALECT, "$id": f"urn:handrail:{topic.name}:v{topic.version}", **schema}
