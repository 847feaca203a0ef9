"""What goes in and out of the audit trail's routes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.http.pagination import ListQuery
from app.schemas import Addressable, Instant, ResponseModel

_Word = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z_.]+$")]


class AuditActor(ResponseModel):
    """Who acted."""

    id: UUID | None = Field(description="Id of the API key's principal, the signed-in person's or the seat.")
    kind: str = Field(description="What acted, such as `api_key`, `seat`, `operator` or `worker`.")
    name: str | None = Field(description="The present name; null if it is not known any more, or was erased.")
    person_id: UUID | None = Field(description="Id of the person behind the actor; null if none is known.")


class AuditChange(ResponseModel):
    """The value of a field before and after."""

    field: str
    """Name of the field."""
    before: Any = Field(default=None, description="The value before; null if there was none or it is not kept.")
    after: Any = Field(default=None, description="The value after; null if there is none or it is not kept.")
    kept: bool = Field(description="False: the field changed, and its values are not kept or were erased.")


class AuditEventRead(Addressable):
    """A write, or the refusal of one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-e5f6-7172-8384-95e6f708192a",
                    "created_at": "2026-10-05T13:00:00Z",
                    "sequence": 41,
                    "outcome": "done",
                    "action": "person.updated",
                    "operation": "updatePerson",
                    "code": None,
                    "actor": {
                        "id": "0198c6ef-3333-7444-8555-666677778888",
                        "kind": "api_key",
                        "name": "HR import",
                        "person_id": None,
                    },
                    "object_type": "person",
                    "object_id": "0198c6f0-d4e5-7061-9273-84d5e6f70819",
                    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
                    "request_id": "0198c6f0a1b27d3e",
                    "source_address": "192.0.2.7",
                    "changes": [{"field": "active", "before": True, "after": False, "kept": True}],
                    "details": {"fields": ["active"]},
                }
            ]
        }
    )

    created_at: datetime
    """When it was written or refused, UTC."""
    sequence: int | None = Field(description="The place in the chain, from 1; null until the row is sealed.")
    outcome: Literal["done", "refused"]
    """`done`: the change was made. `refused`: it was not."""
    action: str = Field(description="What happened, such as `person.updated`; of a refusal `request.refused`.")
    operation: str | None = Field(description="The `operationId` of the request; null outside of a request.")
    code: str | None = Field(description="The code of the refusal; null if the change was made.")
    actor: AuditActor
    """Who made the request."""
    object_type: str
    """What kind of thing was concerned."""
    object_id: UUID | None = Field(description="Id of the thing concerned; null if the request named none.")
    organization_id: UUID | None = Field(description="Id of the organization concerned; null for the whole tenant.")
    request_id: str
    """The request's `X-Request-Id`."""
    source_address: str | None = Field(description="The address of the client; null if not known, or erased.")
    changes: list[AuditChange]
    """The fields that changed. Read those of one object in order, and you have its history."""
    details: dict[str, Any] = Field(description="What else is known: the data of the event, or the refusal's status.")


class AuditQuery(ListQuery):
    """Filters and order of the audit trail."""

    object_type: _Word | None = Field(default=None, description="Only rows about this kind of thing, `person` say.")
    object_id: UUID | None = Field(default=None, description="Only rows about this thing.")
    actor_id: UUID | None = Field(default=None, description="Only rows of this actor.")
    action: _Word | None = Field(default=None, description="Only rows of this action.")
    operation: _Word | None = Field(default=None, description="Only rows of requests with this `operationId`.")
    outcome: Literal["done", "refused"] | None = None
    """`done`: only changes that were made. `refused`: only refusals."""
    updated_since: Instant | None = Field(default=None, description="Only rows of this instant or later.")
    until: Instant | None = Field(default=None, description="Only rows before this instant.")
    sort: Literal["created_at", "-created_at"] = "created_at"
    """Order of the rows; `-` reverses it."""


class AuditVerification(ResponseModel):
    """Whether the sealed audit trail is as it was written."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "intact": True,
                    "rows": 41,
                    "head": "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a",
                    "altered_sequence": None,
                    "altered_id": None,
                    "reason": None,
                }
            ]
        }
    )

    intact: bool
    """Whether every sealed row is as it was sealed."""
    rows: int = Field(description="How many rows are in order, from the first one.")
    head: str = Field(description="The seal of the last of these rows, SHA-256 in hexadecimal. Keep it elsewhere.")
    altered_sequence: int | None = Field(
        description="The place of the first row that was altered; null if none was or it has no place."
    )
    altered_id: UUID | None = Field(description="Id of that row; null if it is gone or none was altered.")
    reason: Literal["missing", "seal", "value", "head"] | None = Field(
        description="`missing`: the row is gone. `seal`: it was changed. `value`: a personal value of it was. `head`: "
        "the recorded end of the chain was. Null if none was altered."
    )
