"""Copy the seats of one assessment to another that starts from it."""

from uuid import UUID

from sqlmodel import col, select

from app.assessments.models import Participant
from app.db.transaction import Tx
from app.people.models import Person
from app.tree.models import Organization

_COPIED = ("seat", "channel", "perspective", "label")


async def copy_seats(tx: Tx, source_id: UUID, target_id: UUID) -> None:
    """Copy the seats of another assessment to a draft, without invitations, tokens and votes.

    Withdrawn seats are left out, and so are the seats of people who are no longer active. A person whom the caller
    cannot see is not named: the seat is copied without them.
    """
    found = await tx.session.execute(
        select(Participant, Person.active, col(Organization.path))
        .outerjoin(
            Person,
            (col(Person.tenant_id) == col(Participant.tenant_id)) & (col(Person.id) == col(Participant.person_id)),
        )
        .outerjoin(
            Organization,
            (col(Organization.tenant_id) == col(Person.tenant_id))
            & (col(Organization.id) == col(Person.organization_id)),
        )
        .where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == source_id,
            col(Participant.withdrawn_at).is_(None),
        )
        .order_by(col(Participant.id))
    )
    for seat, active, path in found.all():
        if active is False:
            continue
        tx.insert(
            Participant,
            assessment_id=target_id,
            person_id=seat.person_id if path is not None and tx.principal.reads(path) else None,
            **{name: getattr(seat, name) for name in _COPIED},
        )
