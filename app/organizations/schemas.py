"""What goes in and out of the organizations' routes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.http.pagination import ListQuery
from app.schemas import (
    Addressable,
    Body,
    Count,
    Day,
    Instant,
    Key,
    Name,
    Patch,
    Prose,
    Resource,
    Search,
    TimeZone,
    Transition,
)
from app.tree.models import OrganizationKind

_SINCE = (
    "Changed at this instant or later. What an organization has from those above it (`depth`, `effective_timezone`, "
    "`archived_by_id`) changes with them and does not count as its own change."
)


class OrganizationStatus(StrEnum):
    """An archived organization keeps its history and takes nothing new."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class ExternalId(Body):
    """What another system calls an organization or a person; unique within its source."""

    source: Key = Field(description="The other system.", examples=["hr"])
    external_id: Name = Field(description="The id or name that it has in that system.", examples=["4711"])


ExternalIds = Annotated[list[ExternalId], Field(max_length=50)]


class OrganizationCreate(Body):
    """A new organization below another."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parent_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "kind": "county",
                    "name": "North County",
                    "staff_count": 40,
                    "timezone": "America/Chicago",
                    "external_ids": [{"source": "hr", "external_id": "4711"}],
                }
            ]
        }
    )

    parent_id: UUID = Field(description="The organization it belongs to; the tenant's root exists from the start.")
    kind: OrganizationKind
    """What the organization is in the tree."""
    name: Name = Field(examples=["North County"])
    """Name of the organization."""
    staff_count: Count | None = Field(default=None, description="People who work here.")
    timezone: TimeZone | None = Field(
        default=None,
        description="IANA name. Absent or null: the parent's, now and whenever that changes.",
        examples=["America/Chicago"],
    )
    external_ids: ExternalIds = Field(default_factory=list)
    """What other systems call it. Each source links the organization to that system."""


class OrganizationPatch(Patch):
    """Changes of an organization."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "North County Services", "staff_count": 42}]})

    kind: OrganizationKind | MISSING = MISSING
    """What the organization is in the tree."""
    name: Name | MISSING = MISSING
    """Name of the organization."""
    staff_count: Count | MISSING | None = MISSING
    """Number of people who work here. Null: not known."""
    timezone: TimeZone | MISSING | None = Field(
        default=MISSING,
        description="IANA name. Null: the parent's (for the root, UTC). Organizations below that have none follow.",
        examples=["America/Chicago"],
    )
    external_ids: ExternalIds | MISSING = Field(
        default=MISSING, description="External ids; the list replaces the present one."
    )


class OrganizationTransition(Transition):
    """Archive an organization, or restore it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "archived", "reason": "Merged into the region."}]})

    to: OrganizationStatus
    """`archived` or `active`."""


class OrganizationMoveCreate(Body):
    """A move of an organization, with everything below it, to another parent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parent_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "moved_on": "2026-10-01",
                    "reason": "The county joined the southern region.",
                }
            ]
        }
    )

    parent_id: UUID = Field(description="Id of the new parent.")
    moved_on: Day | None = Field(
        default=None,
        description="The day of the move, for the history. It must not be in the future, nor before the "
        "organization's last move. Absent: today. Days are those of the root organization's time zone.",
    )
    reason: Prose | None = Field(default=None, description="Why it moves; kept in the history.")


class OrganizationUpsert(Body):
    """An organization as another system knows it; the parent is named by its id or by one of its external ids."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parent": {"source": "hr", "external_id": "47"},
                    "kind": "county",
                    "name": "North County",
                    "staff_count": 40,
                }
            ]
        }
    )

    parent_id: UUID | None = Field(default=None, description="Id of the parent. Send this or `parent`, not both.")
    parent: ExternalId | None = Field(
        default=None, description="The parent by its external id. Send this or `parent_id`, not both."
    )
    kind: OrganizationKind
    """What the organization is in the tree."""
    name: Name = Field(examples=["North County"])
    """Name of the organization."""
    staff_count: Count | MISSING | None = Field(
        default=MISSING, description="People who work here. Null: not known. Absent: as it is."
    )
    timezone: TimeZone | None = Field(
        default=None,
        description="IANA name. Absent or null: as it is; for a new one the parent's.",
        examples=["America/Chicago"],
    )

    @model_validator(mode="after")
    def _one_parent(self) -> Self:
        if (self.parent_id is None) == (self.parent is None):
            raise PydanticCustomError("one_parent", "Name the parent once: parent_id, or parent")
        return self


class OrganizationRead(Resource):
    """An organization."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f1-0c2d-7e4f-9a50-61b2c3d4e5f6",
                    "version": 1,
                    "created_at": "2026-10-05T13:00:00Z",
                    "updated_at": "2026-10-05T13:00:00Z",
                    "parent_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "kind": "county",
                    "name": "North County",
                    "depth": 1,
                    "staff_count": 40,
                    "timezone": None,
                    "effective_timezone": "America/Chicago",
                    "status": "active",
                    "archived_at": None,
                    "archived_by_id": None,
                    "external_ids": [{"source": "hr", "external_id": "4711"}],
                    "allowed_transitions": ["archived"],
                }
            ]
        },
    )

    parent_id: UUID | None = Field(description="Null for the tenant's root.")
    kind: OrganizationKind
    """What the organization is in the tree."""
    name: str
    """Name of the organization."""
    depth: int = Field(description="Levels below the root.")
    staff_count: int | None
    """Number of people who work here. Null: not known."""
    timezone: str | None = Field(description="IANA name. Null: the parent's.")
    effective_timezone: str = Field(description="The time zone in which this organization's days are counted.")
    status: OrganizationStatus = Field(description="Its own status; see `archived_by_id` for those above it.")
    archived_at: datetime | None = Field(description="UTC. When it was archived itself.")
    archived_by_id: UUID | None = Field(
        description="The nearest archived organization, from this one upwards. While there is one, this "
        "organization accepts nothing new. Null: none is archived."
    )
    external_ids: list[ExternalId]
    """What other systems call it; each source is a link to that system."""
    allowed_transitions: list[OrganizationStatus] = Field(description="Statuses that you may transition it to now.")


class OrganizationMoveRead(Addressable):
    """A recorded move of an organization, with everything below it, to another parent."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f2-3e4f-7051-8263-7485960718a9",
                    "created_at": "2026-10-05T13:00:00Z",
                    "from_parent_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "to_parent_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
                    "moved_on": "2026-10-01",
                    "reason": "The county joined the southern region.",
                    "actor_id": "0198c6ee-5f60-7182-93a4-b5c6d7e8f901",
                    "actor_name": "Administrator",
                }
            ]
        }
    )

    created_at: datetime = Field(description="UTC; when it was recorded.")
    from_parent_id: UUID
    """Id of the old parent."""
    to_parent_id: UUID
    """Id of the new parent."""
    moved_on: date = Field(description="Day of the move. At the end of this day it belongs to the new parent.")
    reason: str | None
    """Why it moved. Null: no reason was sent."""
    actor_id: UUID = Field(description="Id of the principal that moved it.")
    actor_name: str
    """Name of that principal at the time."""


class OrganizationQuery(ListQuery):
    """Filters and order of the list of organizations."""

    parent_id: UUID | None = Field(default=None, description="Only children of this organization.")
    subtree: UUID | None = Field(default=None, description="Only this organization and everything below it.")
    kind: OrganizationKind | None = None
    """Only organizations of this kind."""
    status: OrganizationStatus | None = None
    """Only organizations whose own status is this."""
    q: Search | None = Field(default=None, description="Part of the name; case is ignored.")
    external_source: Key | None = Field(default=None, description="The source of `external_id`. Send both or neither.")
    external_id: Name | None = None
    """Only the organization with this external id. Needs `external_source`."""
    updated_since: Instant | None = Field(default=None, description=_SINCE)
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.external_source is None) != (self.external_id is None):
            raise PydanticCustomError("external_id_pair", "external_source and external_id go together")
        return self


class DescendantQuery(ListQuery):
    """Filters of the list of descendants; the order is the tree's, parents before children."""

    kind: OrganizationKind | None = None
    """Only organizations of this kind."""
    status: OrganizationStatus | None = None
    """Only organizations whose own status is this."""
    max_depth: int | None = Field(default=None, ge=1, le=64, description="Levels below the organization.")
    updated_since: Instant | None = Field(default=None, description=_SINCE)
    sort: Literal["path"] = "path"
    """Order of the list: that of the tree."""


class OrganizationMoveQuery(ListQuery):
    """Filters and order of an organization's moves: as they were recorded, or latest first."""

    updated_since: Instant | None = Field(default=None, description="Recorded at this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """`id`: oldest first. `-id`: latest first."""


__all__ = [
    "DescendantQuery",
    "ExternalId",
    "OrganizationCreate",
    "OrganizationMoveCreate",
    "OrganizationMoveQuery",
    "OrganizationMoveRead",
    "OrganizationPatch",
    "OrganizationQuery",
    "OrganizationRead",
    "OrganizationStatus",
    "OrganizationTransition",
    "OrganizationUpsert",
]
