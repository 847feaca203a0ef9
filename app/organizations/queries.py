"""Reading organizations: statements over the tables, and their rows as what callers get."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, and_, bindparam, case, column, exists, func, not_, select, table
from sqlmodel import col

from app.access.policy import allowed_below, may, require, scopes
from app.db.keyset import Listing
from app.db.sql_json import json_array, json_constant, json_if, render
from app.db.statement import Read, Reader, Row, from_json
from app.errors import NotFound
from app.organizations.schemas import ExternalId, OrganizationMoveRead, OrganizationRead, OrganizationStatus
from app.principal import Principal
from app.tree.models import Organization, OrganizationExternalId, OrganizationMove
from app.tree.paths import after, below_any, is_root, ranges, within

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
_MOST_NAMED = 20
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

_ARCHIVED = col(Organization.archived_at).is_not(None)
_RENDERED = render(
    _ROWS,
    Organization,
    OrganizationRead,
    col(Organization.id),
    col(Organization.version),
    col(Organization.path),
    status=case((_ARCHIVED, OrganizationStatus.ARCHIVED.value), else_=OrganizationStatus.ACTIVE.value),
    external_ids=_EXTERNAL_IDS,
    allowed_transitions=json_if(
        and_(below_any("movable"), col(Organization.parent_id).is_not(None)),
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
    scope=within,
)
DESCENDANTS = Listing(
    "organization-descendants",
    _RENDERED.where(
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

# The rule that a program belongs to the implementing organization or to one above it is told in `app.programs`, which
# builds on organizations: only its tables are named here.
_IMPLEMENTATION = table(
    "implementations", *(column(name) for name in ("tenant_id", "id", "organization_id", "program_id"))
)
_PROGRAM = table("programs", *(column(name) for name in ("tenant_id", "id", "organization_id")))
_USER, _OWNER = Organization.__table__.alias("users"), Organization.__table__.alias("owners")  # type: ignore[attr-defined]
_CUT_OFF = Read(
    select(_IMPLEMENTATION.c.id)
    .join_from(
        _USER,
        _IMPLEMENTATION,
        and_(_IMPLEMENTATION.c.tenant_id == _USER.c.tenant_id, _IMPLEMENTATION.c.organization_id == _USER.c.id),
    )
    .join(_PROGRAM, and_(_PROGRAM.c.tenant_id == _USER.c.tenant_id, _PROGRAM.c.id == _IMPLEMENTATION.c.program_id))
    .join(_OWNER, and_(_OWNER.c.tenant_id == _USER.c.tenant_id, _OWNER.c.id == _PROGRAM.c.organization_id))
    .where(
        _USER.c.tenant_id == _TENANT,
        _USER.c.path >= bindparam("path", type_=Text()),
        _USER.c.path < bindparam("behind", type_=Text()),
        not_(func.starts_with(_USER.c.path, _OWNER.c.path)),
    )
    .order_by(_IMPLEMENTATION.c.id)
    .limit(_MOST_NAMED)
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


def caller(principal: Principal) -> dict[str, Any]:
    """What rendered organizations depend on besides their rows."""
    return {"movable": allowed_below(principal, "transitionOrganization")}


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


async def visible_paths(reader: Reader, principal: Principal, subtree: UUID | None) -> dict[str, Any]:
    """The caller's sight as bound ranges for a list, or, where one is asked for, a subtree in it.

    Raises:
        Forbidden: the caller sees no organization at all.
        NotFound: no such organization in the caller's sight.
    """
    seen = scopes(principal)
    if subtree is None:
        return seen
    path: str = (await row_of(reader, principal, subtree))["path"]
    return {} if is_root(path) else ranges([path])


async def get_rendered(reader: Reader, principal: Principal, organization_id: UUID) -> tuple[int, bytes]:
    """One organization's version and its body.

    Raises:
        NotFound: none such in the caller's sight.
    """
    row = await reader.fetch_one(
        _RENDERED_BY_ID, tenant_id=principal.tenant_id, id=organization_id, **caller(principal)
    )
    if row is None:
        raise NotFound
    require(principal, "getOrganization", row["path"])
    return row["version"], row["rendered"]


async def get(reader: Reader, principal: Principal, organization_id: UUID) -> OrganizationRead:
    """One organization.

    Raises:
        NotFound: none such in the caller's sight.
    """
    return present(principal, await row_of(reader, principal, organization_id))


async def cut_off(reader: Reader, tenant_id: UUID, path: str) -> list[UUID]:
    """Some implementations of the subtree that begins at ``path`` whose program belongs to no organization above."""
    rows = await reader.fetch(_CUT_OFF, tenant_id=tenant_id, path=path, behind=after(path))
    return [row["id"] for row in rows]
