"""What members of groups get by the mappings of the tenant, and lose with their membership."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col, select

from app.access.keys import add_grant, add_principal, remove_grant
from app.access.last_admin import keep_an_admin, lock_rights
from app.access.models import PrincipalKind, PrincipalRecord, RoleGrant
from app.db.transaction import Tx
from app.integrations.scim.models import ScimGroup, ScimGroupMapping, ScimGroupMember, ScimRoleGrant
from app.people.changes import change_person
from app.people.models import Person, ScimUser

#: One of those that may change people and roles everywhere.
_OPERATION = "updatePerson"


async def reconcile(tx: Tx, user_ids: Collection[UUID]) -> None:
    """Give users what the mappings of their groups say, and take what these do not say any more.

    A role that somebody else has given stays. Where a person works is set by a membership, and stays after it.

    Raises:
        LastAdmin: the tenant would be left without an admin.
        OrganizationArchived: the organization where members are to work is archived.
    """
    if not user_ids:
        return
    await tx.session.flush()
    wanted = {(row.mapping_id, row.user_id): row for row in await _wanted(tx, user_ids)}
    given = select(ScimRoleGrant).where(
        col(ScimRoleGrant.tenant_id) == tx.tenant_id, col(ScimRoleGrant.user_id).in_(user_ids)
    )
    present = {(one.mapping_id, one.user_id): one for one in await tx.session.scalars(given)}
    roles = {key: row for key, row in wanted.items() if row.role is not None}
    added = [row for key, row in roles.items() if key not in present]
    ended = [one for key, one in present.items() if key not in roles]
    if added or ended:
        await lock_rights(tx, _OPERATION)
        async with keep_an_admin(tx):
            for one in ended:
                await _end(tx, one)
            for row in added:
                await _give(tx, row)
            await tx.flush()
    for row in wanted.values():
        if row.role is None and row.home_id != row.organization_id:
            person = await _load_person(tx, row.person_id)
            await change_person(tx, person, {"organization_id": row.organization_id}, operation=_OPERATION)


async def leave_groups(tx: Tx, user_id: UUID) -> None:
    """Remove a user from all groups, with what these gave."""
    await tx.session.execute(
        delete(ScimGroupMember).where(
            col(ScimGroupMember.tenant_id) == tx.tenant_id, col(ScimGroupMember.user_id) == user_id
        )
    )
    await reconcile(tx, [user_id])


async def end_mapping(tx: Tx, mapping_id: UUID) -> None:
    """Take the roles that a mapping has given."""
    given = select(ScimRoleGrant).where(
        col(ScimRoleGrant.tenant_id) == tx.tenant_id, col(ScimRoleGrant.mapping_id) == mapping_id
    )
    for one in list(await tx.session.scalars(given.order_by(col(ScimRoleGrant.id)))):
        await _end(tx, one)


async def members_of(tx: Tx, group_key: str) -> list[UUID]:
    """Return the users in the groups with this display name."""
    query = select(col(ScimGroupMember.user_id)).join(
        ScimGroup,
        (col(ScimGroup.tenant_id) == col(ScimGroupMember.tenant_id))
        & (col(ScimGroup.id) == col(ScimGroupMember.group_id)),
    )
    query = query.where(col(ScimGroupMember.tenant_id) == tx.tenant_id, col(ScimGroup.display_name_key) == group_key)
    return list(await tx.session.scalars(query.distinct()))


async def _wanted(tx: Tx, user_ids: Collection[UUID]) -> Sequence[Any]:
    query = (
        select(  # type: ignore[call-overload]
            col(ScimGroupMapping.id).label("mapping_id"),
            col(ScimGroupMapping.organization_id),
            col(ScimGroupMapping.role),
            col(ScimUser.id).label("user_id"),
            col(Person.id).label("person_id"),
            col(Person.organization_id).label("home_id"),
            col(Person.name).label("person_name"),
        )
        .select_from(ScimGroupMember)
        .join(
            ScimGroup,
            (col(ScimGroup.tenant_id) == col(ScimGroupMember.tenant_id))
            & (col(ScimGroup.id) == col(ScimGroupMember.group_id)),
        )
        .join(
            ScimGroupMapping,
            (col(ScimGroupMapping.tenant_id) == col(ScimGroup.tenant_id))
            & (col(ScimGroupMapping.group_key) == col(ScimGroup.display_name_key)),
        )
        .join(
            ScimUser,
            (col(ScimUser.tenant_id) == col(ScimGroupMember.tenant_id))
            & (col(ScimUser.id) == col(ScimGroupMember.user_id)),
        )
        .join(Person, (col(Person.tenant_id) == col(ScimUser.tenant_id)) & (col(Person.id) == col(ScimUser.person_id)))
        .where(
            col(ScimGroupMember.tenant_id) == tx.tenant_id,
            col(ScimGroupMember.user_id).in_(user_ids),
            col(Person.merged_into_id).is_(None),
        )
        .order_by(col(ScimGroupMapping.id), col(ScimUser.id))
    )
    return (await tx.session.execute(query)).all()


async def _give(tx: Tx, row: Any) -> None:
    """Give a role, unless the person's principal has it."""
    await _load_person(tx, row.person_id)
    query = select(PrincipalRecord).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.person_id) == row.person_id
    )
    principal = await tx.session.scalar(query.with_for_update(read=True))
    if principal is None:
        principal = add_principal(
            tx,
            name=row.person_name,
            organization_id=row.home_id,
            kind=PrincipalKind.PERSON,
            person_id=row.person_id,
        )
        await tx.session.flush()
    has = select(RoleGrant.id).where(
        col(RoleGrant.tenant_id) == tx.tenant_id,
        col(RoleGrant.principal_id) == principal.id,
        col(RoleGrant.organization_id) == row.organization_id,
        col(RoleGrant.role) == row.role,
    )
    grant_id = await tx.session.scalar(has)
    if grant_id is not None:
        shared = select(ScimRoleGrant.id).where(
            col(ScimRoleGrant.tenant_id) == tx.tenant_id, col(ScimRoleGrant.grant_id) == grant_id
        )
        if await tx.session.scalar(shared.limit(1)) is None:
            # An admin gave it, and takes it.
            return
    else:
        grant_id = add_grant(tx, principal, row.role, row.organization_id).id
        await tx.session.flush()
    tx.session.add(
        ScimRoleGrant(
            tenant_id=tx.tenant_id,
            created_at=tx.now,
            mapping_id=row.mapping_id,
            user_id=row.user_id,
            grant_id=grant_id,
        )
    )
    await tx.session.flush()


async def _end(tx: Tx, given: ScimRoleGrant) -> None:
    """Take a role that no other mapping gives the same person."""
    grant_id = given.grant_id
    await tx.session.delete(given)
    await tx.session.flush()
    others = select(ScimRoleGrant.id).where(
        col(ScimRoleGrant.tenant_id) == tx.tenant_id, col(ScimRoleGrant.grant_id) == grant_id
    )
    if await tx.session.scalar(others.limit(1)) is not None:
        return
    grant = await tx.session.get(RoleGrant, (tx.tenant_id, grant_id), with_for_update=True)
    if grant is not None:
        await remove_grant(tx, grant, organization_id=grant.organization_id)


async def _load_person(tx: Tx, person_id: UUID) -> Person:
    query = select(Person).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id) == person_id)
    locked = await tx.session.execute(query.with_for_update(), execution_options={"populate_existing": True})
    return locked.scalar_one()
