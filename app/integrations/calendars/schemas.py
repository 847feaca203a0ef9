"""What goes in and out of the calendars' routes."""

from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from app.http.pagination import ListQuery
from app.schemas import Body, Instant, Name, RedactionReason, Resource, WithSecret

_ORGANIZATION = "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"
_TERMS: dict[str, Any] = {"organization_id": _ORGANIZATION, "name": "North County, due dates", "own_only": False}
_FEED: dict[str, Any] = {
    "id": "0198c6f0-aaaa-7bbb-8ccc-ddddeeee0003",
    "version": 1,
    "created_at": "2026-10-05T13:00:00Z",
    "updated_at": "2026-10-05T13:00:00Z",
    **_TERMS,
    "owner_id": None,
    "created_by": "0198c6ef-3333-7444-8555-666677778888",
}
#: The token of the examples names no tenant.
EXAMPLE_TOKEN = "fc_00000000000000000000000000000000_" + "x" * 43
_ISSUED = {
    **_FEED,
    "url": f"https://readiness.example.org/v1/calendars/{EXAMPLE_TOKEN}.ics",
    "url_reason": None,
}
_OWN_TEXT = "`true`: only items that the person owns for whom you stand. `false`: all items."


class CalendarFeedCreate(Body):
    """Which due dates the calendar shows."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})

    organization_id: UUID
    """Id of the organization. The calendar shows items of it and of everything below it."""
    name: Name
    """Name of the calendar, which calendar programs show."""
    own_only: StrictBool = Field(default=False, description=_OWN_TEXT)
    owner_id: UUID | None = Field(
        default=None,
        description="Only items that this person owns, such as a member of your team. Not together with `own_only`.",
        examples=[None],
    )

    @model_validator(mode="after")
    def _has_one_owner(self) -> Self:
        if self.own_only and self.owner_id is not None:
            raise PydanticCustomError("one_owner", "Send either own_only or owner_id")
        return self


class CalendarFeedRead(Resource):
    """A calendar that can be subscribed to. Its address is never shown again."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_FEED]})

    organization_id: UUID
    """Id of the organization whose items, and those below it, the calendar shows."""
    name: str
    """Name of the calendar."""
    own_only: bool = Field(description="Whether it shows only items that the person owns for whom its creator stands.")
    owner_id: UUID | None = Field(description="Id of the person whose items alone it shows. Null: see `own_only`.")
    created_by: UUID
    """Id of the principal that created it. It shows what this principal can read."""


class CalendarFeedIssued(CalendarFeedRead, WithSecret):
    """A calendar with its address, which is shown once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ISSUED]})

    url: str | None = Field(
        description="The address to subscribe to, shown only in this answer: who knows it reads the calendar. Without "
        "`FA_PUBLIC_URL` it is a path of this service. Null: see `url_reason`."
    )
    url_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the address. `dry_run`: there is "
        "none. Null when `url` is present."
    )

    def redacted(self, reason: RedactionReason) -> Self:
        """Return a copy without the address."""
        return self.model_copy(update={"url": None, "url_reason": reason})


class CalendarFeedQuery(ListQuery):
    """Filters and order of the list of calendar feeds."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    owner_id: UUID | None = Field(default=None, description="Only those of the items of this person.")
    created_by: UUID | None = Field(default=None, description="Only those that this principal created.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
