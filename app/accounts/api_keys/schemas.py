"""What goes in and out of the API keys' routes."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from app.http.pagination import ListQuery
from app.principal import Role
from app.schemas import Body, Flag, Instant, Name, Network, RedactionReason, Resource, WithSecret

_TERMS: dict[str, Any] = {"name": "HR feed, 2026", "expires_at": None, "allowed_networks": ["192.0.2.0/24"]}
_KEY: dict[str, Any] = {
    "id": "0198c6ef-6666-7777-8888-999900001111",
    "version": 1,
    "created_at": "2026-09-01T09:00:00Z",
    "updated_at": "2026-09-01T09:00:00Z",
    "principal_id": "0198c6ef-3333-7444-8555-666677778888",
    "principal_name": "HR feed",
    "maker_id": "0198c6ef-9999-7aaa-8bbb-ccccddddeeee",
    "maker_has_left": False,
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    **_TERMS,
    "revoked_at": None,
    "last_used_at": "2026-10-05T12:59:00Z",
    "former_secret_until": None,
}
_ISSUED = {
    **_KEY,
    "last_used_at": None,
    "key": "fa_0198c6ef0a1b7c2d8e3f405162738495_3q2-7wTDqMvHhYc1s9LkEwZrXn0oJbUgVtPfA5iKd8Y",
    "key_reason": None,
}
_NETWORKS = "Networks from which it works, of IPv4 or IPv6. Empty: everywhere."


class PrincipalKeyCreate(Body):
    """A further key of a principal. It opens everything that the principal may do."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TERMS]})

    name: Name
    """What you call the key."""
    expires_at: Instant | None = Field(default=None, description="When it stops working. Null: it does not expire.")
    allowed_networks: list[Network] = Field(default=[], max_length=20, description=_NETWORKS)


class ApiKeyCreate(PrincipalKeyCreate):
    """A key with one role on one organization and everything below it, for a machine that is made with it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "HR feed, 2026",
                    "role": "integrator",
                    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "expires_at": None,
                    "allowed_networks": ["192.0.2.0/24"],
                }
            ]
        }
    )

    role: Role
    """The role."""
    organization_id: UUID
    """Id of the organization. The role counts there and everywhere below."""


class ApiKeyRotation(Body):
    """How long the present secret still works."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86_400}]})

    overlap_seconds: int = Field(
        default=86_400,
        strict=True,
        ge=0,
        le=2_592_000,
        description="For how long the present secret still works. 0: all former secrets end at once.",
    )


class ApiKeyRead(Resource):
    """An API key, without its secret."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_KEY]})

    name: str
    """What you call the key."""
    principal_id: UUID
    """Id of the principal that it belongs to. Its role grants say what the key may do."""
    principal_name: str
    """Present name of the principal."""
    organization_id: UUID = Field(description="Id of the organization that the principal belongs to.")
    maker_id: UUID | None = Field(
        description="Id of the person who made its present secret or took the key over. Null: no person is known, as "
        "for a key made on the command line."
    )
    maker_has_left: bool
    """Whether the maker has left. The key is refused then, until somebody takes it over or the maker comes back."""
    expires_at: datetime | None = Field(description="When it stops working, in UTC. Null: it does not expire.")
    allowed_networks: list[str] = Field(description=_NETWORKS)
    revoked_at: datetime | None = Field(description="When it was revoked, in UTC. Null: it was not.")
    last_used_at: datetime | None = Field(
        description="When it was last used, in UTC, up to two minutes late. Null: never. It changes no version."
    )
    former_secret_until: datetime | None = Field(
        description="Until when the last of its former secrets works, in UTC. Null: it has none."
    )


class ApiKeyIssued(ApiKeyRead, WithSecret):
    """An API key with its secret, which is shown once."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_ISSUED]})

    key: str | None = Field(description="The key, shown only in this answer. Null: see `key_reason`.")
    key_reason: RedactionReason | None = Field(
        description="`secret_not_replayable`: the first answer to this request showed the key. `dry_run`: "
        "no key was made. Null when `key` is present."
    )

    def redacted(self, reason: RedactionReason) -> Self:
        """The same without the key."""
        return self.model_copy(update={"key": None, "key_reason": reason})


class ApiKeyQuery(ListQuery):
    """Filters and order of the list of API keys."""

    principal_id: UUID | None = Field(default=None, description="Only those of this principal.")
    organization_id: UUID | None = Field(
        default=None, description="Only those whose principal belongs to this organization itself."
    )
    subtree: UUID | None = Field(
        default=None, description="Only those whose principal belongs to this organization or one below it."
    )
    maker_id: UUID | None = Field(default=None, description="Only those that this person made or took over.")
    revoked: Flag | None = Field(default=None, description="`true`: only revoked keys. `false`: only the others.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
