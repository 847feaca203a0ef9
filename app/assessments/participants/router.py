"""The participants' routes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.assessments.errors import (
    AdministratorExists,
    ChannelMismatch,
    InactivePerson,
    PaperSeat,
    PersonSeated,
    PerspectiveMismatch,
    SeatFixed,
    SeatPersonLeft,
    SeatWithdrawn,
    UnknownReference,
    VotingClosed,
)
from app.assessments.participants import claim_service, queries, service
from app.assessments.participants.codes import InvitationTerms
from app.assessments.participants.schemas import (
    ParticipantCreate,
    ParticipantCreated,
    ParticipantPatch,
    ParticipantQuery,
    ParticipantRead,
    ParticipantsCreate,
    ParticipantsCreated,
    SeatChangeQuery,
    SeatChangeRead,
    SeatInvitation,
)
from app.assessments.queries import require_assessment_row
from app.errors import AppError, Frozen
from app.http.context import ContextDep, RequestContext
from app.http.openapi.build import IF_MATCH
from app.http.pagination import page
from app.http.problems import problems
from app.http.responses import show
from app.http.write import write, write_and_read
from app.schemas import Page
from app.tree.archived import ImplementationEnded, OrganizationArchived

router = APIRouter(prefix="/v1/assessments/{assessment_id}/participants", tags=["assessments"])
_REFUSALS: tuple[type[AppError], ...] = (
    Frozen,
    VotingClosed,
    AdministratorExists,
    PerspectiveMismatch,
    ChannelMismatch,
    UnknownReference,
    InactivePerson,
    PersonSeated,
)
_NOTHING_NEW: tuple[type[AppError], ...] = (OrganizationArchived, ImplementationEnded)


def _terms(context: RequestContext) -> InvitationTerms:
    settings = context.app_state.settings
    return InvitationTerms(days=settings.invitation_days, public_url=settings.public_url)


@router.get("", response_model=Page[ParticipantRead])
async def list_participants(
    context: ContextDep, assessment_id: UUID, query: Annotated[ParticipantQuery, Query()]
) -> Response:
    """List the seats of an assessment.

    Use it to see whom the team consists of and who has claimed a seat. Readers of the organization and the holders of
    the assessment's seats may read it. Nothing in it depends on who has voted. Withdrawn seats are included; filter
    with `withdrawn`.
    """
    await require_assessment_row(context, context.principal, assessment_id, "listParticipants")
    return await page(context, queries.LIST, query, assessment_id=assessment_id)


@router.post("", status_code=201, response_model=ParticipantCreated, responses=problems(*_REFUSALS, *_NOTHING_NEW))
async def add_participant(context: ContextDep, assessment_id: UUID, body: ParticipantCreate) -> Response:
    """Add a seat to an assessment, with an invitation to it.

    Call it before the close: between a close and a reopening no respondent is added (409 `voting_closed`), while
    other seats may be. The code of the invitation is shown only in this answer. Hand it to the invited person, who
    claims the seat with `POST /v1/seats/claim`. A paper seat gets no invitation. One person holds one respondent's
    seat, and an inactive person gets none.
    """
    return await write_and_read(context, queries.get_new_seat, service.add, assessment_id, body, _terms(context))


@router.post(
    "/bulk",
    status_code=201,
    response_model=ParticipantsCreated,
    responses=problems(*_REFUSALS, *_NOTHING_NEW),
)
async def add_participants(context: ContextDep, assessment_id: UUID, body: ParticipantsCreate) -> Response:
    """Add up to 200 seats, all or none.

    Use it to set up a whole team in one call. Each seat follows the rules of adding a single one. If one is refused,
    none is added and `errors` points at it. The answer lists the seats in the order sent, each with its invitation;
    the codes are shown only in this answer.
    """
    return await write_and_read(context, queries.get_new_seats, service.add_many, assessment_id, body, _terms(context))


@router.get("/{participant_id}", response_model=ParticipantRead)
async def get_participant(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Read one seat.

    Use it to see whether a seat was claimed, or to get the `ETag` that a change needs. Readers of the organization
    and the holders of the assessment's seats may read it; the answer is 404 to everyone else. Nothing in it depends
    on whether the seat has voted.
    """
    return show(context, await queries.get_participant(context, (assessment_id, participant_id)))


@router.patch(
    "/{participant_id}",
    response_model=ParticipantRead,
    responses=problems(*_REFUSALS, SeatWithdrawn, SeatFixed),
    openapi_extra=IF_MATCH,
)
async def update_participant(
    context: ContextDep, assessment_id: UUID, participant_id: UUID, body: ParticipantPatch
) -> Response:
    """Change a seat.

    The channel can change while the assessment is a draft, and a respondent's seat stays one from the opening on.
    Once a close may have counted the seat's votes, its kind, perspective and person are fixed as well (409
    `seat_fixed`), whether or not it has voted. The label can change until the end. Changing the channel to `paper`
    ends the seat's invitation and token. So does another `person_id` where the former person has left: invite again
    then.
    """
    return await write_and_read(
        context,
        queries.get_participant,
        service.patch,
        assessment_id,
        participant_id,
        body,
        context.app_state.invalidate,
    )


@router.delete(
    "/{participant_id}",
    status_code=204,
    response_class=Response,
    responses=problems(Frozen, SeatWithdrawn),
    openapi_extra=IF_MATCH,
)
async def withdraw_participant(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Withdraw a seat for good.

    Its token and its invitation stop working at once. Votes that a close has counted stay counted, and no figure
    changes. Votes that are still sealed are dropped at the next close; until then the counts of invited and voted
    keep including the seat, so that they do not show whether it had voted.
    """
    return await write(context, service.withdraw_seat, assessment_id, participant_id, context.app_state.invalidate)


@router.get("/{participant_id}/history", response_model=Page[SeatChangeRead])
async def list_participant_history(
    context: ContextDep, assessment_id: UUID, participant_id: UUID, query: Annotated[SeatChangeQuery, Query()]
) -> Response:
    """List what happened to a seat, oldest first.

    Use it to see when the seat was invited, claimed, invited again, revoked or withdrawn, and who did it. Readers of
    the organization and the holders of the assessment's seats may read it. Votes leave no entry.
    """
    await queries.require_participant(context, (assessment_id, participant_id), "listParticipantHistory")
    return await page(
        context,
        queries.HISTORY,
        query,
        assessment_id=assessment_id,
        seat_id=participant_id,
    )


@router.post(
    "/{participant_id}/invitation",
    status_code=201,
    response_model=SeatInvitation,
    responses=problems(Frozen, SeatWithdrawn, PaperSeat, SeatPersonLeft),
)
async def invite_participant(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Invite to a seat again, for instance when its code or token was lost.

    The present token and the open invitation of the seat end at once. The answer contains a new code, shown only
    here. Votes of the former holder stay sealed or counted as they are: the new holder can neither read nor replace
    them, and sees no votes of earlier reveals. Votes of the new holder enter the count of voters only at the close of
    this round. The history of the seat shows `re_invited`. The answer is the same whether or not the seat has voted.
    A seat whose person has left takes no invitation (409 `seat_person_left`): name another person first, or withdraw
    the seat and add one.
    """
    return await write(
        context,
        claim_service.invite_again,
        assessment_id,
        participant_id,
        _terms(context),
        context.app_state.invalidate,
    )


@router.delete("/{participant_id}/token", status_code=204, response_class=Response)
async def revoke_seat_token(context: ContextDep, assessment_id: UUID, participant_id: UUID) -> Response:
    """Revoke the token and the open invitation of a seat.

    Use it when a token or a code may have reached the wrong person. The token stops working within one second; the
    seat and its votes stay. A second call changes nothing. To give somebody access again, invite to the seat again.
    """
    return await write(context, claim_service.revoke_token, assessment_id, participant_id, context.app_state.invalidate)
