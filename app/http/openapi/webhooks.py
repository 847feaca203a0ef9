"""The section `webhooks` of the document: each type of event, and what its data holds."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel
from pydantic.alias_generators import to_pascal
from pydantic.json_schema import models_json_schema

from app.http.openapi.describe import describe_tuples

_REF = "#/components/schemas/"


#: The headers of the Standard Webhooks specification that each message has.
_HEADERS: Final[Sequence[Mapping[str, Any]]] = (
    {
        "name": "webhook-id",
        "in": "header",
        "required": True,
        "description": "Id of the event, the same in every attempt. Drop a message whose id you have processed.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "0198c6f0-e5f6-7172-8384-95e6f708192a",
    },
    {
        "name": "webhook-timestamp",
        "in": "header",
        "required": True,
        "description": "When the attempt was made, in seconds since 1970. Refuse a message that is minutes old.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"},
        "example": "1791205201",
    },
    {
        "name": "webhook-signature",
        "in": "header",
        "required": True,
        "description": "`v1,` and the signature of `{webhook-id}.{webhook-timestamp}.{body}`: HMAC with SHA-256, in "
        "base64. While two secrets are in use there are two, separated by a blank; one that verifies is enough.",
        "schema": {"type": "string", "maxLength": 200},
        "example": "v1,Jd4yR0Vv3nPz6CqLx8Wk2mTfHs9bUaEo5iGyN7rQwXc=",
    },
)


class DescribedEvent(Protocol):
    """A type of event."""

    @property
    def name(self) -> str:
        """Return ``<subject type>.<what happened>``."""

    @property
    def summary(self) -> str:
        """Return the sentence that describes it."""

    @property
    def data(self) -> type[BaseModel]:
        """Return the model of its data."""


def describe_webhooks(types: Mapping[str, DescribedEvent], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the section, and add the schemas that it refers to.

    Args:
        types: the registry of event types.
        schemas: those of the document; it has the event of every type as ``EventRead``.
    """
    models = {one.data for one in types.values()}
    _, defined = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=_REF + "{model}",
    )
    describe_tuples(defined)
    schemas.update(defined["$defs"])
    return {name: {"post": _describe(one, schemas)} for name, one in types.items()}


def _describe(one: DescribedEvent, schemas: Mapping[str, Any]) -> dict[str, Any]:
    event = schemas["EventRead"]
    subject = one.name.partition(".")[0]
    data = schemas[one.data.__name__]
    example = {
        **event["examples"][0],
        "type": one.name,
        "subject_type": subject,
        "data": {name: _example(value) for name, value in data.get("properties", {}).items()},
    }
    narrowed = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": [one.name], "description": "The type of the event."},
            "data": {"$ref": _REF + one.data.__name__},
        },
    }
    return {
        "operationId": "on" + to_pascal(one.name.replace(".", "_")),
        "summary": one.summary,
        "description": f"{one.summary}. The feed, `GET /v1/events`, has events of this type as described here, "
        "and webhooks send them.",
        "tags": ["events"],
        "security": [],
        "parameters": [dict(header) for header in _HEADERS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"allOf": [{"$ref": _REF + "EventRead"}, narrowed]},
                    "example": example,
                }
            },
        },
        "responses": {"204": {"description": "The event was taken."}},
    }


def _example(schema: Mapping[str, Any]) -> Any:
    if schema.get("examples"):
        return schema["examples"][0]
    return "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
