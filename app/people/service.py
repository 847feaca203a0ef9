"""Create, change and delete people."""

from uuid import UUID

from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.erasure import erase_audit_values
from app.events.record import record_event
from app.idempotency.answers import erase_answers_about
from app.organizations.errors import UnknownOrganization
from app.people.models import Person
from app.people.schemas import PersonCreate, PersonPatch
from app.text import search_key
from app.tree.archived import check_archived


async def create(tx: Tx, body: PersonCreate) -> UUID:
    """Add a person to an organization. Return its id.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not create there.
        OrganizationArchived: the organization is archived.
    """
    organization = await load_organization_for(tx, body.organization_id, "createPerson")
    check_archived(organization, "createPerson")
    made = Person(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=organization.id,
        name=body.name,
        name_key=search_key(body.name),
        active=body.active,
    )
    tx.session.add(made)
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
    """
    person = await _person_for(tx, person_id, "updatePerson")
    changes = body.changes()
    target = changes.get("organization_id", person.organization_id)
    if target != person.organization_id:
        await _ensure_takes(tx, target)
    for name, value in changes.items():
        setattr(person, name, value)
    person.name_key = search_key(person.name)
    if tx.touch(person):
        record_event(
            tx,
            "person.updated",
            person.id,
            organization_id=person.organization_id,
            data={"fields": sorted(body.model_fields_set)},
        )
    return person.id


async def remove(tx: Tx, person_id: UUID) -> None:
    """Delete a person whom no record names.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        InUse: action items or seats name them (set `active` to false instead).
    """
    person = await _person_for(tx, person_id, "deletePerson")
    await tx.session.delete(person)
    await erase_answers_about(tx, person.id)
    await erase_audit_values(tx, person.id)
    record_event(tx, "person.deleted", person.id, organization_id=person.organization_id)


async def _person_for(tx: Tx, person_id: UUID, operation: str) -> Person:
    query = select(Person).where(
        col(Person.tenant_id) == tx.tenant_id,
        col(Person.id) == person_id,
        is_visible(tx.principal, Person.organization_id),
    )
    person = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if person is None:
        raise NotFound
    await load_organization_for(tx, person.organization_id, operation)
    tx.expect(person)
    return person


async def _ensure_takes(tx: Tx, organization_id: UUID) -> None:
    try:
        organization = await load_organization_for(tx, organization_id, "updatePerson")
    except NotFound:
        error = FieldError(
            "/body/organization_id",
            "unknown_organization",
            "No such organization is visible to these credentials",
        )
        raise UnknownOrganization(errors=[error]) from None
    check_archived(organization, "updatePerson: move into it")
