"""The participants' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.errors import (
    AdministratorExists,
    PerspectiveMismatch,
    SeatFixed,
    SeatWithdrawn,
    UnknownReference,
    VotingClosed,
)
from app.assessments.participants import queries, service
from app.assessments.participants.schemas import (
    ParticipantCreate,
    ParticipantCreated,
    ParticipantPatch,
    ParticipantQuery,
    ParticipantRead,
    SeatToken,
)
from app.assessments.queries import row_of
from app.errors import Frozen
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write
from app.schemas import Page
from app.tree.archived import ImplementationEnded, OrganizationArchived

router = APIRouter(prefix="/v1/assessments/{assessment_id}/participants", tags=["assessments"])


@router.get("", response_model=Page[ParticipantRead])
async def list_participants(
    context: ContextDep, assessment_id: UUID, query: Annotated[ParticipantQuery, Query()]
) -> Response:
    """List the seats of an assessment."""
    await row_of(context, context.principal, assessment_id, "listParticipants")
    return await page(
        context,
        queries.LIST,
        query,
        lambda row: ParticipantRead.model_validate(dict(row)),
        assessment_id=assessment_id,
    )


@router.post(
    "",
    status_code=201,
    response_model=ParticipantCreated,
    responses=problems(
        Frozen,
        VotingClosed,
        AdministratorExists,
        PerspectiveMismatch,
        UnknownReference,
        OrganizationArchived,
        ImplementationEnded,
    ),
)
async def add_participant(context: ContextDep, assessment_id: UUID, body: ParticipantCreate) -> Response:
    """Add a seat; the answer holds its token, this once."""
    return await write(context, service.add, assessment_id, body)


@router.get("/{participant_id}", response_model=ParticipantRead)
async def get_participant(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Read one seat."""
    return show(context, await queries.get(context, context.principal, assessment_id, participant_id))


@router.patch(
    "/{participant_id}",
    response_model=ParticipantRead,
    responses=problems(
        Frozen, VotingClosed, SeatWithdrawn, SeatFixed, AdministratorExists, PerspectiveMismatch, UnknownReference
    ),
    openapi_extra=IF_MATCH,
)
async def update_participant(
    context: ContextDep, assessment_id: UUID, participant_id: UUID, body: ParticipantPatch
) -> Response:
    """Change a seat."""
    return await write(context, service.patch, assessment_id, participant_id, body)


@router.delete(
    "/{participant_id}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen, SeatWithdrawn),
    openapi_extra=IF_MATCH,
)
async def withdraw_participant(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Withdraw a seat; before the close its votes no longer count."""
    return await write(context, service.withdraw, assessment_id, participant_id)


@router.post(
    "/{participant_id}/token",
    status_code=201,
    response_model=SeatToken,
    responses=problems(Frozen, SeatWithdrawn),
)
async def issue_seat_token(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Issue a new token for a seat; the one before stops working."""
    return await write(context, service.issue_token, assessment_id, participant_id)


@router.delete("/{participant_id}/token", status_code=204, response_class=Response)
async def revoke_seat_token(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Revoke a seat's token; the seat and its votes stay."""
    return await write(context, service.revoke_token, assessment_id, participant_id)
