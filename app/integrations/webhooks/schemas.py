"""What goes in and out of the webhooks' routes."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import MISSING, AfterValidator, ConfigDict, Field, StrictBool, StringConstraints
from pydantic_core import PydanticCustomError

from app.feed.schemas import TypeName
from app.http.pagination import ListQuery
from app.integrations.webhooks.models import DisabledReason, Outcome
from app.schemas import (
    Addressable,
    Body,
    Flag,
    Instant,
    Line,
    Patch,
    RedactionReason,
    Resource,
    ResponseModel,
    WithSecret,
)

_ORGANIZATION = "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
_EVENT = "0198c6f0-e5f6-7172-8384-95e6f708192a"
_TERMS: dict[str, Any] = {
    "url": "https://hr.example.org/hooks/readiness",
    "description": "Feeds the agency's warehouse",
    "event_types": ["person.created", "person.updated"],
}
_WEBHOOK: dict[str, Any] = {
    "id": "0198c6f0-aaaa-7bbb-8ccc-ddddeeee0001",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    "organization_id": _ORGANIZATION,
    **_TERMS,
    "enabled": True,
    "disabled_reason": None,
    "disabled_at": None,
    "created_by": "0198c6ef-3333-7444-8555-666677778888",
    "failing_since": None,
    "replaying": False,
    "former_secret_until": None,
}
_ISSUED = {**_WEBHOOK, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD4R2mQfEa3bQ=", "secret_reason": None}
_DELIVERY = {
    "id": "0198c6f0-aaaa-7bbb-8ccc-ddddeeee0002",
    "created_at": "2026-10-05T13:00:01Z",
    "webhook_id": _WEBHOOK["id"],
    "event_id": _EVENT,
    "event_type": "person.updated",
    "attempt": 1,
    "outcome": "rejected",
    "status_code": 503,
    "duration_ms": 41,
    "next_attempt_at": "2026-10-05T13:00:06Z",
}


def _check_parts(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise PydanticCustomError("url_parsing", "This is not an absolute http or https URL")
    return value


#: The host is ASCII, and there are neither credentials nor a fragment.
Url = Annotated[
    str,
    StringConstraints(
        max_length=2_000,
        pattern=r"^https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
        r"(?::[0-9]{1,5})?(?:[/?][!$-;=?-Z\[\]_a-z~]*)?$",
    ),
    AfterValidator(_check_parts),
]


def _sort_types(types: list[str]) -> list[str]:
    return sorted(set(types))


Place = Annotated[str, StringConstraints(max_length=100)]
EventTypes = Annotated[list[TypeName], Field(min_length=1, max_length=100), AfterValidator(_sort_types)]
_URL_TEXT = (
    "Where events are sent by POST: `https`, with a name or a public address. Plain `http` is for networks that the "
    "operator of the service allows."
)
_TYPES_TEXT = "Only events of these types. Null: all types, those of later releases included."


class WebhookCreate(Body):
    """An endpoint that is to get events."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"organization_id": _ORGANIZATION, **_TERMS}]})

    organization_id: UUID
    """Id of the organization. The endpoint gets events of it and of everything below it."""
    url: Url = Field(description=_URL_TEXT)
    description: Line | None = Field(default=None, description="What the endpoint is for.")
    event_types: EventTypes | None = Field(default=None, description=_TYPES_TEXT)


class WebhookPatch(Patch):
    """Changes of a webhook."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    url: Url | MISSING = Field(default=MISSING, description=_URL_TEXT)
    description: Line | MISSING | None = MISSING
    """What the endpoint is for. Null clears it."""
    event_types: EventTypes | MISSING | None = Field(default=MISSING, description=_TYPES_TEXT)
    enabled: StrictBool | MISSING = MISSING
    """`false`: nothing is sent until it is `true` again; then what happened meanwhile is sent."""


class WebhookRead(Resource):
    """An endpoint and the events that it gets, without its secret."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_WEBHOOK]})

    organization_id: UUID
    """Id of the organization. The endpoint gets events of it and of everything below it."""
    url: str
    """Where events are sent."""
    description: str | None = Field(description="What the endpoint is for; null if nobody wrote it down.")
    event_types: list[str] | None = Field(description=_TYPES_TEXT)
    enabled: bool
    """Whether events are sent."""
    disabled_reason: DisabledReason | None = Field(
        description="`paused`: somebody disabled it. `gone`: the endpoint answered 410. `failing`: nothing was "
        "delivered for days. `rights_lost`: its creator may no longer have it. Null: it is enabled."
    )
    disabled_at: datetime | None = Field(description="When it was disabled, in UTC. Null: it is enabled.")
    created_by: UUID
    """Id of the principal that created it. The endpoint gets only events that this principal can read."""
    failing_since: datetime | None = Field(
        description="The first of the failures that followed each other without a success or a pause of two days, in "
        "UTC. Null: the last attempt succeeded, or there was none. It changes no version."
    )
    replaying: bool
    """Whether a replay is still being prepared. It changes no version."""
    former_secret_until: datetime | None = Field(
        description="Until when the former secret signs as well, in UTC. Null: there is none."
    )


class WebhookIssued(WebhookRead, WithSecret):
    """A webhook with its secret, which is shown once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ISSUED]})

    secret: str | None = Field(
        description="The secret that signs messages, shown only in this answer. Null: see `secret_reason`."
    )
    secret_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the secret. `dry_run`: "
        "no secret was made. Null when `secret` is present."
    )

    def redacted(self, reason: RedactionReason) -> Self:
        """The same without the secret."""
        return self.model_copy(update={"secret": None, "secret_reason": reason})


class WebhookRotation(Body):
    """How long the present secret still signs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86_400}]})

    overlap_seconds: int = Field(
        default=86_400,
        strict=True,
        ge=0,
        le=2_592_000,
        description="For how long messages are signed with the present secret as well. 0: not any more.",
    )


class WebhookReplay(Body):
    """The part of the feed that is sent again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"after": None, "until": None}]})

    after: Place | None = Field(
        default=None,
        description="A `next_after` of the feed: what follows it is sent. Null: from the oldest event that is kept.",
    )
    until: Place | None = Field(
        default=None, description="A `next_after` of the feed: what follows it is not sent. Null: up to the present."
    )


class WebhookTest(ResponseModel):
    """The event that a test sends."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"event_id": _EVENT}]})

    event_id: UUID
    """Id of the event. The log of deliveries lists the attempts to deliver it."""


class WebhookQuery(ListQuery):
    """Filters and order of the list of webhooks."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    enabled: Flag | None = Field(default=None, description="`true`: only enabled ones. `false`: only the others.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


class WebhookDeliveryRead(Addressable):
    """An attempt to deliver an event."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_DELIVERY]})

    created_at: datetime
    """When the attempt ended, in UTC."""
    webhook_id: UUID
    """Id of the webhook."""
    event_id: UUID
    """Id of the event, which is the `webhook-id` of its message in every attempt."""
    event_type: str
    """Type of the event."""
    attempt: int
    """Number of the attempt, from 1."""
    outcome: Outcome = Field(
        description="`delivered`: the endpoint answered with a status of 200 to 299. `rejected`: with another one. "
        "`timed_out`: it did not answer in time. `unreachable`: no answer came. `address_refused`: its name leads to "
        "an address that the service does not send to. `withheld`: the event is no longer kept, or the creator of the "
        "webhook can no longer read it."
    )
    status_code: int | None = Field(description="The status that the endpoint answered with. Null: it did not answer.")
    duration_ms: int
    """How long the attempt took, in milliseconds."""
    next_attempt_at: datetime | None = Field(
        description="When the event is sent again, in UTC; not while the webhook is disabled. Null: it is not, because "
        "it was delivered or given up."
    )


class WebhookDeliveryQuery(ListQuery):
    """Filters and order of the log of deliveries."""

    event_id: UUID | None = Field(default=None, description="Only attempts to deliver this event.")
    outcome: Outcome | None = Field(default=None, description="Only attempts with this outcome.")
    updated_since: Instant | None = Field(default=None, description="Only attempts at this instant or later.")
    sort: Literal["id", "-id"] = "-id"
    """Order of the list; `-` reverses it."""
