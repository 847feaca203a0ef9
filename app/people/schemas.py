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
    """Somebody who works in an organization. Send no more of a person than owning work needs."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PERSON]})

    organization_id: UUID
    name: Name
    active: StrictBool = True


class PersonPatch(Patch):
    """Changes of a person. Another `organization_id` moves the person; it needs the role at both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    organization_id: UUID | MISSING = MISSING
    name: Name | MISSING = MISSING
    active: StrictBool | MISSING = MISSING


class PersonRead(Resource):
    """Somebody who can own work."""

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
    name: str
    active: bool = Field(description="Whether they still work there; who left keeps what they did.")


class PersonQuery(ListQuery):
    """Filters and order of the list of people."""

    organization_id: UUID | None = Field(default=None, description="Of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Of this organization and everything below it.")
    active: Flag | None = None
    q: Search | None = Field(default=None, description="Part of the name, whatever its case.")
    updated_since: Instant | None = Field(default=None, description="Changed at this instant or later.")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"
