"""Reading organizations: statements over the tables, and their rows as what callers get."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import col

from app.access.policy import may, require
from app.db.listing import Listing
from app.db.reads import Read, Reader, Row, from_json
from app.errors import NotFound
from app.organizations.schemas import OrganizationRead, OrganizationStatus
from app.principal import Principal
from app.tree.models import Organization, OrganizationExternalId
from app.tree.paths import within

_EXTERNAL_IDS = (
    select(
        func.json_agg(
            aggregate_order_by(
                func.json_build_object(
                    "source",
                    col(OrganizationExternalId.source),
                    "external_id",
                    col(OrganizationExternalId.external_id),
                ),
                col(OrganizationExternalId.source),
                col(OrganizationExternalId.external_id),
            )
        )
    )
    .where(
        col(OrganizationExternalId.tenant_id) == col(Organization.tenant_id),
        col(OrganizationExternalId.organization_id) == col(Organization.id),
    )
    .correlate(Organization)
    .scalar_subquery()
)
_TENANT = bindparam("tenant_id", type_=Uuid())
_ROWS = select(
    col(Organization.id),
    col(Organization.version),
    col(Organization.created_at),
    col(Organization.updated_at),
    col(Organization.parent_id),
    col(Organization.kind),
    col(Organization.name),
    col(Organization.path),
    col(Organization.depth),
    col(Organization.staff_count),
    col(Organization.timezone),
    col(Organization.archived_at),
    _EXTERNAL_IDS.label("external_ids"),
).where(col(Organization.tenant_id) == _TENANT)
_BY_ID = Read(_ROWS.where(col(Organization.id) == bindparam("id", type_=Uuid())))

_COMMON_FILTERS = {
    "kind": col(Organization.kind) == bindparam("kind", type_=Text()),
    "status": col(Organization.archived_at).is_(None) == (bindparam("status", type_=Text()) == "active"),
}
LIST = Listing(
    "organizations",
    _ROWS,
    key=col(Organization.id),
    orders={
        "id": col(Organization.id),
        "name": col(Organization.name_key),
        "updated_at": col(Organization.updated_at),
    },
    filters={
        **_COMMON_FILTERS,
        "parent_id": col(Organization.parent_id) == bindparam("parent_id", type_=Uuid()),
        "q": func.strpos(col(Organization.name_key), bindparam("q", type_=Text())) > 0,
        "external_source": exists().where(
            col(OrganizationExternalId.tenant_id) == _TENANT,
            col(OrganizationExternalId.organization_id) == col(Organization.id),
            col(OrganizationExternalId.source) == bindparam("external_source", type_=Text()),
            col(OrganizationExternalId.external_id) == bindparam("external_id", type_=Text()),
        ),
        "external_id": bindparam("external_id", type_=Text()).is_not(None),
        "updated_since": col(Organization.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=within,
)
DESCENDANTS = Listing(
    "organization-descendants",
    _ROWS.where(
        col(Organization.path) > bindparam("below", type_=Text()),
        col(Organization.path) < bindparam("behind", type_=Text()),
    ),
    key=col(Organization.id),
    orders={"path": col(Organization.path)},
    filters={
        **_COMMON_FILTERS,
        "max_depth": col(Organization.depth)
        <= bindparam("depth", type_=Integer()) + bindparam("max_depth", type_=Integer()),
    },
    scope=within,
)


def present(principal: Principal, row: Row) -> OrganizationRead:
    """A row as this caller sees it."""
    fields: dict[str, Any] = dict(row)
    status = OrganizationStatus.ACTIVE if row["archived_at"] is None else OrganizationStatus.ARCHIVED
    movable = may(principal, "transitionOrganization", row["path"]) and row["parent_id"] is not None
    fields["status"] = status
    fields["external_ids"] = from_json(row["external_ids"]) or []
    fields["allowed_transitions"] = [other for other in OrganizationStatus if movable and other is not status]
    return OrganizationRead.model_validate(fields)


async def row_of(reader: Reader, principal: Principal, organization_id: UUID) -> Row:
    """The row of an organization in the caller's sight.

    Raises:
        NotFound: none such there.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=principal.tenant_id, id=organization_id)
    if row is None:
        raise NotFound
    require(principal, "getOrganization", row["path"])
    return row


async def get(reader: Reader, principal: Principal, organization_id: UUID) -> OrganizationRead:
    """One organization.

    Raises:
        NotFound: none such in the caller's sight.
    """
    return present(principal, await row_of(reader, principal, organization_id))
