"""Reads of role grants: the statements, and the rule for who sees one."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, bindparam, select, true
from sqlmodel import col

from app.access.key_lookup import in_force
from app.access.models import PrincipalRecord, RoleGrant
from app.access.policy import require
from app.accounts.role_grants.schemas import RoleGrantRead
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.tree.models import OrganizationPlace
from app.tree.paths import in_ranges

_INSTANT = DateTime(timezone=True)
_RENDERED = render(
    select(col(RoleGrant.id))
    .select_from(RoleGrant)
    .join(
        OrganizationPlace,
        (col(OrganizationPlace.tenant_id) == col(RoleGrant.tenant_id))
        & (col(OrganizationPlace.organization_id) == col(RoleGrant.organization_id)),
    )
    .join(
        PrincipalRecord,
        (col(PrincipalRecord.tenant_id) == col(RoleGrant.tenant_id))
        & (col(PrincipalRecord.id) == col(RoleGrant.principal_id)),
    )
    .where(col(RoleGrant.tenant_id) == bindparam("tenant_id", type_=Uuid())),
    RoleGrant,
    RoleGrantRead,
    col(RoleGrant.id),
    col(RoleGrant.version),
    col(OrganizationPlace.path),
    principal_name=col(PrincipalRecord.name),
)
_BY_ID = Read(_RENDERED.where(col(RoleGrant.id) == bindparam("id", type_=Uuid())))
#: Takes ``now`` where `in_force` is filtered by.
LIST = Listing(
    "role-grants",
    _RENDERED,
    key=col(RoleGrant.id),
    orders={"id": col(RoleGrant.id), "updated_at": col(RoleGrant.updated_at)},
    filters={
        "principal_id": col(RoleGrant.principal_id) == bindparam("principal_id", type_=Uuid()),
        "organization_id": col(RoleGrant.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `app.accounts.scope`
        "role": col(RoleGrant.role) == bindparam("role", type_=Text()),
        "in_force": bindparam("in_force", type_=Boolean()) == in_force(bindparam("now", type_=_INSTANT)),
        "updated_since": col(RoleGrant.updated_at) >= bindparam("updated_since", type_=_INSTANT),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)


async def get_role_grant(reader: CallerReader, role_grant_id: UUID) -> Rendered:
    """Return one grant.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=role_grant_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getRoleGrant", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
