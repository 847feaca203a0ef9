"""What goes in and out of the role grants' routes."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.http.pagination import ListQuery
from app.principal import Role
from app.schemas import Body, Flag, Instant, Patch, Resource

_GRANT: dict[str, Any] = {
    "principal_id": "0198c6ef-3333-7444-8555-666677778888",
    "role": "facilitator",
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "starts_at": None,
    "ends_at": None,
}
_STARTS = "From when it counts. Null: from its creation."
_ENDS = "Until when it counts. Null: it does not end. It may not outlast your own role."


class RoleGrantCreate(Body):
    """A role of a principal on an organization and everything below it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_GRANT]})

    principal_id: UUID
    """Id of the principal that gets the role."""
    role: Role
    """The role."""
    organization_id: UUID
    """Id of the organization. The role counts there and everywhere below."""
    starts_at: Instant | None = Field(default=None, description=_STARTS)
    ends_at: Instant | None = Field(default=None, description=_ENDS)


class RoleGrantPatch(Patch):
    """Changes of a grant's period."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ends_at": "2100-01-01T00:00:00Z"}]})

    starts_at: Instant | MISSING | None = Field(default=MISSING, description=_STARTS)
    ends_at: Instant | MISSING | None = Field(default=MISSING, description=_ENDS)


class RoleGrantRead(Resource):
    """A role of a principal on an organization and everything below it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6ef-5555-7666-8777-888899990000",
                    "version": 1,
                    "created_at": "2026-09-01T09:00:00Z",
                    "updated_at": "2026-09-01T09:00:00Z",
                    **_GRANT,
                    "principal_name": "Facilitator, North County",
                }
            ]
        }
    )

    principal_id: UUID
    """Id of the principal that has the role."""
    principal_name: str
    """Present name of the principal."""
    role: Role
    """The role."""
    organization_id: UUID
    """Id of the organization. The role counts there and everywhere below."""
    starts_at: datetime | None = Field(description="From when it counts, in UTC. Null: from its creation.")
    ends_at: datetime | None = Field(description="Until when it counts, in UTC. Null: it does not end.")


class RoleGrantQuery(ListQuery):
    """Filters and order of the list of role grants."""

    principal_id: UUID | None = Field(default=None, description="Only those of this principal.")
    organization_id: UUID | None = Field(default=None, description="Only those on this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those on this organization and everything below it.")
    role: Role | None = Field(default=None, description="Only those of this role.")
    in_force: Flag | None = Field(
        default=None, description="`true`: only those that count now. `false`: only those that ended or have to start."
    )
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
