"""Create, change and delete people."""

from uuid import UUID

from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.erasure import erase_audit_values
from app.events.record import record_event
from app.idempotency.answers import erase_answers
from app.organizations.schemas import ExternalId
from app.people.changes import add_person, change_person, set_external_ids
from app.people.models import Person
from app.people.schemas import PersonCreate, PersonPatch
from app.tree.archived import check_archived


async def create(tx: Tx, body: PersonCreate) -> UUID:
    """Add a person to an organization. Return its id.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization is archived.
        UnknownManager: the manager does not exist, or the caller cannot see them.
        LeftBeforeHired: the days of the employment are in the wrong order.
        PersonExternalIdTaken: another person has one of the external ids.
    """
    organization = await load_organization_for(tx, body.organization_id, "createPerson")
    check_archived(organization, "createPerson")
    fields = body.model_dump(exclude_unset=True, exclude={"organization_id", "external_ids"})
    made = await add_person(tx, organization.id, fields)
    await set_external_ids(tx, made.id, body.external_ids)
    record_event(tx, "person.created", made.id, organization_id=organization.id)
    return made.id


async def patch(tx: Tx, person_id: UUID, body: PersonPatch) -> UUID:
    """Change a person's fields, or the organization they work in. Return its id.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: no role at the organization, or at the new one, allows it.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        UnknownOrganization: The caller cannot see the new organization.
        OrganizationArchived: the new organization is archived.
        UnknownManager, ManagerCycle, LeftBeforeHired, PersonExternalIdTaken, PersonMerged, PersonErased, LastAdmin: see
            `app.people.changes.change_person`.
    """
    person = await load_person_for(tx, person_id, "updatePerson")
    tx.expect(person)
    changes = body.changes()
    external_ids = changes.pop("external_ids", None)
    wanted = None if external_ids is None else [ExternalId(**pair) for pair in external_ids]
    await change_person(tx, person, changes, external_ids=wanted, operation="updatePerson")
    return person.id


async def remove(tx: Tx, person_id: UUID) -> None:
    """Delete a person whom no record names. Their external ids go with them.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: action items, seats, keys that they made or people that they manage name them (set `active` to false
            instead).
    """
    person = await load_person_for(tx, person_id, "deletePerson")
    tx.expect(person)
    await tx.session.delete(person)
    await erase_answers(tx, [person.id])
    record_event(tx, "person.deleted", person.id, organization_id=person.organization_id)
    # The caller can be the person, whose address this transaction records.
    await tx.flush()
    await erase_audit_values(tx, person.id)


async def load_person_for(tx: Tx, person_id: UUID, operation: str) -> Person:
    """Load and lock a person for an operation.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
    """
    query = select(Person).where(
        col(Person.tenant_id) == tx.tenant_id,
        col(Person.id) == person_id,
        is_visible(tx.principal, Person.organization_id),
    )
    locked = await tx.session.execute(query.with_for_update(), execution_options={"populate_existing": True})
    person = locked.scalar_one_or_none()
    if person is None:
        raise NotFound
    await load_organization_for(tx, person.organization_id, operation)
    return person
