"""The votes' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.acting import act_as_seat
from app.assessments.errors import (
    NotAPaperSeat,
    NotYourSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
)
from app.assessments.queries import require_assessment_row
from app.assessments.votes import queries, service
from app.assessments.votes.schemas import Ballot, VoteCast, VoteQuery, VoteRead, VotesCast
from app.errors import AppError, Forbidden, Frozen, PreconditionFailed
from app.http.context import ContextDep
from app.http.openapi.build import IF_MATCH_TO_REPLACE
from app.http.pagination import page
from app.http.problems import problems
from app.http.write import put_and_read, write_and_read
from app.schemas import Key, Page

router = APIRouter(prefix="/v1/assessments/{assessment_id}/votes", tags=["assessments"])
_REFUSALS: tuple[type[AppError], ...] = (
    NotYourSeat,
    NotAPaperSeat,
    SeatMayNotVote,
    SeatWithdrawn,
    VoteExists,
    VotingClosed,
    VotingNotOpen,
    Frozen,
)


@router.get("", response_model=Page[VoteRead])
async def list_votes(context: ContextDep, assessment_id: UUID, query: Annotated[VoteQuery, Query()]) -> Response:
    """List the votes that this seat may see.

    Call it with a seat's token, or with a sign-in that has claimed its seat: keys are refused with 403, whatever
    their role. A seat sees its own votes at any
    time. After a reveal it also sees the votes which that reveal counted, if the seat was claimed before the reveal.
    Votes of earlier reveals, and votes that a former holder of the same seat cast, never appear. A close reveals
    others' votes: from then on `updated_since` lists them as changed at that close.
    """
    context = act_as_seat(context, assessment_id)
    await require_assessment_row(context, context.principal, assessment_id)
    if context.principal.seat is None:
        raise Forbidden("Votes are seen by the seats of the assessment only.")
    return await page(
        context,
        queries.LIST,
        query,
        assessment_id=assessment_id,
        own_seat=context.principal.seat.participant_id,
        own_claim=context.principal.seat.claim,
        sees_from=context.principal.seat.sees_from,
    )


@router.patch(
    "",
    response_model=Ballot,
    responses=problems(*_REFUSALS, PreconditionFailed),
)
async def cast_votes(context: ContextDep, assessment_id: UUID, body: VotesCast) -> Response:
    """Cast or replace many votes, all or none.

    A seat sends a whole ballot at once; a facilitator or admin enters a stack of paper ballots. Each vote follows the
    rules of casting a single one, and `version` takes the place of If-Match. If one vote is refused, none is stored
    and `errors` names it. The answer lists the votes in the order sent.
    """
    context = act_as_seat(context, assessment_id, *(vote.participant_id for vote in body.votes))
    return await write_and_read(context, queries.get_votes, service.cast_many, assessment_id, body)


@router.put(
    "/{participant_id}/{practice}",
    response_model=VoteRead,
    responses={
        201: {"model": VoteRead, "description": "The vote was cast."},
        **problems(*_REFUSALS),
    },
    openapi_extra=IF_MATCH_TO_REPLACE,
)
async def cast_vote(
    context: ContextDep, assessment_id: UUID, participant_id: UUID, practice: Key, body: VoteCast
) -> Response:
    """Cast a seat's vote on a practice, or replace it in the same round.

    A respondent's seat votes for itself while the assessment is `collecting` and within its voting window. A
    facilitator or admin enters the ballots of paper seats only, until the close; for any other seat a key gets 403
    `not_a_paper_seat`, whether or not the seat has voted. Replacing needs the vote's ETag as If-Match (409
    `vote_exists` without).

    The vote stays sealed until the close. In a later round it replaces the same holder's vote of an earlier round;
    votes on other practices keep counting. After the seat was invited again, the new holder's vote counts only on
    practices on which the former holder has no counted vote. A paper ballot that a close has counted stands: in a later
    round a key adds votes on further practices. Correct a wrong one by the consensus on its practice.
    """
    context = act_as_seat(context, assessment_id, participant_id)
    return await put_and_read(context, queries.get_vote, service.cast, assessment_id, participant_id, practice, body)
