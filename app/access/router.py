"""The routes about the caller itself."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from app.http.context import ContextDep
from app.http.responses import show
from app.principal import Role, SeatKind
from app.schemas import Read

router = APIRouter(prefix="/v1/me", tags=["accounts"])


class GrantRead(Read):
    """A role, and the organization on whose subtree it holds."""

    role: Role
    organization_id: UUID


class SeatRead(Read):
    """The one seat a token opens."""

    assessment_id: UUID
    participant_id: UUID
    seat: SeatKind


class Me(Read):
    """The caller."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6ef-3333-7444-8555-666677778888",
                    "tenant_id": "0198c6ef-0a1b-7c2d-8e3f-405162738495",
                    "kind": "api_key",
                    "name": "Facilitator, North County",
                    "grants": [{"role": "facilitator", "organization_id": "0198c6f0-7a8b-7c9d-8e0f-1a2b3c4d5e6f"}],
                    "seat": None,
                }
            ]
        },
    )

    id: UUID
    tenant_id: UUID
    kind: str = Field(description="`api_key`, or `seat` for the holder of a seat's token.")
    name: str
    grants: list[GrantRead]
    seat: SeatRead | None


@router.get("", response_model=Me)
async def get_me(context: ContextDep) -> Response:
    """Say who is calling, and with which roles where."""
    caller = context.principal
    seat = caller.seat
    return show(
        context,
        Me(
            id=caller.id,
            tenant_id=caller.tenant_id,
            kind=caller.kind,
            name=caller.name,
            grants=[GrantRead(role=grant.role, organization_id=grant.organization_id) for grant in caller.grants],
            seat=SeatRead(assessment_id=seat.assessment_id, participant_id=seat.participant_id, seat=seat.kind)
            if seat
            else None,
        ),
    )
