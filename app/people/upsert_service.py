"""Create or update a person by their external id."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from app.access.policy import is_visible, load_organization_for
from app.db.transaction import Stored, Tx
from app.errors import FieldError, NotFound, PreconditionFailed
from app.events.record import record_event
from app.organizations.errors import UnknownOrganization
from app.organizations.schemas import ExternalId
from app.people.changes import add_person, change_person
from app.people.errors import PersonExternalIdTaken, UnknownManager
from app.people.models import Person, PersonExternalId
from app.people.schemas import PersonUpsert
from app.people.service import load_person_for
from app.tree.archived import check_archived
from app.tree.models import Organization, OrganizationExternalId

_OPERATION = "upsertPerson"
_ATTEMPTS = 3


class _Overtaken(Exception):
    """Another request has just given this external id to a person, or taken it away."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a body asks for.

    Attributes:
        fields: the columns to set; an unknown organization is None.
        pointers: the places of the organization and the manager in the body.
    """

    fields: dict[str, Any]
    pointers: dict[str, str]


async def upsert(tx: Tx, name: ExternalId, body: PersonUpsert) -> Stored[UUID]:
    """Create the person that has this external id, or update them; another organization moves them.

    A person who is already as the body says keeps their version, and no event is recorded.

    Raises:
        UnknownOrganization: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller may not do this at the organization or at the person's.
        OrganizationArchived: the organization is archived, and the person is new there.
        PersonExternalIdTaken: a person whom the caller cannot see has this external id.
        PreconditionFailed: If-None-Match was `*` and there is one, or If-Match names another version, or none is there.
        UnknownManager, ManagerCycle, LeftBeforeHired, LastAdmin: see `app.people.changes.change_person`.
    """
    for _ in range(_ATTEMPTS):
        wanted = await _resolve(tx, body)
        # One out of sight counts as missing, so that whatever else refuses a creation does so first.
        known = await _person_named(tx, name, visible=True)
        try:
            if known is None:
                return Stored(await _create(tx, name, wanted), created=True)
            await _update(tx, await _load(tx, known), name, wanted)
            return Stored(known, created=False)
        except _Overtaken:
            continue
    raise PersonExternalIdTaken


async def _resolve(tx: Tx, body: PersonUpsert) -> _Wanted:
    """Return what is wanted, with ids for the external ids of the organization and the manager."""
    fields = body.model_dump(exclude_unset=True, exclude={"organization", "manager"})
    pointers = {"organization_id": "/body/organization_id", "manager_id": "/body/manager_id"}
    if body.organization is not None:
        fields["organization_id"] = await _organization_named(tx, body.organization)
        pointers["organization_id"] = "/body/organization"
    if body.manager is not None:
        pointers["manager_id"] = "/body/manager"
        fields["manager_id"] = await _person_named(tx, body.manager, visible=True)
        if fields["manager_id"] is None:
            raise UnknownManager(errors=[FieldError("/body/manager", UnknownManager.code, UnknownManager.title)])
    return _Wanted(fields, pointers)


async def _organization_named(tx: Tx, name: ExternalId) -> UUID | None:
    query = select(OrganizationExternalId.organization_id).where(
        col(OrganizationExternalId.tenant_id) == tx.tenant_id,
        col(OrganizationExternalId.source) == name.source,
        col(OrganizationExternalId.external_id) == name.external_id,
    )
    return await tx.session.scalar(query)


async def _person_named(tx: Tx, name: ExternalId, *, visible: bool = False) -> UUID | None:
    query = select(PersonExternalId.person_id).where(
        col(PersonExternalId.tenant_id) == tx.tenant_id,
        col(PersonExternalId.source) == name.source,
        col(PersonExternalId.external_id) == name.external_id,
    )
    if visible:
        query = query.join(
            Person,
            (col(Person.tenant_id) == col(PersonExternalId.tenant_id))
            & (col(Person.id) == col(PersonExternalId.person_id)),
        ).where(_is_seen(tx))
    return await tx.session.scalar(query)


def _is_seen(tx: Tx) -> ColumnElement[bool]:
    return is_visible(tx.principal, Person.organization_id)


async def _load(tx: Tx, known: UUID) -> Person:
    try:
        return await load_person_for(tx, known, _OPERATION)
    except NotFound:
        raise PersonExternalIdTaken from None


async def _create(tx: Tx, name: ExternalId, wanted: _Wanted) -> UUID:
    organization = await _load_organization(tx, wanted)
    if tx.preconditions.has_if_match:
        raise PreconditionFailed("There is no such person to replace.")
    check_archived(organization, "upsertPerson: create")
    fields = {field: value for field, value in wanted.fields.items() if field != "organization_id"}
    async with tx.savepoint():
        made = await add_person(tx, organization.id, fields, manager_pointer=wanted.pointers["manager_id"])
        # Of two at once the second waits here for the first, and then inserts nothing.
        inserted = await tx.session.scalar(
            insert(PersonExternalId)
            .values(tenant_id=tx.tenant_id, person_id=made.id, **name.model_dump())
            .on_conflict_do_nothing()
            .returning(col(PersonExternalId.person_id))
        )
        if inserted is None:
            raise _Overtaken
        record_event(tx, "person.created", made.id, organization_id=organization.id)
    return made.id


async def _load_organization(tx: Tx, wanted: _Wanted) -> Organization:
    try:
        return await load_organization_for(tx, wanted.fields["organization_id"], _OPERATION)
    except NotFound:
        pointer = wanted.pointers["organization_id"]
        error = FieldError(pointer, UnknownOrganization.code, UnknownOrganization.title)
        raise UnknownOrganization(errors=[error]) from None


async def _update(tx: Tx, person: Person, name: ExternalId, wanted: _Wanted) -> None:
    if tx.preconditions.must_not_exist:
        raise PreconditionFailed("There is one already.", headers={"ETag": f'"{person.version}.0"'})
    if tx.preconditions.has_if_match:
        tx.expect(person)
    async with tx.savepoint():
        await change_person(tx, person, wanted.fields, operation=_OPERATION, pointers=wanted.pointers)
        # A change of the external ids locks the person too, so this holds until the commit.
        if await _person_named(tx, name) != person.id:
            raise _Overtaken
