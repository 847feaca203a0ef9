"""The participants' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments import seat_reads, seat_service
from app.assessments.errors import (
    AdministratorExists,
    PerspectiveMismatch,
    SeatFixed,
    SeatWithdrawn,
    UnknownReference,
    VotingClosed,
)
from app.assessments.reads import row_of
from app.assessments.seat_schemas import (
    ParticipantCreate,
    ParticipantCreated,
    ParticipantPatch,
    ParticipantQuery,
    ParticipantRead,
    SeatToken,
)
from app.errors import Frozen
from app.http.calls import CallDep
from app.http.openapi import IF_MATCH
from app.http.pages import page
from app.http.problems import problems
from app.http.respond import show
from app.http.write import write
from app.schemas import Page

router = APIRouter(prefix="/v1/assessments/{assessment_id}/participants", tags=["assessments"])


@router.get("", response_model=Page[ParticipantRead])
async def list_participants(
    call: CallDep, assessment_id: UUID, query: Annotated[ParticipantQuery, Query()]
) -> Response:
    """List the seats of an assessment."""
    await row_of(call, call.principal, assessment_id, "listParticipants")
    return await page(
        call,
        seat_reads.LIST,
        query,
        lambda row: ParticipantRead.model_validate(dict(row)),
        assessment_id=assessment_id,
    )


@router.post(
    "",
    status_code=201,
    response_model=ParticipantCreated,
    responses=problems(Frozen, VotingClosed, AdministratorExists, PerspectiveMismatch, UnknownReference),
)
async def add_participant(call: CallDep, assessment_id: UUID, body: ParticipantCreate) -> Response:
    """Add a seat; the answer holds its token, this once."""
    return await write(call, seat_service.add, assessment_id, body)


@router.get("/{participant_id}", response_model=ParticipantRead)
async def get_participant(call: CallDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Read one seat."""
    return show(call, await seat_reads.get(call, call.principal, assessment_id, participant_id))


@router.patch(
    "/{participant_id}",
    response_model=ParticipantRead,
    responses=problems(
        Frozen, VotingClosed, SeatWithdrawn, SeatFixed, AdministratorExists, PerspectiveMismatch, UnknownReference
    ),
    openapi_extra=IF_MATCH,
)
async def update_participant(
    call: CallDep, assessment_id: UUID, participant_id: UUID, body: ParticipantPatch
) -> Response:
    """Change a seat."""
    return await write(call, seat_service.patch, assessment_id, participant_id, body)


@router.delete(
    "/{participant_id}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen, SeatWithdrawn),
    openapi_extra=IF_MATCH,
)
async def withdraw_participant(call: CallDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Withdraw a seat; before the close its votes no longer count."""
    return await write(call, seat_service.withdraw, assessment_id, participant_id)


@router.post(
    "/{participant_id}/token",
    status_code=201,
    response_model=SeatToken,
    responses=problems(Frozen, SeatWithdrawn),
)
async def issue_seat_token(call: CallDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Issue a new token for a seat; the one before stops working."""
    return await write(call, seat_service.issue_token, assessment_id, participant_id)


@router.delete("/{participant_id}/token", status_code=204, response_class=Response)
async def revoke_seat_token(call: CallDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Revoke a seat's token; the seat and its votes stay."""
    return await write(call, seat_service.revoke_token, assessment_id, participant_id)
