"""Invite again, claim a seat, and revoke a seat's token."""

from collections.abc import Callable
from uuid import UUID

from sqlmodel import col, select

from app.access import credentials
from app.assessments.errors import InvitationNotFound, PaperSeat, SeatPersonLeft, SeatWithdrawn
from app.assessments.locking import ensure_open, lock_assessment
from app.assessments.models import AssessmentState, Channel, SeatChange, SeatEvent
from app.assessments.participants.codes import Code, InvitationTerms
from app.assessments.participants.invitations import invite, record_change, remove_invitation, take_invitation
from app.assessments.participants.people import has_left
from app.assessments.participants.schemas import SeatClaimed, SeatInvitation
from app.assessments.participants.service import lock_seat, record_seat_event
from app.assessments.seat_rules import begin_claim, end_claim
from app.db.transaction import Tx
from app.errors import AppError


async def invite_again(
    tx: Tx,
    assessment_id: UUID,
    participant_id: UUID,
    terms: InvitationTerms,
    invalidate: Callable[[], None] | None = None,
) -> SeatInvitation:
    """Invite to a seat again. Its present token and its open invitation end.

    The answer is the same whether or not anything was cast on the seat.

    Args:
        invalidate: drops the cached principals.

    Raises:
        NotFound: The assessment or the seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        Frozen: the assessment is void.
        SeatWithdrawn: the seat was withdrawn.
        PaperSeat: its ballot is entered from paper.
        SeatPersonLeft: its person has left, so that nobody could claim it.
    """
    locked = await lock_assessment(tx, assessment_id, "inviteParticipant")
    participant = await lock_seat(tx, assessment_id, participant_id)
    if locked.assessment.state is AssessmentState.VOID:
        ensure_open(locked.assessment)
    if participant.withdrawn_at is not None:
        raise SeatWithdrawn
    if participant.channel is Channel.PAPER:
        raise PaperSeat
    if await has_left(tx, participant.person_id):
        raise SeatPersonLeft
    was_invited = await _was_invited(tx, assessment_id, participant_id)
    await remove_invitation(tx, participant)
    end_claim(participant, locked.assessment, tx.now)
    tx.touch(participant)
    invitations = await invite(tx, assessment_id, [participant.id], terms)
    record_change(tx, participant, SeatEvent.RE_INVITED if was_invited else SeatEvent.INVITED)
    event = "participant.re_invited" if was_invited else "participant.invited"
    record_seat_event(tx, event, participant, locked.organization.id)
    if invalidate is not None:
        tx.after_commit.append(invalidate)
    return SeatInvitation(participant_id=participant.id, invitation=invitations[participant.id])


async def revoke_token(
    tx: Tx, assessment_id: UUID, participant_id: UUID, invalidate: Callable[[], None] | None = None
) -> None:
    """End a seat's token and its open invitation. The seat and its votes stay. A second call changes nothing.

    Args:
        invalidate: drops the cached principals.

    Raises:
        NotFound: The assessment or the seat does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
    """
    locked = await lock_assessment(tx, assessment_id, "revokeSeatToken")
    participant = await lock_seat(tx, assessment_id, participant_id)
    had_invitation = await remove_invitation(tx, participant)
    had_claim = end_claim(participant, locked.assessment, tx.now)
    if not had_invitation and not had_claim:
        return
    tx.touch(participant)
    record_change(tx, participant, SeatEvent.TOKEN_REVOKED)
    record_seat_event(tx, "participant.token_revoked", participant, locked.organization.id)
    if invalidate is not None:
        tx.after_commit.append(invalidate)


async def claim(tx: Tx, assessment_id: UUID, participant_id: UUID, code: Code) -> SeatClaimed:
    """Claim a seat with the code of its invitation, as the seat itself, and issue its token.

    Raises:
        InvitationNotFound: the invitation is no longer open.
    """
    try:
        locked = await lock_assessment(tx, assessment_id, "claimSeat")
        participant = await lock_seat(tx, assessment_id, participant_id)
    except AppError:
        raise InvitationNotFound from None
    is_open = locked.assessment.state is not AssessmentState.VOID and participant.withdrawn_at is None
    if not is_open or await has_left(tx, participant.person_id) or not await take_invitation(tx, participant, code):
        raise InvitationNotFound
    token, token_hash = credentials.issue(credentials.SEAT_TOKEN, tx.tenant_id)
    begin_claim(participant, locked.assessment, tx.now, token_hash=token_hash)
    tx.touch(participant)
    name = participant.label or participant.seat.value
    record_change(tx, participant, SeatEvent.CLAIMED, actor_name=name)
    record_seat_event(tx, "participant.claimed", participant, locked.organization.id)
    return SeatClaimed(
        token=token,
        token_reason=None,
        expires_at=None,
        participant_id=participant.id,
        seat=participant.seat,
        perspective=participant.perspective,
        assessment_id=assessment_id,
        assessment_title=locked.assessment.title,
        voting_opens_at=locked.assessment.opens_at,
        voting_closes_at=locked.assessment.closes_at,
    )


async def _was_invited(tx: Tx, assessment_id: UUID, participant_id: UUID) -> bool:
    found = await tx.session.scalar(
        select(SeatChange.id)
        .where(
            col(SeatChange.tenant_id) == tx.tenant_id,
            col(SeatChange.assessment_id) == assessment_id,
            col(SeatChange.participant_id) == participant_id,
        )
        .limit(1)
    )
    return found is not None
