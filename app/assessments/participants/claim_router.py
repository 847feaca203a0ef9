"""The route by which an invited person claims a seat, without any credential."""

import math
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.assessments.errors import InvitationNotFound, TooManyAttempts
from app.assessments.participants import claim_service
from app.assessments.participants.codes import Code
from app.assessments.participants.invitations import OpenInvitation, spend_attempt
from app.assessments.participants.schemas import SeatClaim, SeatClaimed
from app.http.client_address import client_address
from app.http.context import AppState, RequestContext, check_query
from app.http.needs import Needs, needs
from app.http.problems import problems
from app.http.write import write
from app.principal import Principal, Seat, SeatKind

router = APIRouter(prefix="/v1/seats", tags=["assessments"])
_NO_TENANT = UUID(int=0)
# Losing a counted attempt in a crash costs nothing, and a wrong code takes no longer than an unknown one.
_WITHOUT_WAITING = "synchronous_commit = off"


@router.post(
    "/claim",
    status_code=201,
    response_model=SeatClaimed,
    responses=problems(InvitationNotFound, TooManyAttempts),
    dependencies=[Depends(check_query)],
    openapi_extra={"x-one-use": True},
)
@needs(Needs(max_bytes=1_024))
async def claim_seat(request: Request, body: SeatClaim) -> Response:
    """Claim a seat with the code of an invitation.

    Call it without a credential, with the code that was handed to the invited person. The answer holds the seat's
    token, this once: keep it, and send it as `Authorization: Bearer`. Nobody else ever sees it. The code cannot be
    used again; if the answer is lost, ask for another invitation.

    A wrong, used, expired or withdrawn code answers 404 `invitation_not_found`, always alike. After five attempts on
    one code its invitation is closed. After several wrong codes from one address the answer is 429, with Retry-After.

    The token opens what happens from now on: votes that were revealed before stay closed to it, and so does
    everything that a former holder of the seat cast.
    """
    app_state: AppState = request.app.state.app_state
    address = client_address(request.scope, app_state.settings)
    wait = app_state.claim_attempts.spend(address)
    if wait:
        raise TooManyAttempts("Wait before trying another code.", retry_after=math.ceil(wait))
    code = Code.parse(body.code)
    found = None if code is None else await _spend_attempt(app_state, code)
    if code is None or found is None:
        raise InvitationNotFound
    response = await write(
        _as_the_seat(request, app_state, found), claim_service.claim, found.assessment_id, found.participant_id, code
    )
    app_state.claim_attempts.give_back(address)
    return response


def _as_the_seat(request: Request, app_state: AppState, found: OpenInvitation) -> RequestContext:
    seat = Seat(found.assessment_id, found.participant_id, SeatKind.OBSERVER, claim=0, sees_from=0)
    principal = Principal(
        tenant_id=found.tenant_id,
        id=found.participant_id,
        kind="seat",
        name="Invited person",
        tenant_secret=b"",
        seat=seat,
    )
    # Nothing of this answer is kept for a repetition: a stored row could name the seat, and the code is used up.
    head = {name: value for name, value in request.scope["head"].items() if name != b"idempotency-key"}
    scope: dict[str, Any] = {**request.scope, "head": head}
    return RequestContext(scope, principal, app_state)


async def _spend_attempt(app_state: AppState, code: Code) -> OpenInvitation | None:
    """Count the attempt in a separate transaction, so that it counts even if the claim fails."""
    async with app_state.database.writes.transaction(_NO_TENANT, _WITHOUT_WAITING) as connection:
        found = await spend_attempt(connection, code, app_state.clock())
        await connection.commit()
    return found
