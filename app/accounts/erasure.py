"""End a person's access: revoke keys, take roles, and deactivate and rename the principal."""

from uuid import UUID

from sqlalchemy import delete
from sqlmodel import col, select

from app.access.models import ApiKey, FormerKeySecret, PrincipalRecord, RoleGrant
from app.access.oidc.models import Identity
from app.db.transaction import Tx
from app.events.record import record_event


async def end_access(tx: Tx, person_id: UUID, erased_name: str) -> list[UUID]:
    """End the access of a person's principal, inside `keep_an_admin_without`. Call `lock_rights` first.

    Keys are revoked and lose their names, roles are taken, the principal is deactivated and gets another name. The
    function `erase_person_traces` removes the sign-ins, which the service may not write.

    Args:
        erased_name: the name that the principal gets.

    Returns:
        The ids of the principals that stand for the person and of their keys.
    """
    query = select(PrincipalRecord).where(
        col(PrincipalRecord.tenant_id) == tx.tenant_id, col(PrincipalRecord.person_id) == person_id
    )
    principals = list(await tx.session.scalars(query.order_by(col(PrincipalRecord.id)).with_for_update()))
    ended = [principal.id for principal in principals]
    for principal in principals:
        ended += await _end_keys(tx, principal)
        await _take_roles(tx, principal)
        _deactivate(tx, principal, erased_name)
    await _record_sign_ins(tx, person_id)
    tx.principals_changed = True
    return ended


async def _end_keys(tx: Tx, principal: PrincipalRecord) -> list[UUID]:
    """Revoke all keys of a principal, and drop their names and networks. Return their ids."""
    query = select(ApiKey).where(col(ApiKey.tenant_id) == tx.tenant_id, col(ApiKey.principal_id) == principal.id)
    keys = list(await tx.session.scalars(query.order_by(col(ApiKey.id)).with_for_update()))
    for key in keys:
        event, data = ("api_key.updated", {"fields": ["name"]}) if key.revoked_at else ("api_key.revoked", None)
        key.name, key.allowed_networks = None, []
        key.revoked_at = key.revoked_at or tx.now
        if tx.touch(key):
            record_event(tx, event, key.id, organization_id=principal.organization_id, data=data)
    await tx.session.execute(
        delete(FormerKeySecret)
        .where(
            col(FormerKeySecret.tenant_id) == tx.tenant_id,
            col(FormerKeySecret.key_id).in_([key.id for key in keys]),
        )
        .execution_options(synchronize_session=False)
    )
    return [key.id for key in keys]


async def _take_roles(tx: Tx, principal: PrincipalRecord) -> None:
    query = select(RoleGrant).where(
        col(RoleGrant.tenant_id) == tx.tenant_id, col(RoleGrant.principal_id) == principal.id
    )
    for grant in await tx.session.scalars(query.order_by(col(RoleGrant.id)).with_for_update()):
        await tx.session.delete(grant)
        record_event(
            tx,
            "role_grant.deleted",
            grant.id,
            organization_id=grant.organization_id,
            data={"principal_id": str(principal.id), "role": grant.role.value},
        )


def _deactivate(tx: Tx, principal: PrincipalRecord, name: str) -> None:
    was_active = principal.deactivated_at is None
    principal.name = name
    principal.deactivated_at = principal.deactivated_at or tx.now
    if tx.touch(principal):
        record_event(
            tx,
            "principal.deactivated" if was_active else "principal.updated",
            principal.id,
            organization_id=principal.organization_id,
            data={"reason": None} if was_active else {"fields": ["name"]},
        )


async def _record_sign_ins(tx: Tx, person_id: UUID) -> None:
    query = select(Identity.id).where(col(Identity.tenant_id) == tx.tenant_id, col(Identity.person_id) == person_id)
    for identity_id in await tx.session.scalars(query.order_by(col(Identity.id))):
        record_event(tx, "identity.unlinked", identity_id, data={"person_id": str(person_id)})
