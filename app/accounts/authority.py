"""The rules for giving and taking rights, shared by principals, keys and grants.

- Nobody gives more than they have. Only an admin gives rights, on organizations that the admin role covers, and for no
  longer than that role lasts. A key makes keys for its own networks and its own lifetime at most.
- A key opens everything that its principal may do. So an admin makes or rotates a key only for a principal all of
  whose roles that admin could grant.
- A tenant keeps an admin: an active principal with the admin role on the root, without an end, and a key that works.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, exists, literal_column, or_, select
from sqlmodel import col

from app.access.credentials import PrincipalDeactivated
from app.access.key_lookup import BY_SECRET, has_left, in_force, principal_of_key
from app.access.models import ApiKey, PrincipalRecord, RoleGrant
from app.access.operations import OPERATIONS
from app.access.policy import allowed_below
from app.accounts.errors import BeyondOwnRights, LastAdmin
from app.db.statement import Read
from app.db.transaction import Tx
from app.errors import FieldError
from app.principal import Principal, Role
from app.tree.models import Organization, OrganizationPlace

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
            or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > _NOW),
        ),
    )
    .limit(1)
)
#: The grants in force of a principal; one row without a grant where it has none.
_CALLER = Read(
    select(col(PrincipalRecord.deactivated_at), col(RoleGrant.id), col(RoleGrant.ends_at))
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
_GRANTED = Read(
    select(col(OrganizationPlace.path), col(RoleGrant.ends_at))
    .select_from(RoleGrant)
    .join(
        OrganizationPlace,
        (col(OrganizationPlace.tenant_id) == col(RoleGrant.tenant_id))
        & (col(OrganizationPlace.organization_id) == col(RoleGrant.organization_id)),
    )
    .where(
        col(RoleGrant.tenant_id) == _TENANT,
        col(RoleGrant.principal_id) == bindparam("principal_id", type_=Uuid()),
        or_(col(RoleGrant.ends_at).is_(None), col(RoleGrant.ends_at) > _NOW),
    )
)


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
    await tx.fetch(_LOCK_ADMINS, tenant_id=tx.tenant_id)
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
        PrincipalDeactivated: the caller was deactivated.
    """
    values = {"tenant_id": tx.tenant_id, "principal_id": tx.principal.id, "now": tx.now}
    rows = await tx.fetch(_CALLER, **values)
    if any(row["deactivated_at"] is not None for row in rows):
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
    values = {"tenant_id": tx.tenant_id, "now": tx.now}
    had_admin = await tx.fetch_one(_HAS_ADMIN, **values) is not None
    yield
    if had_admin and await tx.fetch_one(_HAS_ADMIN, **values) is None:
        raise LastAdmin("Give another principal with a working key the admin role on the root first, without an end.")


def may_until(principal: Principal, operation: str, path: str, ends_at: datetime | None) -> bool:
    """Return whether the caller may perform an operation on the organization at ``path`` until an instant.

    Args:
        ends_at: None means for ever.
    """
    roles = OPERATIONS[operation].roles
    return any(
        grant.role in roles
        and path.startswith(grant.path)
        and (grant.ends_at is None or (ends_at is not None and ends_at <= grant.ends_at))
        for grant in principal.grants
    )


def check_end(tx: Tx, operation: str, path: str, ends_at: datetime | None, pointer: str | None) -> None:
    """Check that a right which the caller may give does not outlast the caller's own.

    Args:
        pointer: the member of the request that says when the right ends; None: no member does.

    Raises:
        BeyondOwnRights: it does.
    """
    if not may_until(tx.principal, operation, path, ends_at):
        raise _beyond(pointer, "This would outlast your own role")


async def check_covers(tx: Tx, principal_id: UUID, operation: str, until: datetime | None) -> None:
    """Check that the caller could grant every role of a principal, those that have yet to start included.

    Args:
        until: when what the caller gets ends; None: it does not.

    Raises:
        BeyondOwnRights: the principal may do what the caller may not give.
    """
    for row in await tx.fetch(_GRANTED, tenant_id=tx.tenant_id, principal_id=principal_id, now=tx.now):
        ends = [at for at in (row["ends_at"], until) if at is not None]
        if not may_until(tx.principal, operation, row["path"], min(ends, default=None)):
            raise BeyondOwnRights("This principal has rights that you could not grant.")


def check_key_terms(tx: Tx, expires_at: datetime | None, networks: Sequence[str], *, are_sent: bool) -> None:
    """Check that a key which the caller gets is no better than the caller's own key.

    Args:
        are_sent: the body of the request states these terms.

    Raises:
        BeyondOwnRights: it would last longer, or work from elsewhere.
    """
    own = tx.principal.key
    if own is None:
        return
    if own.expires_at is not None and (expires_at is None or expires_at > own.expires_at):
        raise _beyond("/body/expires_at" if are_sent else None, "This would outlast your own key")
    wanted = [ip_network(network) for network in networks]
    if own.networks and not (wanted and all(_is_within(network, own.networks) for network in wanted)):
        pointer = "/body/allowed_networks" if are_sent else None
        raise _beyond(pointer, "Your own key works only from certain networks")


def _is_within(network: IPv4Network | IPv6Network, others: Sequence[IPv4Network | IPv6Network]) -> bool:
    def lies_in(other: Any) -> bool:
        return network.version == other.version and network.subnet_of(other)

    return any(map(lies_in, others))


def _beyond(pointer: str | None, message: str) -> BeyondOwnRights:
    if pointer is None:
        return BeyondOwnRights(f"{message}.")
    return BeyondOwnRights(errors=[FieldError(pointer, BeyondOwnRights.code, message)])
