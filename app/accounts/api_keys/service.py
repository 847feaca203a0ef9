"""Make, rotate and revoke API keys for a caller, who gives no more rights than they have."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select

from app.access import keys
from app.access.last_admin import keep_an_admin, lock_rights
from app.access.models import ApiKey, PrincipalRecord
from app.access.policy import is_visible, load_organization_for
from app.accounts.api_keys import queries
from app.accounts.api_keys.schemas import ApiKeyCreate, ApiKeyIssued, ApiKeyRead, ApiKeyRotation, PrincipalKeyCreate
from app.accounts.authority import check_covers, check_end, check_key_terms, may_until
from app.accounts.errors import BeyondOwnRights, InvalidPeriod, PrincipalInactive
from app.accounts.principals.queries import HOME
from app.accounts.principals.service import load_principal_for
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.tree.models import Organization


async def create(tx: Tx, body: ApiKeyCreate) -> ApiKeyIssued:
    """Make a machine with one role on an organization, and a key for it.

    Raises:
        NotFound: The organization does not exist, or the caller cannot see it.
        Forbidden: the caller is no admin there.
        BeyondOwnRights: the key would be better than the caller's role or key.
        InvalidPeriod: the key has expired already.
    """
    await lock_rights(tx, "createApiKey")
    organization = await load_organization_for(tx, body.organization_id, "createApiKey")
    _check_terms(tx, body)
    check_end(tx, "createApiKey", organization.path, body.expires_at, "/body/expires_at")
    is_permanent = may_until(tx.principal, "createApiKey", organization.path, None)
    principal = keys.add_principal(tx, name=body.name, organization_id=organization.id)
    await tx.session.flush()
    # What a role with an end gives has an end too.
    keys.add_grant(tx, principal, body.role, organization.id, ends_at=None if is_permanent else body.expires_at)
    return await _add(tx, principal, body)


async def create_for_principal(tx: Tx, principal_id: UUID, body: PrincipalKeyCreate) -> ApiKeyIssued:
    """Make a further key for a principal.

    Raises:
        NotFound: The key or its principal does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PrincipalInactive: the principal is deactivated.
        BeyondOwnRights: the principal may do what the caller could not grant, or the key would be better than the
            caller's role or key.
        InvalidPeriod: the key has expired already.
    """
    await lock_rights(tx, "createPrincipalKey")
    principal, organization = await load_principal_for(tx, principal_id, "createPrincipalKey")
    _check_terms(tx, body)
    # The principal may get roles later that outlast the caller's.
    check_end(tx, "createPrincipalKey", organization.path, body.expires_at, "/body/expires_at")
    await check_covers(tx, principal.id, "createPrincipalKey", body.expires_at)
    if principal.deactivated_at is not None:
        raise PrincipalInactive
    return await _add(tx, principal, body)


async def rotate(tx: Tx, api_key_id: UUID, body: ApiKeyRotation) -> ApiKeyIssued:
    """Give a key a new secret. The present one works until the overlap ends.

    Raises:
        NotFound: The key or its principal does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        BeyondOwnRights: the principal may do what the caller could not grant, the key is better than the caller's role
            or key, or the caller sent a former secret of the key.
        PrincipalInactive: the principal is deactivated.
        KeyEnded: the key was revoked or has expired.
    """
    key, principal = await _key_to_answer_for(tx, api_key_id, "rotateApiKey")
    _, shown = await keys.rotate_key(
        tx, key.id, timedelta(seconds=body.overlap_seconds), organization_id=principal.organization_id
    )
    return await _issued(tx, key.id, shown)


async def adopt(tx: Tx, api_key_id: UUID) -> UUID:
    """Make the person behind the caller the maker of a key. Return the key's id.

    Raises:
        NotFound: The key or its principal does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        BeyondOwnRights, PrincipalInactive, KeyEnded: as for a rotation.
    """
    key, principal = await _key_to_answer_for(tx, api_key_id, "adoptApiKey")
    await keys.adopt_key(tx, key.id, organization_id=principal.organization_id)
    return key.id


async def revoke(tx: Tx, api_key_id: UUID) -> None:
    """Revoke a key with all of its secrets. Revoking twice changes nothing.

    Raises:
        NotFound: The key or its principal does not exist, or the caller cannot see it.
        Forbidden: The caller may see it, but may not do this.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
        LastAdmin: no admin of the tenant would have a working key.
    """
    await lock_rights(tx, "revokeApiKey")
    key, principal, _ = await _key_for(tx, api_key_id, "revokeApiKey")
    tx.expect(key)
    async with keep_an_admin(tx):
        await keys.revoke_key(tx, key.id, organization_id=principal.organization_id)


async def _key_to_answer_for(tx: Tx, api_key_id: UUID, operation: str) -> tuple[ApiKey, PrincipalRecord]:
    """Load and lock a key that the caller could have made.

    Raises:
        NotFound, Forbidden, BeyondOwnRights, PrincipalInactive: as for a rotation.
    """
    await lock_rights(tx, operation)
    key, principal, organization = await _key_for(tx, api_key_id, operation)
    used = tx.principal.key
    if used is not None and used.is_former and used.id == key.id:
        raise BeyondOwnRights("A former secret cannot rotate its key.")
    check_key_terms(tx, key.expires_at, key.allowed_networks, are_sent=False)
    check_end(tx, operation, organization.path, key.expires_at, None)
    await check_covers(tx, principal.id, operation, key.expires_at)
    if principal.deactivated_at is not None:
        raise PrincipalInactive
    return key, principal


def _check_terms(tx: Tx, body: PrincipalKeyCreate) -> None:
    if body.expires_at is not None and body.expires_at <= tx.now:
        raise InvalidPeriod(errors=[FieldError("/body/expires_at", InvalidPeriod.code, InvalidPeriod.title)])
    check_key_terms(tx, body.expires_at, body.allowed_networks, are_sent=True)


async def _add(tx: Tx, principal: PrincipalRecord, body: PrincipalKeyCreate) -> ApiKeyIssued:
    key, shown = keys.add_key(tx, principal, name=body.name, expires_at=body.expires_at, networks=body.allowed_networks)
    return await _issued(tx, key.id, shown)


async def _issued(tx: Tx, key_id: UUID, shown: str) -> ApiKeyIssued:
    rendered = await queries.get_api_key(tx, key_id)
    stored = ApiKeyRead.model_validate_json(rendered.body)
    return ApiKeyIssued(**stored.model_dump(), key=shown, key_reason=None)


async def _key_for(tx: Tx, api_key_id: UUID, operation: str) -> tuple[ApiKey, PrincipalRecord, Organization]:
    query = (
        select(ApiKey, PrincipalRecord, HOME.label("home"))
        .join(
            PrincipalRecord,
            (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
            & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
        )
        .where(
            col(ApiKey.tenant_id) == tx.tenant_id,
            col(ApiKey.id) == api_key_id,
            is_visible(tx.principal, HOME),
        )
        .with_for_update(of=ApiKey)
        .execution_options(populate_existing=True)
    )
    found = (await tx.session.execute(query)).one_or_none()
    if found is None:
        raise NotFound
    organization = await load_organization_for(tx, found.home, operation)
    return found.ApiKey, found.PrincipalRecord, organization
