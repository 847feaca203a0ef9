"""The routes about the caller itself."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.http.calls import CallDep
from app.http.respond import show
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

    id: UUID
    tenant_id: UUID
    kind: str = Field(description="`api_key`, or `seat` for the holder of a seat's token.")
    name: str
    grants: list[GrantRead]
    seat: SeatRead | None


@router.get("", response_model=Me)
async def get_me(call: CallDep) -> Response:
    """Say who is calling, and with which roles where."""
    caller = call.principal
    seat = caller.seat
    return show(
        call,
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
