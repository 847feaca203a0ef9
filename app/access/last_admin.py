"""The rule that a tenant keeps an admin, and the lock that orders the changes of rights in a tenant.

An admin is an active principal with the admin role on the root, without an end, and with a key that works. A key works
as long as neither the person for whom its principal stands nor the person who made it has left.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, exists, literal_column, or_, select, text
from sqlmodel import col

from app.access.credentials import PrincipalDeactivated
from app.access.key_lookup import BY_SECRET, has_left, in_force, principal_of_key
from app.access.models import ApiKey, PrincipalRecord, RoleGrant
from app.access.policy import allowed_below
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import Conflict
from app.principal import Principal, Role
from app.tree.models import Organization

_TENANT, _NOW = bindparam("tenant_id", type_=Uuid()), bindparam("now", type_=DateTime(timezone=True))
_ADMINS = (
    col(RoleGrant.tenant_id) == _TENANT,
    col(RoleGrant.role) == literal_column(f"'{Role.ADMIN}'"),
    col(RoleGrant.organization_id)
    == select(col(Organization.id))
    .where(col(Organization.tenant_id) == _TENANT, col(Organization.parent_id).is_(None))
    .scalar_subquery(),
)
_LOCK_ADMINS = Read(select(col(RoleGrant.id)).where(*_ADMINS).order_by(col(RoleGrant.id)).with_for_update())
_HAS_ADMIN = Read(
    select(literal_column("1"))
    .select_from(RoleGrant)
    .join(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(RoleGrant.tenant_id))
        & (col(PrincipalRecord.id) == col(RoleGrant.principal_id)),
    )
    .where(
        *_ADMINS,
        in_force(_NOW),
        col(RoleGrant.ends_at).is_(None),
        col(PrincipalRecord.deactivated_at).is_(None),
        ~has_left(col(PrincipalRecord.person_id)),
        exists().where(
            col(ApiKey.tenant_id) == col(PrincipalRecord.tenant_id),
            col(ApiKey.principal_id) == col(PrincipalRecord.id),
            col(ApiKey.revoked_at).is_(None),
            ~has_left(col(ApiKey.maker_id)),
            or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > _NOW),
        ),
    )
    .limit(1)
)
#: The grants in force of a principal; one row without a grant where it has none.
_CALLER = Read(
    select(
        col(PrincipalRecord.deactivated_at),
        has_left(col(PrincipalRecord.person_id)).label("has_left"),
        col(RoleGrant.id),
        col(RoleGrant.ends_at),
    )
    .select_from(PrincipalRecord)
    .outerjoin(
        RoleGrant,
        (col(RoleGrant.tenant_id) == col(PrincipalRecord.tenant_id))
        & (col(RoleGrant.principal_id) == col(PrincipalRecord.id))
        & in_force(_NOW),
    )
    .where(
        col(PrincipalRecord.tenant_id) == _TENANT,
        col(PrincipalRecord.id) == bindparam("principal_id", type_=Uuid()),
    )
)
#: Whether people have principals, or have made keys.
_GIVE_ACCESS = Read(
    text(
        """
        select true
        where exists (select from principals where tenant_id = :tenant_id and person_id = any (:person_ids))
           or exists (select from api_keys where tenant_id = :tenant_id and maker_id = any (:person_ids))
        """
    ).bindparams(bindparam("person_ids", type_=ARRAY(Uuid())))
)


class LastAdmin(Conflict):
    code = "last_admin"
    title = "The tenant would be left without an admin"


async def lock_rights(tx: Tx, operation: str) -> None:
    """Order the changes of rights in a tenant one after the other, and take the caller's rights as they are now.

    The caller was authenticated up to a second ago. Another admin may have ended their rights since, and two admins may
    be removing each other. The locked rows are the grants of the root's admins, of which one always stays. A tenant
    whose only admins are those of an issuer's claims has none, so that nothing orders its changes. A caller who may do
    this nowhere waits for nobody and is refused later.

    Raises:
        Unauthorized: the secret that the caller sent does not work any more.
    """
    if not allowed_below(tx.principal, operation):
        return
    await lock_admins(tx)
    used = tx.principal.key
    if used is None:
        await _refresh_grants(tx)
        return
    row = await tx.fetch_one(BY_SECRET, tenant_id=tx.tenant_id, secret_hash=used.secret_hash, now=tx.now)
    found = principal_of_key(tx.tenant_id, used.secret_hash, row, tx.now)
    if not isinstance(found, Principal):
        raise found
    tx.principal = found


async def _refresh_grants(tx: Tx) -> None:
    """Give a caller without a key the present periods of the stored grants, and take those that have ended.

    Raises:
        PrincipalDeactivated: the caller was deactivated, or has left.
    """
    values = {"tenant_id": tx.tenant_id, "principal_id": tx.principal.id, "now": tx.now}
    rows = await tx.fetch(_CALLER, **values)
    if any(row["deactivated_at"] is not None or row["has_left"] for row in rows):
        raise PrincipalDeactivated
    ends = {UUID(int=row["id"].int): row["ends_at"] for row in rows if row["id"] is not None}
    tx.principal = replace(
        tx.principal,
        grants=tuple(
            grant if grant.id is None else replace(grant, ends_at=ends[grant.id])
            for grant in tx.principal.grants
            if grant.id is None or grant.id in ends
        ),
    )


@asynccontextmanager
async def keep_an_admin(tx: Tx) -> AsyncIterator[None]:
    """Run a change that takes rights.

    Raises:
        LastAdmin: the tenant had an admin before the change and has none after it.
    """
    had_admin = await has_admin(tx)
    yield
    if had_admin and not await has_admin(tx):
        raise LastAdmin("Give another principal with a working key the admin role on the root first, without an end.")


@asynccontextmanager
async def keep_an_admin_without(tx: Tx, person_ids: Sequence[UUID]) -> AsyncIterator[None]:
    """Run a change after which these people, or some of them, have no access any more.

    Every way of leaving goes through here: a change of a person, a merge, an erasure, SCIM, a connector, a roster. For
    people without a principal who have made no key it is one statement; without people, none.

    Raises:
        LastAdmin: the tenant had an admin before the change and has none after it.
    """
    if not person_ids or await tx.fetch_one(_GIVE_ACCESS, tenant_id=tx.tenant_id, person_ids=list(person_ids)) is None:
        yield
        return
    await lock_admins(tx)
    async with keep_an_admin(tx):
        yield


async def lock_admins(tx: Tx) -> None:
    """Wait for other changes of rights in the tenant, and keep them waiting until the commit."""
    await tx.fetch(_LOCK_ADMINS, tenant_id=tx.tenant_id)


async def has_admin(tx: Tx) -> bool:
    """Return whether the tenant has an admin now."""
    return await tx.fetch_one(_HAS_ADMIN, tenant_id=tx.tenant_id, now=tx.now) is not None
