"""Reads of organizations: the statements, and the representation of their rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.access.policy import allowed_below, require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_array, json_constant, json_if, render
from app.db.statement import Read, Reader, Row
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.organizations.schemas import ExternalId, OrganizationMoveRead, OrganizationRead, OrganizationStatus
from app.principal import Principal
from app.tree.models import Organization, OrganizationExternalId, OrganizationMove, OrganizationPlace
from app.tree.paths import below_any, in_ranges

_EXTERNAL_IDS = json_array(
    OrganizationExternalId,
    ExternalId,
    and_(
        col(OrganizationExternalId.tenant_id) == col(Organization.tenant_id),
        col(OrganizationExternalId.organization_id) == col(Organization.id),
    ),
    col(OrganizationExternalId.source),
    col(OrganizationExternalId.external_id),
    within=Organization,
)
_TENANT = bindparam("tenant_id", type_=Uuid())
_Zone = aliased(Organization, name="zone")
_ROWS = (
    select(col(Organization.id), col(OrganizationPlace.path), col(OrganizationPlace.depth))
    .select_from(Organization)
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Organization.tenant_id),
            col(OrganizationPlace.organization_id) == col(Organization.id),
        ),
    )
    .join(
        _Zone,
        and_(
            col(_Zone.tenant_id) == col(OrganizationPlace.tenant_id),
            col(_Zone.id) == col(OrganizationPlace.timezone_from_id),
        ),
    )
    .where(col(Organization.tenant_id) == _TENANT)
)
_GUARD = Read(_ROWS.where(col(Organization.id) == bindparam("id", type_=Uuid())))

_ARCHIVED = col(Organization.archived_at).is_not(None)
_RENDERED = render(
    _ROWS,
    Organization,
    OrganizationRead,
    col(Organization.id),
    col(Organization.version),
    col(OrganizationPlace.path),
    depth=col(OrganizationPlace.depth),
    effective_timezone=func.coalesce(col(_Zone.timezone), literal_column("'UTC'", Text)),
    archived_by_id=col(OrganizationPlace.archived_by_id),
    status=case((_ARCHIVED, OrganizationStatus.ARCHIVED.value), else_=OrganizationStatus.ACTIVE.value),
    external_ids=_EXTERNAL_IDS,
    allowed_transitions=json_if(
        and_(below_any("movable", OrganizationPlace.path), col(Organization.parent_id).is_not(None)),
        json_if(_ARCHIVED, json_constant([OrganizationStatus.ACTIVE]), json_constant([OrganizationStatus.ARCHIVED])),
        json_constant([]),
    ),
)
_RENDERED_BY_ID = Read(_RENDERED.where(col(Organization.id) == bindparam("id", type_=Uuid())))

_UPDATED_SINCE = bindparam("updated_since", type_=DateTime(timezone=True))
_COMMON_FILTERS = {
    "kind": col(Organization.kind) == bindparam("kind", type_=Text()),
    "status": col(Organization.archived_at).is_(None) == (bindparam("status", type_=Text()) == "active"),
    "updated_since": col(Organization.updated_at) >= _UPDATED_SINCE,
}


def _within(count: int) -> ColumnElement[bool]:
    return in_ranges(col(OrganizationPlace.path), count)


LIST = Listing(
    "organizations",
    _RENDERED,
    key=col(Organization.id),
    orders={
        "id": col(Organization.id),
        "name": col(Organization.name_key),
        "updated_at": col(Organization.updated_at),
    },
    filters={
        **_COMMON_FILTERS,
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "parent_id": col(Organization.parent_id) == bindparam("parent_id", type_=Uuid()),
        "q": func.strpos(col(Organization.name_key), bindparam("q", type_=Text())) > 0,
        "external_source": exists().where(
            col(OrganizationExternalId.tenant_id) == _TENANT,
            col(OrganizationExternalId.organization_id) == col(Organization.id),
            col(OrganizationExternalId.source) == bindparam("external_source", type_=Text()),
            col(OrganizationExternalId.external_id) == bindparam("external_id", type_=Text()),
        ),
        "external_id": bindparam("external_id", type_=Text()).is_not(None),
    },
    scope=_within,
)
DESCENDANTS = Listing(
    "organization-descendants",
    _RENDERED.where(
        col(OrganizationPlace.path) > bindparam("below", type_=Text()),
        col(OrganizationPlace.path) < bindparam("behind", type_=Text()),
    ),
    key=col(Organization.id),
    orders={"path": col(OrganizationPlace.path)},
    filters={
        **_COMMON_FILTERS,
        "max_depth": col(OrganizationPlace.depth)
        <= bindparam("depth", type_=Integer()) + bindparam("max_depth", type_=Integer()),
    },
    scope=_within,
)
TRANSITIONS = Listing(
    "organization-moves",
    render(select(col(OrganizationMove.id)), OrganizationMove, OrganizationMoveRead, col(OrganizationMove.id)).where(
        col(OrganizationMove.tenant_id) == _TENANT,
        col(OrganizationMove.organization_id) == bindparam("organization_id", type_=Uuid()),
    ),
    key=col(OrganizationMove.id),
    orders={"id": col(OrganizationMove.id)},
    filters={"updated_since": col(OrganizationMove.created_at) >= _UPDATED_SINCE},
)


def caller_arguments(principal: Principal) -> dict[str, Any]:
    """Return the parameters of a rendered organization that depend on the caller."""
    return {"movable": allowed_below(principal, "transitionOrganization")}


async def require_organization_row(reader: Reader, principal: Principal, organization_id: UUID) -> Row:
    """Return the id, path and depth of an organization that is visible to the caller.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_GUARD, tenant_id=principal.tenant_id, id=organization_id)
    if row is None:
        raise NotFound
    require(principal, "getOrganization", row["path"])
    return row


async def get_organization(reader: CallerReader, organization_id: UUID) -> Rendered:
    """Return one organization, as its caller sees it.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    principal = reader.principal
    row = await reader.fetch_one(
        _RENDERED_BY_ID, tenant_id=principal.tenant_id, id=organization_id, **caller_arguments(principal)
    )
    if row is None:
        raise NotFound
    require(principal, "getOrganization", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
