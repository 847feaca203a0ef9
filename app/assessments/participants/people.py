"""The rule for who may hold a seat: a visible, active person with at most one respondent's seat."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import or_
from sqlmodel import col, select

from app.access.policy import is_visible
from app.assessments.errors import InactivePerson, PersonSeated, UnknownReference
from app.assessments.models import Participant
from app.db.transaction import Tx
from app.errors import FieldError
from app.people.models import Person
from app.principal import SeatKind
from app.tree.models import Organization

#: A person, whether the seat is a respondent's, and the pointer to the person in the body.
Wanted = tuple[UUID, bool, str]


async def check_people(
    tx: Tx, assessment_id: UUID, wanted: Sequence[Wanted], *, changed_seat: UUID | None = None
) -> None:
    """Check the people who are to get seats in a locked assessment.

    Args:
        changed_seat: the seat that is changed, which does not conflict with itself; None: the seats are new.

    Raises:
        UnknownReference: The person does not exist, or the caller cannot see them.
        InactivePerson: A person is not active.
        PersonSeated: a second respondent's seat for one person.
    """
    if not wanted:
        return
    known = await _lock_people(tx, [person for person, _, _ in wanted])
    respondents = [person for person, is_respondent, _ in wanted if is_respondent]
    seated = await _find_seated(tx, assessment_id, respondents, changed_seat)
    for person, is_respondent, pointer in wanted:
        path, active = known.get(person, (None, False))
        if path is None or not tx.principal.reads(path):
            raise _at(UnknownReference, pointer, "No such person is visible to these credentials")
        if not active:
            raise _at(InactivePerson, pointer, InactivePerson.title)
        if is_respondent:
            if person in seated:
                raise _at(PersonSeated, pointer, PersonSeated.title)
            seated.add(person)


async def has_left(tx: Tx, person_id: UUID | None) -> bool:
    """Return whether the person of a seat does not work here any more; False where the seat names nobody."""
    if person_id is None:
        return False
    query = select(Person.active).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
    return await tx.session.scalar(query) is False


def _at(
    kind: Callable[..., UnknownReference | InactivePerson | PersonSeated], pointer: str, message: str
) -> UnknownReference | InactivePerson | PersonSeated:
    return kind(errors=[FieldError(pointer, kind.code, message)])  # type: ignore[attr-defined]


async def _lock_people(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, tuple[str, bool]]:
    # The shared lock keeps the people from moving or being deactivated before the commit.
    found = await tx.session.execute(
        select(Person.id, Organization.path, Person.active)
        .join(
            Organization,
            (col(Person.tenant_id) == col(Organization.tenant_id))
            & (col(Person.organization_id) == col(Organization.id)),
        )
        .where(
            col(Person.tenant_id) == tx.tenant_id,
            col(Person.id).in_(sorted(set(ids))),
            is_visible(tx.principal, Person.organization_id),
        )
        .order_by(col(Person.id))
        .with_for_update(read=True, of=Person)
    )
    return {UUID(int=id_.int): (path, active) for id_, path, active in found}


async def _find_seated(tx: Tx, assessment_id: UUID, people: Sequence[UUID], changed_seat: UUID | None) -> set[UUID]:
    """Return which of these people hold another respondent's seat whose votes count or may count."""
    if not people:
        return set()
    found = await tx.session.execute(
        select(Participant.person_id).where(
            col(Participant.tenant_id) == tx.tenant_id,
            col(Participant.assessment_id) == assessment_id,
            col(Participant.seat) == SeatKind.RESPONDENT,
            col(Participant.person_id).in_(sorted(set(people))),
            or_(
                col(Participant.withdrawn_at).is_(None),
                col(Participant.counted_round) >= col(Participant.first_round),
            ),
            *([] if changed_seat is None else [col(Participant.id) != changed_seat]),
        )
    )
    return {UUID(int=id_.int) for id_ in found.scalars() if id_ is not None}
