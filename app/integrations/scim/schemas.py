"""What goes in and out of the routes of SCIM tokens and of mappings of groups."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from app.http.pagination import ListQuery
from app.principal import Role
from app.schemas import Body, Flag, Instant, Name, RedactionReason, Resource, WithSecret

_TERMS: dict[str, Any] = {"name": "Identity provider, 2026", "expires_at": "2027-10-01T00:00:00Z"}
_TOKEN: dict[str, Any] = {
    "id": "0198c6ef-7777-7888-8999-aaaabbbbcccc",
    "version": 1,
    "created_at": "2026-10-01T09:00:00Z",
    "updated_at": "2026-10-01T09:00:00Z",
    **_TERMS,
    "revoked_at": None,
    "last_used_at": "2026-10-05T12:59:00Z",
}
_ISSUED = {
    **_TOKEN,
    "last_used_at": None,
    "token": "fi_0198c6ef0a1b7c2d8e3f405162738495_3q2-7wTDqMvHhYc1s9LkEwZrXn0oJbUgVtPfA5iKd8Y",
    "token_reason": None,
}


class ScimTokenCreate(Body):
    """A token with which an identity provider calls `/scim/v2`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})

    name: Name
    """What you call the token."""
    expires_at: Instant | None = Field(default=None, description="When it stops working. Null: it does not expire.")


class ScimTokenRead(Resource):
    """A SCIM token, without its secret."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_TOKEN]})

    name: str
    """What you call the token."""
    expires_at: datetime | None = Field(description="When it stops working, in UTC. Null: it does not expire.")
    revoked_at: datetime | None = Field(description="When it was revoked, in UTC. Null: it was not.")
    last_used_at: datetime | None = Field(
        description="When it was last used, in UTC, up to two minutes late. Null: never. It changes no version."
    )


class ScimTokenIssued(ScimTokenRead, WithSecret):
    """A SCIM token with its secret, which is shown once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ISSUED]})

    token: str | None = Field(description="The token, shown only in this answer. Null: see `token_reason`.")
    token_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the token. `dry_run`: "
        "no token was made. Null when `token` is present."
    )

    def redacted(self, reason: RedactionReason) -> Self:
        """The same without the token."""
        return self.model_copy(update={"token": None, "token_reason": reason})


class ScimTokenQuery(ListQuery):
    """Filters and order of the list of SCIM tokens."""

    revoked: Flag | None = Field(default=None, description="`true`: only revoked tokens. `false`: only the others.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""


_TARGET: dict[str, Any] = {
    "group_name": "North County facilitators",
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "role": "facilitator",
}
_MAPPING: dict[str, Any] = {
    "id": "0198c6ef-8888-7999-8aaa-bbbbccccdddd",
    "version": 1,
    "created_at": "2026-10-01T09:00:00Z",
    "updated_at": "2026-10-01T09:00:00Z",
    **_TARGET,
}
_ROLE = (
    "The role that members get on the organization and everything below it, as long as they are members. Null: members "
    "work in the organization."
)


class ScimGroupMappingCreate(Body):
    """What the members of a group of the identity provider get."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TARGET]})

    group_name: Name = Field(description="Display name of the group; case does not count.")
    organization_id: UUID
    """Id of the organization."""
    role: Role | None = Field(default=None, description=_ROLE)


class ScimGroupMappingRead(Resource):
    """What the members of a group of the identity provider get."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_MAPPING]})

    group_name: str = Field(description="Display name of the group; case does not count.")
    organization_id: UUID
    """Id of the organization."""
    role: Role | None = Field(description=_ROLE)


class ScimGroupMappingQuery(ListQuery):
    """Filters and order of the list of mappings."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
