"""Adding and changing a person: the one way that create, patch and upsert take."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select

from app.access.last_admin import keep_an_admin_without
from app.access.policy import load_organization_for
from app.db.transaction import Tx
from app.errors import FieldError, Invalid, NotFound
from app.events.record import record_event
from app.organizations.errors import UnknownOrganization
from app.organizations.schemas import ExternalId
from app.people.employment import Turn, settle
from app.people.errors import PersonErased, PersonExternalIdTaken, PersonMerged
from app.people.leaving import announce_leaving
from app.people.managers import check_manager
from app.people.models import FormerEmployment, Person, PersonExternalId
from app.text import search_key
from app.tree.archived import check_archived

#: The fields that every reader of a person sees. An event names the others together, as ``details``.
PUBLIC: Final = frozenset({"organization_id", "name", "active"})
_EMPLOYMENT: Final = frozenset({"active", "employment_status", "hired_on", "left_on"})


async def add_person(
    tx: Tx, organization_id: UUID, fields: Mapping[str, Any], *, manager_pointer: str = "/body/manager_id"
) -> Person:
    """Add a person to a locked organization, without external ids.

    Args:
        fields: what was sent besides the organization.

    Raises:
        UnknownManager: the manager does not exist, or the caller cannot see them.
        LeftBeforeHired: the days of the employment are in the wrong order.
    """
    plain, employment = _split(fields)
    settled = settle(None, employment)
    await check_manager(tx, None, plain.get("manager_id"), pointer=manager_pointer)
    made = Person(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        organization_id=organization_id,
        name_key=search_key(plain["name"]),
        **plain,
        **settled.fields,
    )
    tx.session.add(made)
    await tx.session.flush()
    return made


async def change_person(
    tx: Tx,
    person: Person,
    changes: Mapping[str, Any],
    *,
    external_ids: Sequence[ExternalId] | None = None,
    operation: str,
    pointers: Mapping[str, str] | None = None,
) -> None:
    """Change a locked person and record it. Equal values are no change, and no event.

    Args:
        changes: the fields to set.
        external_ids: all that the person is to have; None: they stay.
        operation: whose role the caller needs where the person moves to.
        pointers: the places of `organization_id` and `manager_id` in the body, where they are named otherwise.

    Raises:
        UnknownOrganization, Forbidden, OrganizationArchived: the person cannot move there.
        UnknownManager, ManagerCycle: that person cannot manage this one.
        LeftBeforeHired: the days of the employment are in the wrong order.
        PersonExternalIdTaken: another person has one of the external ids.
        PersonMerged: the person is another one's by now.
        PersonErased: nothing can be put in the place of what was erased.
        LastAdmin: the person leaves, and the tenant would be left without an admin.
    """
    check_changeable(person)
    at = {"organization_id": "/body/organization_id", "manager_id": "/body/manager_id", **(pointers or {})}
    plain, _ = _split(changes)
    if plain.get("organization_id", person.organization_id) != person.organization_id:
        await _ensure_takes(tx, plain["organization_id"], operation, at["organization_id"])
    if plain.get("manager_id", person.manager_id) != person.manager_id:
        await check_manager(tx, person.id, plain["manager_id"], pointer=at["manager_id"])
    await apply_change(tx, person, changes, external_ids=external_ids)


async def apply_change(
    tx: Tx, person: Person, changes: Mapping[str, Any], *, external_ids: Sequence[ExternalId] | None = None
) -> None:
    """Do what `change_person` does, where the organization and the manager have been checked.

    Raises:
        LeftBeforeHired, PersonExternalIdTaken, PersonMerged, PersonErased, LastAdmin: as there.
    """
    check_changeable(person)
    plain, employment = _split(changes)
    settled = settle(person, employment)
    former_home = person.organization_id
    if settled.turn is not None:
        # This process has cached what the person may do.
        tx.principals_changed = True
    async with keep_an_admin_without(tx, [person.id] if settled.turn is Turn.LEFT else []):
        for name, value in {**plain, **settled.fields}.items():
            setattr(person, name, value)
        person.name_key = search_key(person.name)
        linked = external_ids is not None and await set_external_ids(tx, person.id, external_ids)
        if settled.former is not None:
            tx.insert(FormerEmployment, person_id=person.id, **settled.former)
        is_changed = tx.touch(person, also=linked or settled.former is not None)
    if not is_changed:
        return
    sent = [*changes, *([] if external_ids is None else ["external_ids"])]
    named = sorted({name if name in PUBLIC else "details" for name in sent})
    home = person.organization_id
    record_event(tx, "person.updated", person.id, organization_id=home, data={"fields": named})
    if home != former_home:
        # For those who read the former organization and not the new one.
        record_event(tx, "person.moved_away", person.id, organization_id=former_home)
    if settled.turn is Turn.REHIRED:
        record_event(tx, "person.rehired", person.id, organization_id=home)
    if settled.turn is Turn.LEFT:
        await announce_leaving(tx, person)


def check_changeable(person: Person) -> None:
    """Refuse to change a person who is another one's record by now, or was erased.

    Raises:
        PersonMerged, PersonErased: they are.
    """
    check_not_merged(person)
    check_not_erased(person.erased_at)


def check_not_merged(person: Person) -> None:
    """Refuse to change a person who was merged with another.

    Raises:
        PersonMerged: they were.
    """
    if person.merged_into_id is not None:
        raise PersonMerged


def check_not_erased(erased_at: datetime | None) -> None:
    """Refuse to change an erased person, or to give them anything.

    Raises:
        PersonErased: they were erased.
    """
    if erased_at is not None:
        raise PersonErased


def _split(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {name: value for name, value in fields.items() if name not in _EMPLOYMENT}
    return plain, {name: value for name, value in fields.items() if name in _EMPLOYMENT}


async def _ensure_takes(tx: Tx, organization_id: UUID, operation: str, pointer: str) -> None:
    try:
        organization = await load_organization_for(tx, organization_id, operation)
    except NotFound:
        error = FieldError(pointer, UnknownOrganization.code, UnknownOrganization.title)
        raise UnknownOrganization(errors=[error]) from None
    check_archived(organization, f"{operation}: move into it")


async def set_external_ids(tx: Tx, person_id: UUID, wanted: Sequence[ExternalId]) -> bool:
    """Replace the external ids of a locked person. Return whether any changed.

    Raises:
        PersonExternalIdTaken: another person has one of them.
    """
    pairs = {(one.source, one.external_id) for one in wanted}
    if len(pairs) != len(wanted):
        raise Invalid(
            errors=[FieldError("/body/external_ids", "repeated_external_id", "An external id is given twice")]
        )
    query = select(PersonExternalId).where(
        col(PersonExternalId.tenant_id) == tx.tenant_id, col(PersonExternalId.person_id) == person_id
    )
    present = {(row.source, row.external_id): row for row in (await tx.session.execute(query)).scalars()}
    for pair in present.keys() - pairs:
        await tx.session.delete(present[pair])
    for source, external_id in sorted(pairs - present.keys()):
        if await tx.session.get(PersonExternalId, (tx.tenant_id, source, external_id)):
            raise PersonExternalIdTaken
        tx.session.add(
            PersonExternalId(tenant_id=tx.tenant_id, source=source, external_id=external_id, person_id=person_id)
        )
    return pairs != present.keys()
