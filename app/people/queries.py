"""Reads of people: the statements, and the representation of their rows."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, func, select, true
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.sql_json import render
from app.db.statement import Read, Reader, Row
from app.errors import NotFound
from app.people.models import Person
from app.people.schemas import PersonRead
from app.principal import Principal
from app.tree.models import Organization
from app.tree.paths import organization_scope, within

_ROWS = (
    select(*(getattr(Person, name) for name in PersonRead.model_fields), col(Organization.path))
    .join(
        Organization,
        and_(col(Organization.tenant_id) == col(Person.tenant_id), col(Organization.id) == col(Person.organization_id)),
    )
    .where(col(Person.tenant_id) == bindparam("tenant_id", type_=Uuid()))
)
_BY_ID = Read(_ROWS.where(col(Person.id) == bindparam("id", type_=Uuid())))
LIST = Listing(
    "people",
    render(_ROWS, Person, PersonRead, col(Person.id)),
    key=col(Person.id),
    orders={"id": col(Person.id), "name": col(Person.name_key), "updated_at": col(Person.updated_at)},
    filters={
        "organization_id": col(Person.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `organizations.queries.visible_paths`
        "active": col(Person.active) == bindparam("active", type_=Boolean()),
        "q": func.strpos(col(Person.name_key), bindparam("q", type_=Text())) > 0,
        "updated_since": col(Person.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=within,
    organization_scope=organization_scope(col(Person.organization_id), pinned=("organization_id",)),
)


def present(row: Row) -> PersonRead:
    """Return a row as every caller who sees it gets it."""
    return PersonRead.model_validate(dict(row))


async def get(reader: Reader, principal: Principal, person_id: UUID) -> PersonRead:
    """Return one person.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_BY_ID, tenant_id=principal.tenant_id, id=person_id)
    if row is None:
        raise NotFound
    require(principal, "getPerson", row["path"])
    return present(row)
