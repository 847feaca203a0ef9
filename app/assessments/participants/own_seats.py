"""The seats of people who sign in: each is claimed without a code, by the person whose seat it is.

Claiming is a separate step, visible to everyone who sees the seat. If the first vote claimed the seat, the time of the
claim would show who has voted.
"""

from collections.abc import Callable
from uuid import UUID

from sqlmodel import col, select

from app.assessments.errors import SeatTaken
from app.assessments.locking import ensure_open, lock_assessment
from app.assessments.models import AssessmentState, Channel, Participant, SeatEvent
from app.assessments.participants.invitations import record_change, remove_invitation
from app.assessments.participants.schemas import OwnSeat
from app.assessments.participants.service import lock_seat, record_seat_event
from app.assessments.seat_rules import begin_claim, is_claimed
from app.db.transaction import Tx
from app.errors import NotFound
from app.principal import SeatKind, SignedIn


async def claim_own(tx: Tx, assessment_id: UUID, invalidate: Callable[[], None]) -> OwnSeat:
    """Claim the seat of the person who signed in. The seat's invitation ends.

    A seat that these credentials hold already is returned as it is.

    Args:
        invalidate: drops the cached principals.

    Raises:
        NotFound: there is no such assessment, or the caller neither sees it nor has a seat in it.
        Forbidden: the caller sees it, but has no seat in it.
        Frozen: the assessment is void.
        SeatTaken: somebody else holds the seat.
    """
    own_id = await _find_own_seat(tx, assessment_id)
    locked = await lock_assessment(tx, assessment_id, "claimOwnSeat", has_seat=own_id is not None)
    if own_id is None:
        raise NotFound
    seat = await lock_seat(tx, assessment_id, own_id)
    signed_in = tx.principal.signed_in
    if signed_in is not None and seat.holder_id != signed_in.identity_id:
        _check_claimable(seat, signed_in)
        if locked.assessment.state is AssessmentState.VOID:
            ensure_open(locked.assessment)
        await remove_invitation(tx, seat)
        begin_claim(seat, locked.assessment, tx.now, holder_id=signed_in.identity_id)
        tx.touch(seat)
        record_change(tx, seat, SeatEvent.CLAIMED)
        record_seat_event(tx, "participant.claimed", seat, locked.organization.id)
        tx.after_commit.append(invalidate)
    return OwnSeat(
        participant_id=seat.id,
        seat=seat.seat,
        perspective=seat.perspective,
        assessment_id=assessment_id,
        assessment_title=locked.assessment.title,
        voting_opens_at=locked.assessment.opens_at,
        voting_closes_at=locked.assessment.closes_at,
    )


async def _find_own_seat(tx: Tx, assessment_id: UUID) -> UUID | None:
    """Return the seat of the caller: the one that the credentials hold, else a respondent's before others."""
    holder = tx.principal.holder_in(assessment_id) or tx.principal
    if holder.seat is not None:
        return holder.seat.participant_id if holder.seat.assessment_id == assessment_id else None
    if tx.principal.signed_in is None:
        return None
    found: UUID | None = await tx.session.scalar(
        select(col(Participant.id))
        .where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == assessment_id,
            col(Participant.person_id) == tx.principal.signed_in.person_id,
            col(Participant.channel) == Channel.TOKEN,
            col(Participant.withdrawn_at).is_(None),
        )
        .order_by(col(Participant.seat) != SeatKind.RESPONDENT, col(Participant.id))
        .limit(1)
    )
    return found


def _check_claimable(seat: Participant, signed_in: SignedIn) -> None:
    # The seat was found before it was locked.
    is_own = seat.person_id == signed_in.person_id and seat.channel is Channel.TOKEN and seat.withdrawn_at is None
    if not is_own:
        raise NotFound
    if is_claimed(seat):
        raise SeatTaken
