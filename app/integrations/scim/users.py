"""Users of SCIM: what is stored of them, and how they become people and stay in step with them.

A user has a row of its own for what only the identity provider says. Everything else is the person's, and is changed by
the functions that the API and the roster import use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scim2_models import InvalidValueException, UniquenessException
from sqlalchemy import ColumnElement, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from app.access.oidc.models import Identity
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.events.record import record_event
from app.integrations.scim.memberships import leave_groups
from app.people.changes import add_person, change_person
from app.people.models import Person, ScimUser
from app.text import search_key
from app.tree.models import Organization

_OPERATION = "updatePerson"


@dataclass(frozen=True, slots=True)
class WantedUser:
    """What a request wants a user to be.

    Attributes:
        own: the columns of `ScimUser`.
        person: the columns of `Person` that SCIM writes; ``name`` and ``email`` follow from ``own``.
        active: None: as it is, or active for a new user.
    """

    own: Mapping[str, Any]
    person: Mapping[str, Any]
    active: bool | None


async def create_user(tx: Tx, wanted: WantedUser) -> UUID:
    """Add a user. Return the id.

    A user who was deleted is revived, with the same person. A person whom another source added becomes the user's
    person where it is certain that they are the same one (see `_find_person`).

    Raises:
        UniquenessException: another user has the user name or the external id.
        InvalidValueException: a value is not possible.
        LastAdmin: the tenant would be left without an admin.
    """
    deleted = await _find_deleted(tx, wanted.own)
    if deleted is not None:
        await _revive(tx, deleted, wanted)
        return deleted.id
    person_id = await _find_person(tx, wanted)
    fields = {**wanted.person, "active": wanted.active is not False}
    if person_id is None:
        person = await add_person(tx, await _root_id(tx), fields)
        record_event(tx, "person.created", person.id, organization_id=person.organization_id)
    else:
        person = await load_person(tx, person_id)
        await _change_person(tx, person, fields)
    user_id = uuid7()
    values = {"tenant_id": tx.tenant_id, "id": user_id, "created_at": tx.now, "updated_at": tx.now, "version": 1}
    values |= {"person_id": person.id, **wanted.own}
    # Of two at once the second waits here for the first, and then inserts nothing.
    adding = insert(ScimUser).values(values).on_conflict_do_nothing().returning(col(ScimUser.id))
    if await tx.session.scalar(adding) is None:
        raise UniquenessException
    record_event(tx, "scim_user.created", user_id, data={"person_id": str(person.id)})
    return user_id


async def _find_deleted(tx: Tx, own: Mapping[str, Any]) -> ScimUser | None:
    """Return the deleted user who comes back, locked.

    The external id decides. The user name does where either has no external id: with another one it is somebody else,
    who got the name of one who left.

    Raises:
        UniquenessException: a user who was not deleted has the user name or the external id.
    """
    external_id = own["external_id"]
    query = select(ScimUser).where(col(ScimUser.tenant_id) == tx.tenant_id, _is_named(own))
    query = query.order_by(col(ScimUser.deleted_at).desc(), col(ScimUser.id)).with_for_update()
    found = list(await tx.session.scalars(query, execution_options={"populate_existing": True}))
    if any(user.deleted_at is None for user in found):
        raise UniquenessException
    by_id = [user for user in found if external_id is not None and user.external_id == external_id]
    by_name = [
        user for user in found if user.user_name_key == own["user_name_key"] and None in {user.external_id, external_id}
    ]
    return next(iter(by_id + by_name), None)


async def _revive(tx: Tx, user: ScimUser, wanted: WantedUser) -> None:
    person = await load_person(tx, user.person_id)
    user.person_id = person.id
    user.deleted_at = None
    await _store(tx, user, wanted.own, is_revived=True)
    record_event(tx, "scim_user.restored", user.id, data={"person_id": str(person.id)})
    await _change_person(tx, person, {**wanted.person, "active": wanted.active is not False})


async def _find_person(tx: Tx, wanted: WantedUser) -> UUID | None:
    """Return the person whom a new user is about, if another source has added them.

    In this order, and only where it is exactly one without a user: the person who signs in with the external id or the
    user name as subject; the one with the employee number; the one with the e-mail address and the name. People may
    share an address, so that it alone decides nothing.
    """
    own, person = wanted.own, wanted.person
    subjects = [value for value in (own["external_id"], own["user_name"]) if value is not None]
    signs_in = select(Identity.person_id).where(
        col(Identity.tenant_id) == tx.tenant_id, col(Identity.subject).in_(subjects)
    )
    conditions = [col(Person.id).in_(signs_in)]
    if person["employee_number"] is not None:
        conditions.append(col(Person.employee_number) == person["employee_number"])
    if person["email"] is not None:
        same_name = col(Person.name_key) == search_key(person["name"])
        conditions.append((col(Person.email) == person["email"]) & same_name)
    has_user = select(ScimUser.id).where(
        col(ScimUser.tenant_id) == tx.tenant_id, col(ScimUser.person_id) == col(Person.id)
    )
    for condition in conditions:
        query = select(Person.id).where(
            col(Person.tenant_id) == tx.tenant_id,
            col(Person.merged_into_id).is_(None),
            col(Person.erased_at).is_(None),
            condition,
            ~has_user.exists(),
        )
        found = list(await tx.session.scalars(query.limit(2)))
        if len(found) == 1:
            return found[0]
    return None


async def update_user(tx: Tx, user: ScimUser, wanted: WantedUser) -> None:
    """Change a locked user and their person. Equal values are no change.

    What the identity provider did not change is left alone in the person, who may have been changed since.

    Raises:
        UniquenessException: another user has the user name or the external id.
        InvalidValueException: a value is not possible.
        LastAdmin: the tenant would be left without an admin.
    """
    person = await load_person(tx, user.person_id)
    before = named_by(user)
    user.person_id = person.id
    await _store(tx, user, wanted.own)
    changes = {name: value for name, value in wanted.person.items() if name not in before or value != before[name]}
    if wanted.active is not None:
        changes["active"] = wanted.active
    if tx.touch(user):
        record_event(tx, "scim_user.updated", user.id, data={"person_id": str(person.id)})
    await _change_person(tx, person, changes)


async def delete_user(tx: Tx, user: ScimUser) -> None:
    """Delete a locked user. The person is deactivated and stays.

    Raises:
        LastAdmin: the tenant would be left without an admin.
    """
    person = await load_person(tx, user.person_id)
    await leave_groups(tx, user.id)
    user.deleted_at = tx.now
    tx.touch(user)
    record_event(tx, "scim_user.deleted", user.id, data={"person_id": str(person.id)})
    if person.active:
        await _change_person(tx, person, {"active": False})


def named_by(user: ScimUser) -> dict[str, Any]:
    """Return the name and the e-mail address that a user gives their person."""
    return derive(
        {
            "user_name": user.user_name,
            "display_name": user.display_name,
            "formatted_name": user.formatted_name,
            "given_name": user.given_name,
            "family_name": user.family_name,
        },
        user.emails,
    )


def derive(own: Mapping[str, Any], emails: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the name and the e-mail address of a person, from what is said of the user."""
    parts = " ".join(part for part in (own["given_name"], own["family_name"]) if part)
    name = own["display_name"] or own["formatted_name"] or parts[:200] or own["user_name"]
    ranked = sorted(emails, key=lambda one: (not one.get("primary"), (one.get("type") or "").casefold() != "work"))
    address = next((one["address"] for one in ranked if one.get("address")), None)
    return {"name": name, "email": address}


async def load_user(tx: Tx, user_id: UUID, *, lock: bool) -> ScimUser | None:
    """Return a user who was not deleted.

    Args:
        lock: keep the user as they are until the commit.
    """
    query = select(ScimUser).where(
        col(ScimUser.tenant_id) == tx.tenant_id, col(ScimUser.id) == user_id, col(ScimUser.deleted_at).is_(None)
    )
    if lock:
        query = query.with_for_update()
    found = await tx.session.execute(query, execution_options={"populate_existing": True})
    return found.scalar_one_or_none()


async def load_person(tx: Tx, person_id: UUID) -> Person:
    """Return the locked person of a user; after a merge, the one who stays."""
    query = select(Person).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
    locked = await tx.session.execute(query.with_for_update(), execution_options={"populate_existing": True})
    person = locked.scalar_one()
    return person if person.merged_into_id is None else await load_person(tx, person.merged_into_id)


async def find_manager(tx: Tx, user_id: str) -> UUID:
    """Return the person of the user who manages another.

    Raises:
        InvalidValueException: there is no such user.
    """
    try:
        found = await load_user(tx, UUID(user_id), lock=False)
    except ValueError:
        found = None
    if found is None:
        raise InvalidValueException(detail="There is no such manager.")
    return found.person_id


def _is_named(own: Mapping[str, Any]) -> ColumnElement[bool]:
    """Return the condition that a user has the user name or the external id."""
    conditions = [col(ScimUser.user_name_key) == own["user_name_key"]]
    if own["external_id"] is not None:
        conditions.append(col(ScimUser.external_id) == own["external_id"])
    return or_(*conditions)


async def _store(tx: Tx, user: ScimUser, own: Mapping[str, Any], *, is_revived: bool = False) -> None:
    changed = {name: value for name, value in own.items() if getattr(user, name) != value}
    if is_revived or changed.keys() & {"user_name_key", "external_id"}:
        await _check_free(tx, user, own)
    for name, value in changed.items():
        setattr(user, name, value)
    try:
        async with tx.savepoint():
            await tx.session.flush()
    except IntegrityError:
        raise UniquenessException from None


async def _check_free(tx: Tx, user: ScimUser, own: Mapping[str, Any]) -> None:
    """Check that no other user has the user name or the external id.

    Raises:
        UniquenessException: one has.
    """
    taken = select(ScimUser.id).where(
        col(ScimUser.tenant_id) == tx.tenant_id,
        col(ScimUser.id) != user.id,
        col(ScimUser.deleted_at).is_(None),
        _is_named(own),
    )
    if await tx.session.scalar(taken.limit(1)) is not None:
        raise UniquenessException


async def _change_person(tx: Tx, person: Person, changes: Mapping[str, Any]) -> None:
    """Change a person as the API does.

    Raises:
        LastAdmin: the person leaves, and the tenant would have no admin any more.
    """
    await change_person(tx, person, changes, operation=_OPERATION)


async def _root_id(tx: Tx) -> UUID:
    query = select(Organization.id).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id).is_(None)
    )
    # Locked, as every write locks the organization that it adds to.
    found: UUID = (await tx.session.execute(query.with_for_update(read=True))).scalar_one()
    return found
