"""Merge two people that are one: everything that names the one names the other afterwards."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from app.access.keys import give_keys
from app.access.last_admin import keep_an_admin_without
from app.access.oidc.models import Identity
from app.access.policy import forbidden, may
from app.accounts.errors import BeyondOwnRights, UnknownPerson
from app.accounts.principals.service import give_principal
from app.action_items.history import compare, record_change
from app.action_items.models import ActionItem
from app.assessments.lifecycle import ENDED
from app.assessments.models import Assessment, Participant
from app.assessments.participants.service import record_seat_event
from app.assessments.seat_rules import is_claimed
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.record import record_event
from app.integrations.roster.errors import BothOnItem, BothSeated, SamePerson, StillSignsIn
from app.integrations.roster.schemas import PersonMerge
from app.people.changes import check_not_erased, check_not_merged
from app.people.errors import ManagerCycle
from app.people.leaving import SETTLED, announce_owner_left
from app.people.managers import lock_chain
from app.people.models import FormerEmployment, Person, PersonExternalId
from app.people.service import load_person_for
from app.tree.models import OrganizationPlace

_OPERATION: Final = "mergePeople"
_EMPLOYMENT: Final = ("employee_number", "position", "department", "hired_on", "left_on")
_ON_ITEM: Final = ("owner_id", "done_owner_id", "verified_by")


async def merge(tx: Tx, person_id: UUID, body: PersonMerge) -> UUID:
    """Give all that names another person to this one. Return the id of this one.

    Raises:
        NotFound: The person does not exist, or the caller cannot see them.
        UnknownPerson: The same of the other person.
        Forbidden: The caller may see them, but may not do this, or may not give a seat that nobody has claimed.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        SamePerson: both are the same record.
        PersonMerged: one of them was merged before.
        PersonErased: one of them was erased.
        ManagerCycle: the other person manages this one, directly or through others.
        BothSeated: both hold a seat in one assessment.
        BothOnItem: one of them verified what the other had done.
        StillSignsIn: the other person signs in.
        BeyondOwnRights: one of them is the caller.
        PersonHasPrincipal, BeyondOwnRights: the principal of the other person cannot stand for this one.
        LastAdmin: this person has left, and the tenant would be left without an admin.
    """
    kept, gone = await _load_both(tx, person_id, body.person_id)
    tx.expect(kept)
    if tx.principal.person_id in {kept.id, gone.id}:
        # Or an integrator could take over the seats of a colleague.
        raise BeyondOwnRights("Nobody merges their own record. Ask somebody else who may merge people.")
    for one in (kept, gone):
        check_not_merged(one)
        check_not_erased(one.erased_at)
    await _check(tx, kept, gone)
    async with keep_an_admin_without(tx, [kept.id, gone.id]):
        await give_principal(tx, gone.id, kept.id)
        if gone.active:
            # Keys of somebody who has left stay refused.
            await give_keys(tx, gone.id, kept.id)
        await _give_seats(tx, kept, gone)
        await _give_items(tx, kept, gone)
        await _give_records(tx, kept, gone)
        await _give_people(tx, kept, gone)
        _give_up(tx, gone, kept.id)
        tx.touch(kept, also=True)
    tx.principals_changed = True
    record_event(tx, "person.updated", kept.id, organization_id=kept.organization_id, data={"fields": ["details"]})
    data = {"into_id": str(kept.id)}
    record_event(tx, "person.merged", gone.id, organization_id=gone.organization_id, data=data)
    return kept.id


async def _load_both(tx: Tx, kept_id: UUID, gone_id: UUID) -> tuple[Person, Person]:
    """Lock both people, in the order of their ids, so that two merges of the same people do not block each other."""
    if kept_id == gone_id:
        await load_person_for(tx, kept_id, _OPERATION)
        raise SamePerson(errors=[FieldError("/body/person_id", SamePerson.code, SamePerson.title)])
    found: dict[UUID, Person] = {}
    for one in sorted((kept_id, gone_id)):
        try:
            found[one] = await load_person_for(tx, one, _OPERATION)
        except NotFound:
            if one == kept_id:
                raise
            # Nothing is said of the other person where this one is missing.
            await load_person_for(tx, kept_id, _OPERATION)
            error = FieldError("/body/person_id", UnknownPerson.code, UnknownPerson.title)
            raise UnknownPerson(errors=[error]) from None
    return found[kept_id], found[gone_id]


async def _check(tx: Tx, kept: Person, gone: Person) -> None:
    if gone.id in await lock_chain(tx, kept.id):
        raise ManagerCycle("The person to be merged manages this one, directly or through others.")
    signs_in = select(Identity.id).where(col(Identity.tenant_id) == tx.tenant_id, col(Identity.person_id) == gone.id)
    if await tx.session.scalar(signs_in.limit(1)) is not None:
        raise StillSignsIn
    if await tx.session.scalar(_shared_assessment(tx, kept, gone)) is not None:
        raise BothSeated
    if await tx.session.scalar(_shared_item(tx, kept, gone)) is not None:
        raise BothOnItem


def _shared_assessment(tx: Tx, kept: Person, gone: Person) -> Any:
    """Return the statement for an assessment in which both hold a seat that counts, or may count."""
    other = aliased(Participant)
    query = select(Participant.id).where(col(Participant.tenant_id) == tx.tenant_id).limit(1)
    query = query.join(
        other,
        and_(
            col(other.tenant_id) == col(Participant.tenant_id),
            col(other.assessment_id) == col(Participant.assessment_id),
        ),
    )
    held = [
        or_(col(seat.withdrawn_at).is_(None), col(seat.counted_round) >= col(seat.first_round))
        for seat in (Participant, other)
    ]
    return query.where(col(Participant.person_id) == kept.id, col(other.person_id) == gone.id, *held)


def _shared_item(tx: Tx, kept: Person, gone: Person) -> Any:
    done, verified = col(ActionItem.done_owner_id), col(ActionItem.verified_by)
    both = or_(and_(done == kept.id, verified == gone.id), and_(done == gone.id, verified == kept.id))
    return select(ActionItem.id).where(col(ActionItem.tenant_id) == tx.tenant_id, both).limit(1)


async def _give_seats(tx: Tx, kept: Person, gone: Person) -> None:
    query = (
        select(Participant, col(Assessment.organization_id), col(Assessment.state), col(OrganizationPlace.path))
        .join(
            Assessment,
            (col(Assessment.tenant_id) == col(Participant.tenant_id))
            & (col(Assessment.id) == col(Participant.assessment_id)),
        )
        .join(
            OrganizationPlace,
            (col(OrganizationPlace.tenant_id) == col(Assessment.tenant_id))
            & (col(OrganizationPlace.organization_id) == col(Assessment.organization_id)),
        )
        .where(col(Participant.tenant_id) == tx.tenant_id, col(Participant.person_id) == gone.id)
        .order_by(col(Participant.id))
        .with_for_update(of=Participant)
    )
    for seat, organization_id, state, path in (await tx.session.execute(query)).all():
        is_open = state not in ENDED and seat.withdrawn_at is None and not is_claimed(seat)
        if is_open and not may(tx.principal, "updateParticipant", path):
            # A person who signs in may claim the seat, so giving it is for those who may give seats to people.
            raise forbidden(
                "updateParticipant", "the organization of each assessment in which the other has an open seat"
            )
        seat.person_id = kept.id
        tx.touch(seat)
        record_seat_event(tx, "participant.updated", seat, organization_id)


async def _give_items(tx: Tx, kept: Person, gone: Person) -> None:
    named = [getattr(ActionItem, name) == gone.id for name in _ON_ITEM]
    query = select(ActionItem).where(col(ActionItem.tenant_id) == tx.tenant_id, or_(*named))
    items = (await tx.session.execute(query.order_by(col(ActionItem.id)).with_for_update())).scalars().all()
    for item in items:
        changes = {name: kept.id for name in _ON_ITEM if getattr(item, name) == gone.id}
        record_change(tx, item.id, item.status, item.status, changes=compare(item, changes))
        for name, value in changes.items():
            setattr(item, name, value)
        tx.touch(item)
        fields = sorted(changes)
        record_event(tx, "action_item.updated", item.id, organization_id=item.organization_id, data={"fields": fields})
        if "owner_id" in changes and gone.active and not kept.active and item.status not in SETTLED:
            announce_owner_left(tx, item.id, item.organization_id, kept.id)


async def _give_records(tx: Tx, kept: Person, gone: Person) -> None:
    """Give the external ids and the employments."""
    former = select(FormerEmployment).where(
        col(FormerEmployment.tenant_id) == tx.tenant_id, col(FormerEmployment.person_id) == gone.id
    )
    employments: list[Any] = list((await tx.session.execute(former.order_by(col(FormerEmployment.id)))).scalars())
    if any(getattr(gone, name) is not None for name in _EMPLOYMENT):
        employments.append(gone)
    for one in employments:
        tx.insert(FormerEmployment, person_id=kept.id, **{name: getattr(one, name) for name in _EMPLOYMENT})
    query = select(PersonExternalId).where(
        col(PersonExternalId.tenant_id) == tx.tenant_id, col(PersonExternalId.person_id) == gone.id
    )
    external_ids = (await tx.session.execute(query)).scalars().all()
    for one in external_ids:
        await tx.session.delete(one)
    # Or the session would change the rows, which the service has no right to.
    await tx.session.flush()
    for one in external_ids:
        tx.session.add(
            PersonExternalId(tenant_id=tx.tenant_id, source=one.source, external_id=one.external_id, person_id=kept.id)
        )


async def _give_people(tx: Tx, kept: Person, gone: Person) -> None:
    """Give those whom the other person managed, and those who were merged with them before."""
    query = select(Person).where(
        col(Person.tenant_id) == tx.tenant_id,
        or_(col(Person.manager_id) == gone.id, col(Person.merged_into_id) == gone.id),
    )
    for one in (await tx.session.execute(query.order_by(col(Person.id)).with_for_update())).scalars():
        for column in ("manager_id", "merged_into_id"):
            if getattr(one, column) == gone.id:
                setattr(one, column, kept.id)
        tx.touch(one)
        data = {"fields": ["details"]}
        record_event(tx, "person.updated", one.id, organization_id=one.organization_id, data=data)


def _give_up(tx: Tx, gone: Person, kept_id: UUID) -> None:
    gone.merged_into_id = kept_id
    gone.active = gone.on_leave = False
    gone.email = gone.manager_id = None
    for name in _EMPLOYMENT:
        setattr(gone, name, None)
    tx.touch(gone)
