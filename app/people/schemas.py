"""What goes in and out of the people's routes."""

from typing import Any, Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field, StrictBool

from app.http.pagination import ListQuery
from app.schemas import Body, Flag, Instant, Name, Patch, Resource, Search

_PERSON: dict[str, Any] = {
    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
    "name": "Coach, North County",
    "active": True,
}


class PersonCreate(Body):
    """A person who works in an organization. Send no more personal data than owning work needs."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PERSON]})

    organization_id: UUID
    """Id of the organization the person works in."""
    name: Name
    """Name of the person, or of the role."""
    active: StrictBool = True
    """Whether the person works there now."""


class PersonPatch(Patch):
    """Changes of a person. Another `organization_id` moves the person to that organization."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    organization_id: UUID | MISSING = MISSING
    """Id of the organization the person works in."""
    name: Name | MISSING = MISSING
    """Name of the person, or of the role."""
    active: StrictBool | MISSING = MISSING
    """Whether the person works there now."""


class PersonRead(Resource):
    """A person who can own action items."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-d4e5-7061-9273-84d5e6f70819",
                    "version": 1,
                    "created_at": "2026-09-01T09:00:00Z",
                    "updated_at": "2026-09-01T09:00:00Z",
                    **_PERSON,
                }
            ]
        }
    )

    organization_id: UUID
    """Id of the organization the person works in."""
    name: str
    """Name of the person, or of the role."""
    active: bool = Field(description="Whether they still work there. People who left keep what they own and did.")


class PersonQuery(ListQuery):
    """Filters and order of the list of people."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    active: Flag | None = None
    """`true`: only active people. `false`: only inactive ones."""
    q: Search | None = Field(default=None, description="Part of the name; case is ignored.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
