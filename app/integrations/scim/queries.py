"""Reads of SCIM tokens and of mappings of groups."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, LargeBinary, Uuid, bindparam, select
from sqlmodel import col

from app.access.policy import require_everywhere
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.integrations.scim.models import ScimGroupMapping, ScimToken
from app.integrations.scim.schemas import ScimGroupMappingRead, ScimTokenRead
from app.tree.models import Organization, OrganizationPlace, Tenant

_RENDERED = render(
    select(col(ScimToken.id)).where(col(ScimToken.tenant_id) == bindparam("tenant_id", type_=Uuid())),
    ScimToken,
    ScimTokenRead,
    col(ScimToken.id),
    col(ScimToken.version),
)
_BY_ID = Read(_RENDERED.where(col(ScimToken.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "scim-tokens",
    _RENDERED,
    key=col(ScimToken.id),
    orders={"id": col(ScimToken.id), "updated_at": col(ScimToken.updated_at)},
    filters={
        "revoked": bindparam("revoked", type_=Boolean()) == col(ScimToken.revoked_at).is_not(None),
        "updated_since": col(ScimToken.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
)
_MAPPINGS = render(
    select(col(ScimGroupMapping.id)).where(col(ScimGroupMapping.tenant_id) == bindparam("tenant_id", type_=Uuid())),
    ScimGroupMapping,
    ScimGroupMappingRead,
    col(ScimGroupMapping.id),
    col(ScimGroupMapping.version),
)
_MAPPING_BY_ID = Read(_MAPPINGS.where(col(ScimGroupMapping.id) == bindparam("id", type_=Uuid())))
MAPPINGS = Listing(
    "scim-group-mappings",
    _MAPPINGS,
    key=col(ScimGroupMapping.id),
    orders={"id": col(ScimGroupMapping.id), "updated_at": col(ScimGroupMapping.updated_at)},
    filters={
        "organization_id": col(ScimGroupMapping.organization_id) == bindparam("organization_id", type_=Uuid()),
        "updated_since": col(ScimGroupMapping.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
)
#: The token with a hash, and the root of its tenant. Takes ``tenant_id`` and ``secret_hash``.
BY_SECRET = Read(
    select(
        col(ScimToken.id),
        col(ScimToken.name),
        col(ScimToken.expires_at),
        col(ScimToken.revoked_at),
        col(Tenant.secret),
        col(OrganizationPlace.organization_id),
        col(OrganizationPlace.path),
    )
    .select_from(ScimToken)
    .join(Tenant, col(Tenant.id) == col(ScimToken.tenant_id))
    .join(
        Organization,
        (col(Organization.tenant_id) == col(ScimToken.tenant_id)) & col(Organization.parent_id).is_(None),
    )
    .join(
        OrganizationPlace,
        (col(OrganizationPlace.tenant_id) == col(ScimToken.tenant_id))
        & (col(OrganizationPlace.organization_id) == col(Organization.id)),
    )
    .where(
        col(ScimToken.tenant_id) == bindparam("tenant_id", type_=Uuid()),
        col(ScimToken.secret_hash) == bindparam("secret_hash", type_=LargeBinary()),
    )
)


async def get_scim_token(reader: CallerReader, scim_token_id: UUID) -> Rendered:
    """Return one token.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        NotFound: It does not exist.
    """
    require_everywhere(reader.principal, "getScimToken")
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=scim_token_id)
    if row is None:
        raise NotFound
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def get_scim_group_mapping(reader: CallerReader, mapping_id: UUID) -> Rendered:
    """Return one mapping.

    Raises:
        Forbidden: the caller is no admin of the whole tenant.
        NotFound: It does not exist.
    """
    require_everywhere(reader.principal, "getScimGroupMapping")
    row = await reader.fetch_one(_MAPPING_BY_ID, tenant_id=reader.principal.tenant_id, id=mapping_id)
    if row is None:
        raise NotFound
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
