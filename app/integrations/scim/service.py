"""Make and revoke the tokens of the tenant's identity provider."""

from typing import Final
from uuid import UUID

from pydantic_core import from_json
from sqlalchemy import func, or_
from sqlmodel import col, select

from app.access import credentials
from app.access.last_admin import lock_rights
from app.access.policy import require_everywhere
from app.accounts.authority import check_end, check_key_terms
from app.accounts.errors import InvalidPeriod
from app.db.ids import uuid7
from app.db.transaction import Tx
from app.errors import FieldError, NotFound
from app.events.record import record_event
from app.integrations.scim import queries
from app.integrations.scim.errors import TooManyScimTokens
from app.integrations.scim.models import ScimToken
from app.integrations.scim.schemas import ScimTokenCreate, ScimTokenIssued, ScimTokenRead
from app.tree.models import Organization
from app.tree.organizations import lock_tree
from app.tree.paths import segment

#: Two, so that a new token can be put in place before the old one is revoked.
MOST_TOKENS: Final = 2


async def create(tx: Tx, body: ScimTokenCreate) -> ScimTokenIssued:
    """Make a token.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        BeyondOwnRights: the token would outlast the caller's role or key, or work from elsewhere.
        InvalidPeriod: the token has expired already.
        TooManyScimTokens: two tokens work.
    """
    await lock_rights(tx, "createScimToken")
    require_everywhere(tx.principal, "createScimToken")
    if body.expires_at is not None and body.expires_at <= tx.now:
        raise InvalidPeriod(errors=[FieldError("/body/expires_at", InvalidPeriod.code, InvalidPeriod.title)])
    # Of two requests at once, the second counts after the first has ended.
    await lock_tree(tx, lock="update")
    root = select(Organization.id).where(
        col(Organization.tenant_id) == tx.tenant_id, col(Organization.parent_id).is_(None)
    )
    root_id = (await tx.session.execute(root)).scalar_one()
    check_end(tx, "createScimToken", segment(root_id), body.expires_at, "/body/expires_at")
    check_key_terms(tx, body.expires_at, (), are_sent=False)
    live = select(func.count()).where(
        col(ScimToken.tenant_id) == tx.tenant_id,
        col(ScimToken.revoked_at).is_(None),
        or_(col(ScimToken.expires_at).is_(None), col(ScimToken.expires_at) > tx.now),
    )
    if (await tx.session.scalar(live) or 0) >= MOST_TOKENS:
        raise TooManyScimTokens
    shown, secret_hash = credentials.issue(credentials.SCIM_TOKEN, tx.tenant_id)
    made = ScimToken(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        created_at=tx.now,
        updated_at=tx.now,
        name=body.name,
        secret_hash=secret_hash,
        expires_at=body.expires_at,
    )
    tx.session.add(made)
    record_event(tx, "scim_token.created", made.id, organization_id=root_id)
    await tx.flush()
    read = ScimTokenRead.model_validate(from_json((await queries.get_scim_token(tx, made.id)).body))
    return ScimTokenIssued(**read.model_dump(), token=shown, token_reason=None)


async def revoke(tx: Tx, scim_token_id: UUID) -> None:
    """Revoke a token. Revoking twice changes nothing.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        NotFound: It does not exist.
        PreconditionRequired, PreconditionFailed: If-Match is missing or stale.
    """
    require_everywhere(tx.principal, "revokeScimToken")
    query = select(ScimToken).where(col(ScimToken.tenant_id) == tx.tenant_id, col(ScimToken.id) == scim_token_id)
    found = (await tx.session.execute(query.with_for_update())).scalar_one_or_none()
    if found is None:
        raise NotFound
    tx.expect(found)
    if found.revoked_at is None:
        found.revoked_at = tx.now
        tx.touch(found)
        record_event(tx, "scim_token.revoked", found.id)
