"""The route by which a person who signed in claims their seat, without a code."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.assessments.errors import SeatTaken
from app.assessments.participants import own_seats
from app.assessments.participants.schemas import OwnSeat
from app.errors import Frozen
from app.http.context import ContextDep
from app.http.problems import problems
from app.http.write import write

router = APIRouter(prefix="/v1/assessments/{assessment_id}/own-seat", tags=["assessments"])


@router.post("", response_model=OwnSeat, responses=problems(Frozen, SeatTaken))
async def claim_own_seat(context: ContextDep, assessment_id: UUID) -> Response:
    """Claim your seat in an assessment by signing in.

    Call it with the access token of a sign-in, if a seat of the assessment names you as its `person_id`. From then on
    the same sign-in opens the seat: you vote and read as its holder, and need neither code nor seat token. Of several
    seats you get the respondent's. A second call, or a call with a seat's token, changes nothing.

    The open invitation of the seat ends. As with a code, the seat opens what happens from now on: votes that were
    revealed before stay closed, and so does everything that a former holder cast. If somebody else holds the seat, the
    answer is 409 `seat_taken`; a facilitator can invite to it again, which ends that claim. API keys are refused,
    whatever their role.
    """
    return await write(context, own_seats.claim_own, assessment_id, context.app_state.invalidate)
