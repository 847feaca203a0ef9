"""Grant roles, change their periods and take them away."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from app.access.keys import add_grant, period_as_json, remove_grant
from app.access.last_admin import keep_an_admin, lock_rights
from app.access.models import PrincipalRecord, RoleGrant
from app.access.policy import is_visible, load_organization_for
from app.accounts.authority import check_end
from app.accounts.errors import GrantExists, InvalidPeriod, PrincipalInactive, UnknownPrincipal
from app.accounts.principals.service import load_principal_for
from app.accounts.role_grants.schemas import RoleGrantCreate, RoleGrantPatch
from app.db.transaction import Tx
from app.errors import FieldError, Forbidden, NotFound
from app.events.record import record_event
from app.tree.models import Organization

#: When a grant starts, and when it ends; None: it does not.
Period = tuple[datetime, datetime | None]


async def create(tx: Tx, body: RoleGrantCreate) -> UUID:
    """Grant a principal a role on an organization and everything below it.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there.
        BeyondOwnRights: the grant would outlast the caller's own role.
        InvalidPeriod: it has ended, or ends before it starts.
        UnknownPrincipal: The principal does not exist, or the caller does not manage it.
        PrincipalInactive: the principal is deactivated.
        GrantExists: the principal has or had this role on this organization.
    """
    await lock_rights(tx, "createRoleGrant")
    organization = await load_organization_for(tx, body.organization_id, "createRoleGrant")
    _check_period(body.starts_at or tx.now, body.ends_at)
    _check_period(tx.now, body.ends_at)
    check_end(tx, "createRoleGrant", organization.path, body.ends_at, "/body/ends_at")
    principal = await _principal_to_grant(tx, body.principal_id)
    same = select(RoleGrant.id).where(
        col(RoleGrant.tenant_id) == tx.tenant_id,
        col(RoleGrant.principal_id) == principal.id,
        col(RoleGrant.organization_id) == organization.id,
        col(RoleGrant.role) == body.role,
    )
    if await tx.session.scalar(same) is not None:
        raise GrantExists
    period = {"starts_at": body.starts_at, "ends_at": body.ends_at}
    return add_grant(tx, principal, body.role, organization.id, **period).id


async def patch(tx: Tx, role_grant_id: UUID, body: RoleGrantPatch) -> UUID:
    """Change the period of a grant.

    Raises:
        NotFound: The grant, its principal or its organization does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        BeyondOwnRights: the grant would count longer or earlier than before, and outlast the caller's own role.
        InvalidPeriod: it would end before it starts.
        LastAdmin: no admin of the tenant would be left.
    """
    await lock_rights(tx, "updateRoleGrant")
    grant, organization = await _grant_for(tx, role_grant_id, "updateRoleGrant")
    tx.expect(grant)
    former = grant.starts_at or grant.created_at, grant.ends_at
    async with keep_an_admin(tx):
        for name, value in body.changes().items():
            setattr(grant, name, value)
        present = grant.starts_at or grant.created_at, grant.ends_at
        _check_period(*present)
        if _gives_more(former, present):
            check_end(tx, "updateRoleGrant", organization.path, grant.ends_at, "/body/ends_at")
        changed = tx.touch(grant)
    if changed:
        record_event(
            tx, "role_grant.updated", grant.id, organization_id=organization.id, data={**period_as_json(grant)}
        )
    return grant.id


async def remove(tx: Tx, role_grant_id: UUID) -> None:
    """Take a role away at once.

    Raises:
        NotFound: The grant, its principal or its organization does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        LastAdmin: no admin of the tenant would be left.
    """
    await lock_rights(tx, "deleteRoleGrant")
    grant, organization = await _grant_for(tx, role_grant_id, "deleteRoleGrant")
    tx.expect(grant)
    async with keep_an_admin(tx):
        await remove_grant(tx, grant, organization_id=organization.id)


async def _principal_to_grant(tx: Tx, principal_id: UUID) -> PrincipalRecord:
    try:
        principal, _ = await load_principal_for(tx, principal_id, "getPrincipal")
    except (NotFound, Forbidden):
        error = FieldError("/body/principal_id", UnknownPrincipal.code, UnknownPrincipal.title)
        raise UnknownPrincipal(errors=[error]) from None
    if principal.deactivated_at is not None:
        raise PrincipalInactive
    return principal


async def _grant_for(tx: Tx, role_grant_id: UUID, operation: str) -> tuple[RoleGrant, Organization]:
    query = select(RoleGrant).where(
        col(RoleGrant.tenant_id) == tx.tenant_id,
        col(RoleGrant.id) == role_grant_id,
        is_visible(tx.principal, RoleGrant.organization_id),
    )
    query = query.with_for_update().execution_options(populate_existing=True)
    grant = (await tx.session.execute(query)).scalar_one_or_none()
    if grant is None:
        raise NotFound
    return grant, await load_organization_for(tx, grant.organization_id, operation)


def _gives_more(former: Period, present: Period) -> bool:
    """Return whether a period starts earlier or ends later than another."""
    ends_later = former[1] is not None and (present[1] is None or present[1] > former[1])
    return ends_later or present[0] < former[0]


def _check_period(starts_at: datetime, ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidPeriod(errors=[FieldError("/body/ends_at", InvalidPeriod.code, InvalidPeriod.title)])
