"""Create, list and revoke API keys. The command line calls these functions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select

from app.access import credentials
from app.access.models import ApiKey, PrincipalRecord, RoleGrant
from app.db.transaction import Tx
from app.errors import NotFound
from app.events.record import record_event
from app.principal import Role
from app.tree.organizations import load_organization


async def create_key(
    tx: Tx,
    *,
    name: str,
    grants: Sequence[tuple[Role, UUID]],
    expires_at: datetime | None = None,
) -> tuple[UUID, str]:
    """Make a principal with roles on organizations, and a key for it.

    Returns:
        The key's id, and the key itself: it is not stored and cannot be shown again.

    Raises:
        NotFound: the tenant has no such organization.
    """
    principal = PrincipalRecord(tenant_id=tx.tenant_id, kind="api_key", name=name)
    tx.session.add(principal)
    await tx.session.flush()
    for role, organization_id in grants:
        organization = await load_organization(tx, organization_id)
        tx.session.add(
            RoleGrant(tenant_id=tx.tenant_id, principal_id=principal.id, organization_id=organization.id, role=role)
        )
    shown, secret_hash = credentials.issue(credentials.API_KEY, tx.tenant_id)
    key = ApiKey(tenant_id=tx.tenant_id, principal_id=principal.id, secret_hash=secret_hash, expires_at=expires_at)
    tx.session.add(key)
    record_event(
        tx,
        "api_key.created",
        key.id,
        data={"name": name, "grants": [[role.value, str(at)] for role, at in grants]},
    )
    return key.id, shown


async def list_keys(tx: Tx) -> Sequence[tuple[ApiKey, PrincipalRecord, Sequence[RoleGrant]]]:
    """Return all keys of the tenant, oldest first, with their principals and grants."""
    keys = (
        await tx.session.execute(
            select(ApiKey, PrincipalRecord)
            .join(
                PrincipalRecord,
                (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
                & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
            )
            .where(col(ApiKey.tenant_id) == tx.tenant_id)
            .order_by(col(ApiKey.id))
        )
    ).all()
    grants = (
        (await tx.session.execute(select(RoleGrant).where(col(RoleGrant.tenant_id) == tx.tenant_id))).scalars().all()
    )
    return [
        (key, principal, [grant for grant in grants if grant.principal_id == principal.id]) for key, principal in keys
    ]


async def revoke_key(tx: Tx, key_id: UUID) -> ApiKey:
    """Revoke a key; it stops working within a second on every process. Revoking twice changes nothing.

    Raises:
        NotFound: the tenant has no such key.
    """
    key = (
        await tx.session.execute(
            select(ApiKey).where(col(ApiKey.tenant_id) == tx.tenant_id, col(ApiKey.id) == key_id).with_for_update()
        )
    ).scalar_one_or_none()
    if key is None:
        raise NotFound
    if key.revoked_at is None:
        key.revoked_at = tx.now
        tx.touch(key)
        record_event(tx, "api_key.revoked", key.id)
    return key
