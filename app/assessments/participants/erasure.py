"""The seats of a person who is erased: they lose their labels and their holders, and keep their votes."""

from uuid import UUID

from sqlmodel import col, select

from app.assessments.models import Assessment, Participant, SeatEvent
from app.assessments.participants.invitations import record_change, remove_invitation
from app.assessments.participants.service import record_seat_event
from app.assessments.seat_rules import end_claim
from app.db.transaction import Tx


async def end_seats(tx: Tx, person_id: UUID) -> list[UUID]:
    """End the claims and invitations of a person's seats, and drop the labels. Return the ids of the seats.

    The seats stay, those of final assessments too: each counts as before, and so do its votes.
    """
    query = (
        select(Participant, Assessment)
        .join(
            Assessment,
            (col(Assessment.tenant_id) == col(Participant.tenant_id))
            & (col(Assessment.id) == col(Participant.assessment_id)),
        )
        .where(col(Participant.tenant_id) == tx.tenant_id, col(Participant.person_id) == person_id)
        .order_by(col(Participant.assessment_id), col(Participant.id))
    )
    seats = (await tx.session.execute(query.with_for_update())).all()
    for seat, assessment in seats:
        had_invitation = await remove_invitation(tx, seat)
        had_claim = end_claim(seat, assessment, tx.now)
        seat.label = None
        if not tx.touch(seat, also=had_invitation):
            continue
        if had_invitation or had_claim:
            record_change(tx, seat, SeatEvent.TOKEN_REVOKED)
            record_seat_event(tx, "participant.token_revoked", seat, assessment.organization_id)
        else:
            record_seat_event(tx, "participant.updated", seat, assessment.organization_id)
    return [seat.id for seat, _ in seats]
