"""What goes in and out of the event feed."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.events.types import EVENT_TYPES
from app.schemas import ResponseModel

#: The longest time that a request may wait for events, in seconds.
LONGEST_WAIT = 30
#: Asks for the present end of the feed.
LATEST = "latest"


def _known(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("unknown_event_type", "This is not a type of event")
    return name


TypeName = Annotated[
    str,
    StringConstraints(max_length=100),
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": sorted(EVENT_TYPES)}),
]


class EventQuery(BaseModel):
    """Where to begin, how long to wait, and what to leave out."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    after: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None,
        description="`next_after` of the previous answer. Absent: from the oldest event that is kept. `latest`: no "
        "events, only the present end of the feed.",
    )
    wait: int = Field(
        default=0, ge=0, le=LONGEST_WAIT, description="How many seconds to wait for an event where there is none yet."
    )
    limit: int = Field(default=50, ge=1, le=200, description="Most events in an answer.")
    types: list[TypeName] | None = Field(
        default=None, max_length=len(EVENT_TYPES), description="Only events of these types. Repeat it for several."
    )


class EventRead(ResponseModel):
    """Something that happened, in the words of its type."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-e5f6-7172-8384-95e6f708192a",
                    "type": "person.updated",
                    "occurred_at": "2026-10-05T13:00:00Z",
                    "subject_type": "person",
                    "subject_id": "0198c6f0-d4e5-7061-9273-84d5e6f70819",
                    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
                    "data": {"fields": ["active"]},
                }
            ]
        }
    )

    id: UUID = Field(description="Id of the event, a UUIDv7. The same event has the same id each time it is read.")
    type: str = Field(description="Type of the event. The section `webhooks` of this document describes each one.")
    occurred_at: datetime
    """When the change was made, UTC. The order of the feed is that of the commits, which can differ from it."""
    subject_type: str
    """What kind of thing changed."""
    subject_id: UUID
    """Id of the thing that changed. It may be gone by now."""
    organization_id: UUID | None = Field(
        description="Id of the organization that the subject belongs to; null if it belongs to the whole tenant."
    )
    data: dict[str, Any] = Field(description="What the type of the event says more.")


class EventPage(ResponseModel):
    """Events in the order of the feed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": EventRead.model_config["json_schema_extra"]["examples"],  # type: ignore[index]
                    "next_after": "q83vEjRWeJq83u-rze8SNFZ4mrze76vN",
                    "has_more": False,
                }
            ]
        }
    )

    items: list[EventRead]
    """The events, the oldest first."""
    next_after: str
    """Send it as `after` to get what follows. Keep it once you have processed the events of this answer."""
    has_more: bool
    """Whether more of the feed can be read at once."""
