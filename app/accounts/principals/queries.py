"""Reads of principals: the statements, and the rule for who sees one."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Text, Uuid, and_, bindparam, case, func, literal_column, select, true
from sqlmodel import col

from app.access.models import PrincipalKind, PrincipalRecord
from app.access.policy import require
from app.accounts.principals.schemas import PrincipalRead, PrincipalStatus
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_constant, json_if, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.tree.models import Organization, OrganizationPlace
from app.tree.paths import in_ranges

_TENANT = bindparam("tenant_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
#: The organization that a principal belongs to. Rows of earlier releases that name none belong to the root.
HOME: Any = func.coalesce(
    col(PrincipalRecord.organization_id),
    select(col(Organization.id))
    .where(col(Organization.tenant_id) == col(PrincipalRecord.tenant_id), col(Organization.parent_id).is_(None))
    .correlate(PrincipalRecord)
    .scalar_subquery(),
)
#: The condition that a place is the one of a principal's organization.
AT_HOME = and_(
    col(OrganizationPlace.tenant_id) == col(PrincipalRecord.tenant_id), col(OrganizationPlace.organization_id) == HOME
)
_IS_ACTIVE = col(PrincipalRecord.deactivated_at).is_(None)


def _text(value: str) -> ColumnElement[str]:
    return literal_column(f"'{value}'", Text)


# Keys of earlier releases belong to principals of the kind `api_key`, which are machines.
_KIND = case(
    (col(PrincipalRecord.kind) == _text(PrincipalKind.PERSON), _text(PrincipalKind.PERSON)),
    else_=_text(PrincipalKind.MACHINE),
)
_STATUS = case((_IS_ACTIVE, _text(PrincipalStatus.ACTIVE)), else_=_text(PrincipalStatus.DEACTIVATED))
_RENDERED = render(
    select(col(PrincipalRecord.id))
    .select_from(PrincipalRecord)
    .join(OrganizationPlace, AT_HOME)
    .where(col(PrincipalRecord.tenant_id) == _TENANT),
    PrincipalRecord,
    PrincipalRead,
    col(PrincipalRecord.id),
    col(PrincipalRecord.version),
    col(OrganizationPlace.path),
    kind=_KIND,
    organization_id=col(OrganizationPlace.organization_id),
    status=_STATUS,
    allowed_transitions=json_if(
        _IS_ACTIVE, json_constant([PrincipalStatus.DEACTIVATED]), json_constant([PrincipalStatus.ACTIVE])
    ),
)
_BY_ID = Read(_RENDERED.where(col(PrincipalRecord.id) == _ID))
LIST = Listing(
    "principals",
    _RENDERED,
    key=col(PrincipalRecord.id),
    orders={"id": col(PrincipalRecord.id), "updated_at": col(PrincipalRecord.updated_at)},
    filters={
        "organization_id": col(OrganizationPlace.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `app.accounts.scope`
        "kind": bindparam("kind", type_=Text()) == _KIND,
        "status": bindparam("status", type_=Text()) == _STATUS,
        "person_id": col(PrincipalRecord.person_id) == bindparam("person_id", type_=Uuid()),
        "updated_since": col(PrincipalRecord.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=lambda count: in_ranges(col(OrganizationPlace.path), count),
)


async def get_principal(reader: CallerReader, principal_id: UUID) -> Rendered:
    """Return one principal.

    Raises:
        NotFound: It does not exist, or the caller cannot see its organization.
        Forbidden: the caller is no admin there.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=reader.principal.tenant_id, id=principal_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getPrincipal", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
