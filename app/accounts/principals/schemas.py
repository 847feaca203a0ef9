"""What goes in and out of the principals' routes."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field

from app.access.models import PrincipalKind
from app.http.pagination import ListQuery
from app.schemas import Body, Instant, Name, Patch, Resource, Transition

_PRINCIPAL: dict[str, Any] = {
    "kind": "machine",
    "name": "HR feed",
    "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f",
    "person_id": None,
}
_PERSON = "Id of the person whom a principal of kind `person` stands for. A person has one principal at most."
_ORGANIZATION = "Id of the organization it belongs to. Admins of that organization manage it."


class PrincipalStatus(StrEnum):
    """Whether the keys of a principal work."""

    ACTIVE = "active"
    DEACTIVATED = "deactivated"


class PrincipalCreate(Body):
    """A person or a machine that is to hold roles."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PRINCIPAL]})

    kind: PrincipalKind
    """`person` or `machine`."""
    name: Name
    """What the audit trail calls it."""
    organization_id: UUID = Field(description=_ORGANIZATION)
    person_id: UUID | None = Field(default=None, description=_PERSON)


class PrincipalPatch(Patch):
    """Changes of a principal."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "HR feed, nightly"}]})

    name: Name | MISSING = MISSING
    """What the audit trail calls it."""
    person_id: UUID | MISSING | None = Field(default=MISSING, description=_PERSON)


class PrincipalTransition(Transition):
    """Deactivate a principal, or reactivate it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "deactivated", "reason": "The contract ended."}]})

    to: PrincipalStatus
    """`deactivated` or `active`."""


class PrincipalRead(Resource):
    """A person or a machine that can hold roles."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6ef-3333-7444-8555-666677778888",
                    "version": 1,
                    "created_at": "2026-09-01T09:00:00Z",
                    "updated_at": "2026-09-01T09:00:00Z",
                    **_PRINCIPAL,
                    "status": "active",
                    "deactivated_at": None,
                    "allowed_transitions": ["deactivated"],
                }
            ]
        }
    )

    kind: PrincipalKind
    """`person` or `machine`."""
    name: str
    """What the audit trail calls it."""
    organization_id: UUID = Field(description=_ORGANIZATION)
    person_id: UUID | None = Field(description="Id of the person it stands for. Null: none.")
    status: PrincipalStatus
    """`active`, or `deactivated`: its keys are refused."""
    deactivated_at: datetime | None = Field(description="When it was deactivated, in UTC. Null: it is active.")
    allowed_transitions: list[PrincipalStatus] = Field(description="Transitions that you may make now.")


class PrincipalQuery(ListQuery):
    """Filters and order of the list of principals."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    kind: PrincipalKind | None = Field(default=None, description="Only people, or only machines.")
    status: PrincipalStatus | None = Field(default=None, description="Only those with this status.")
    person_id: UUID | None = Field(default=None, description="Only the one that stands for this person.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""
