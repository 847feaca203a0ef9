"""Create, list, rotate and revoke API keys. The command line and the API's services call these functions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from app.access import credentials
from app.access.models import ApiKey, FormerKeySecret, PrincipalKind, PrincipalRecord, RoleGrant
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import Conflict, NotFound
from app.events.record import record_event
from app.principal import Role
from app.tree.organizations import load_organization

#: Former secrets that work at the same time. A further rotation ends the oldest.
MOST_FORMER_SECRETS = 5


class KeyEnded(Conflict):
    code = "key_ended"
    title = "The API key was revoked or has expired"


async def create_key(
    tx: Tx,
    *,
    name: str,
    grants: Sequence[tuple[Role, UUID]],
    expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> tuple[UUID, str]:
    """Make a machine with roles on organizations, and a key for it.

    Returns:
        The key's id, and the key itself: it is not stored and cannot be shown again.

    Raises:
        NotFound: the tenant has no such organization.
    """
    at = {organization_id for _, organization_id in grants}
    for organization_id in sorted(at):
        await load_organization(tx, organization_id)
    principal = add_principal(tx, name=name, organization_id=at.pop() if len(at) == 1 else None)
    await tx.session.flush()
    for role, organization_id in grants:
        add_grant(tx, principal, role, organization_id)
    await tx.session.flush()
    key, shown = add_key(tx, principal, name=name, expires_at=expires_at, networks=networks)
    return key.id, shown


def add_principal(
    tx: Tx,
    *,
    name: str,
    organization_id: UUID | None,
    kind: PrincipalKind = PrincipalKind.MACHINE,
    person_id: UUID | None = None,
) -> PrincipalRecord:
    """Add a principal without any role.

    Args:
        organization_id: who manages it; None: the root.
    """
    principal = PrincipalRecord(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        kind=kind,
        name=name,
        organization_id=organization_id,
        person_id=person_id,
    )
    tx.session.add(principal)
    record_event(tx, "principal.created", principal.id, organization_id=organization_id, data={"kind": kind.value})
    return principal


def add_grant(
    tx: Tx,
    principal: PrincipalRecord,
    role: Role,
    organization_id: UUID,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> RoleGrant:
    """Grant a stored principal a role on an organization and everything below it."""
    grant = RoleGrant(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=principal.id,
        organization_id=organization_id,
        role=role,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    tx.session.add(grant)
    record_event(
        tx,
        "role_grant.created",
        grant.id,
        organization_id=organization_id,
        data={"principal_id": str(principal.id), "role": role.value, **period_as_json(grant)},
    )
    return grant


async def remove_grant(tx: Tx, grant: RoleGrant, *, organization_id: UUID) -> None:
    """Take back a role.

    Args:
        organization_id: whose admins see the event.
    """
    await tx.session.delete(grant)
    record_event(
        tx,
        "role_grant.deleted",
        grant.id,
        organization_id=organization_id,
        data={"principal_id": str(grant.principal_id), "role": grant.role.value},
    )


def period_as_json(grant: RoleGrant) -> dict[str, str | None]:
    """Return the period of a grant as an event shows it."""
    period = {"starts_at": grant.starts_at, "ends_at": grant.ends_at}
    return {name: None if at is None else at.isoformat() for name, at in period.items()}


def add_key(
    tx: Tx, principal: PrincipalRecord, *, name: str, expires_at: datetime | None, networks: Sequence[str]
) -> tuple[ApiKey, str]:
    """Issue a key for a stored principal. Its maker is the person behind the caller, if there is one.

    Returns:
        The key's row, and the key itself: it is not stored and cannot be shown again.
    """
    shown, secret_hash = credentials.issue(credentials.API_KEY, tx.tenant_id)
    key = ApiKey(
        tenant_id=tx.tenant_id,
        created_at=tx.now,
        updated_at=tx.now,
        principal_id=principal.id,
        maker_id=tx.principal.maker_id,
        name=name,
        secret_hash=secret_hash,
        allowed_networks=list(networks),
        expires_at=expires_at,
    )
    tx.session.add(key)
    record_event(
        tx,
        "api_key.created",
        key.id,
        organization_id=principal.organization_id,
        data={
            "principal_id": str(principal.id),
            "expires_at": None if expires_at is None else expires_at.isoformat(),
            "allowed_networks": list(networks),
        },
    )
    return key, shown


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


async def lock_key(tx: Tx, key_id: UUID) -> ApiKey:
    """Load a key of the tenant and lock it.

    Raises:
        NotFound: the tenant has no such key.
    """
    query = select(ApiKey).where(col(ApiKey.tenant_id) == tx.tenant_id, col(ApiKey.id) == key_id)
    query = query.with_for_update().execution_options(populate_existing=True)
    key = (await tx.session.execute(query)).scalar_one_or_none()
    if key is None:
        raise NotFound
    return key


async def rotate_key(
    tx: Tx, key_id: UUID, overlap: timedelta, *, organization_id: UUID | None = None
) -> tuple[ApiKey, str]:
    """Give a key a new secret. Each former secret works until its overlap ends.

    A key that was rotated twice within the overlap keeps both former secrets, because nobody can know which of them is
    in use: the answer with the second one may have been lost. The caller is the maker of the new secret; a former one
    keeps its maker.

    Args:
        overlap: how long the present secret still works; zero ends all former secrets at once.
        organization_id: the organization to record with the event.

    Returns:
        The key's row, and the key itself: it is not stored and cannot be shown again.

    Raises:
        NotFound: the tenant has no such key.
        KeyEnded: the key was revoked or has expired.
    """
    key = await _lock_working_key(tx, key_id)
    await _drop_former_secrets(tx, key, keep=MOST_FORMER_SECRETS - 1 if overlap else 0)
    if overlap:
        tx.session.add(
            FormerKeySecret(
                tenant_id=tx.tenant_id,
                secret_hash=key.secret_hash,
                key_id=key.id,
                maker_id=key.maker_id,
                ends_at=tx.now + overlap,
            )
        )
    shown, key.secret_hash = credentials.issue(credentials.API_KEY, tx.tenant_id)
    key.maker_id = tx.principal.maker_id
    tx.touch(key)
    record_event(
        tx,
        "api_key.rotated",
        key.id,
        organization_id=organization_id,
        data={"overlap_seconds": int(overlap.total_seconds())},
    )
    return key, shown


async def adopt_key(tx: Tx, key_id: UUID, *, organization_id: UUID | None = None) -> ApiKey:
    """Make the person behind the caller the maker of a key. Its secret stays; former secrets keep their makers.

    Args:
        organization_id: the organization to record with the event.

    Raises:
        NotFound: the tenant has no such key.
        KeyEnded: the key was revoked or has expired.
    """
    key = await _lock_working_key(tx, key_id)
    key.maker_id = tx.principal.maker_id
    if tx.touch(key):
        record_event(tx, "api_key.adopted", key.id, organization_id=organization_id)
    return key


async def give_keys(tx: Tx, from_person_id: UUID, to_person_id: UUID) -> None:
    """Make a person the maker of all keys that another one made, former secrets included."""
    query = (
        select(ApiKey, col(PrincipalRecord.organization_id))
        .join(
            PrincipalRecord,
            (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
            & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
        )
        .where(col(ApiKey.tenant_id) == tx.tenant_id, col(ApiKey.maker_id) == from_person_id)
        .order_by(col(ApiKey.id))
        .with_for_update(of=ApiKey)
    )
    for key, organization_id in (await tx.session.execute(query)).all():
        key.maker_id = to_person_id
        tx.touch(key)
        data = {"fields": ["maker_id"]}
        record_event(tx, "api_key.updated", key.id, organization_id=organization_id, data=data)
    former = col(FormerKeySecret.tenant_id) == tx.tenant_id, col(FormerKeySecret.maker_id) == from_person_id
    await tx.session.execute(
        update(FormerKeySecret)
        .where(*former)
        .values(maker_id=to_person_id)
        .execution_options(synchronize_session=False)
    )


async def _lock_working_key(tx: Tx, key_id: UUID) -> ApiKey:
    key = await lock_key(tx, key_id)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= tx.now):
        raise KeyEnded
    return key


async def _drop_former_secrets(tx: Tx, key: ApiKey, *, keep: int) -> None:
    """Delete the former secrets of a key that have ended, and all but those that end last."""
    former = col(FormerKeySecret.tenant_id) == tx.tenant_id, col(FormerKeySecret.key_id) == key.id
    kept = (
        select(FormerKeySecret.secret_hash)
        .where(*former, col(FormerKeySecret.ends_at) > tx.now)
        .order_by(col(FormerKeySecret.ends_at).desc())
        .limit(keep)
    )
    await tx.session.execute(
        delete(FormerKeySecret)
        .where(*former, col(FormerKeySecret.secret_hash).not_in(kept))
        .execution_options(synchronize_session=False)
    )


async def revoke_key(tx: Tx, key_id: UUID, *, organization_id: UUID | None = None) -> ApiKey:
    """Revoke a key; it stops working within a second on every process. Revoking twice changes nothing.

    Args:
        organization_id: the organization to record with the event.

    Raises:
        NotFound: the tenant has no such key.
    """
    key = await lock_key(tx, key_id)
    if key.revoked_at is None:
        key.revoked_at = tx.now
        tx.touch(key)
        record_event(tx, "api_key.revoked", key.id, organization_id=organization_id)
    return key
