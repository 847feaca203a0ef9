"""The votes' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.errors import (
    DryRunRefused,
    NotYourSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
)
from app.assessments.queries import row_of
from app.assessments.votes import queries, service
from app.assessments.votes.schemas import Ballot, VoteCast, VoteQuery, VoteRead, VotesCast
from app.errors import AppError, Forbidden, Frozen, PreconditionFailed
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH_TO_REPLACE
from app.http.pagination import page
from app.http.problems import problems
from app.http.write import write
from app.schemas import Key, Page

router = APIRouter(prefix="/v1/assessments/{assessment_id}/votes", tags=["assessments"])
_REFUSALS: tuple[type[AppError], ...] = (
    NotYourSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
    Frozen,
    DryRunRefused,
)


@router.get("", response_model=Page[VoteRead])
async def list_votes(context: ContextDep, assessment_id: UUID, query: Annotated[VoteQuery, Query()]) -> Response:
    """List one's own votes and, after the reveal, the team's. Only a seat of the assessment may."""
    row = await row_of(context, context.principal, assessment_id)
    if context.principal.seat is None:
        raise Forbidden("Votes are seen by the seats of the assessment only.")
    return await page(
        context,
        queries.LIST,
        query,
        queries.present,
        assessment_id=assessment_id,
        own_seat=context.principal.seat.participant_id,
        revealed_round=row["revealed_round"],
        closed_at=row["closed_at"],
    )


@router.patch(
    "",
    response_model=Ballot,
    responses=problems(
        NotYourSeat,
        SeatMayNotVote,
        SeatWithdrawn,
        VoteExists,
        VotingClosed,
        VotingNotOpen,
        Frozen,
        DryRunRefused,
        PreconditionFailed,
    ),
)
async def cast_votes(context: ContextDep, assessment_id: UUID, body: VotesCast) -> Response:
    """Cast or replace many votes, all or none: a whole ballot, or a stack of paper ones."""
    return await write(context, service.cast_many, assessment_id, body)


@router.put(
    "/{participant_id}/{practice}",
    response_model=VoteRead,
    responses={
        201: {"model": VoteRead, "description": "The vote was cast."},
        **problems(
            NotYourSeat, SeatMayNotVote, SeatWithdrawn, VoteExists, VotingClosed, VotingNotOpen, Frozen, DryRunRefused
        ),
    },
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def cast_vote(
    context: ContextDep, assessment_id: UUID, participant_id: UUID, practice: Key, body: VoteCast
) -> Response:
    """Cast a seat's vote on a practice, or replace it in the same round."""
    return await write(context, service.cast, assessment_id, participant_id, practice, body)
