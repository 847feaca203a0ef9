"""Reads of API keys: the statements, and the rule for who sees one."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Uuid, bindparam, func, select, true
from sqlmodel import col

from app.access.key_lookup import has_left
from app.access.models import ApiKey, FormerKeySecret, PrincipalRecord
from app.access.policy import require
from app.accounts.api_keys.schemas import ApiKeyRead
from app.accounts.principals.queries import AT_HOME
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.tree.models import OrganizationPlace
from app.tree.paths import in_ranges

_FORMER_UNTIL = (
    select(func.max(col(FormerKeySecret.ends_at)))
    .where(col(FormerKeySecret.tenant_id) == col(ApiKey.tenant_id), col(FormerKeySecret.key_id) == col(ApiKey.id))
    .correlate(ApiKey)
    .scalar_subquery()
)
_RENDERED = render(
    select(col(ApiKey.id))
    .select_from(ApiKey)
    .join(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(ApiKey.tenant_id))
        & (col(PrincipalRecord.id) == col(ApiKey.principal_id)),
    )
    .join(OrganizationPlace, AT_HOME)
    .where(col(ApiKey.tenant_id) == bindparam("tenant_id", type_=Uuid())),
    ApiKey,
    ApiKeyRead,
    col(ApiKey.id),
    col(ApiKey.version),
    col(OrganizationPlace.path),
    name=func.coalesce(col(ApiKey.name), col(PrincipalRecord.name)),
    principal_name=col(PrincipalRecord.name),
    organization_id=col(OrganizationPlace.organization_id),
    maker_has_left=has_left(col(ApiKey.maker_id)),
    former_secret_until=_FORMER_UNTIL,
)
_BY_ID = Read(_RENDERED.where(col(ApiKey.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "api-keys",
    _RENDERED,
    key=col(ApiKey.id),
    orders={"id": col(ApiKey.id), "updated_at": col(ApiKey.updated_at)},
    filters={
        "principal_id": col(ApiKey.principal_id) == bindparam("principal_id", type_=Uuid()),
        "organization_id": col(OrganizationPlace.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `app.accounts.scope`
        "maker_id": col(ApiKey.maker_id) == bindparam("maker_id", type_=Uuid()),
        "revoked": bindparam("revoked", type_=Boolean()) == col(ApiKey.revoked_at).is_not(None),
        "updated_since": col(ApiKey.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)


async def get_api_key(reader: CallerReader, api_key_id: UUID) -> Rendered:
    """Return one key.

    Raises:
        NotFound: It does not exist, or the caller cannot see the organization of its principal.
        Forbidden: the caller is no admin there.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=api_key_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getApiKey", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
