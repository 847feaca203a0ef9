"""Reads of people, rendered by PostgreSQL."""

from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, func, select, true
from sqlmodel import col

from app.access.policy import require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.people.models import Person
from app.people.schemas import PersonRead
from app.tree.models import Organization
from app.tree.paths import organization_scope, within

_PEOPLE = (
    select(col(Person.id))
    .join(
        Organization,
        and_(col(Organization.tenant_id) == col(Person.tenant_id), col(Organization.id) == col(Person.organization_id)),
    )
    .where(col(Person.tenant_id) == bindparam("tenant_id", type_=Uuid()))
)
_PERSON = Read(
    render(_PEOPLE, Person, PersonRead, col(Person.id), col(Person.version), col(Organization.path)).where(
        col(Person.id) == bindparam("id", type_=Uuid())
    )
)
LIST = Listing(
    "people",
    render(_PEOPLE, Person, PersonRead, col(Person.id)),
    key=col(Person.id),
    orders={"id": col(Person.id), "name": col(Person.name_key), "updated_at": col(Person.updated_at)},
    filters={
        "organization_id": col(Person.organization_id) == bindparam("organization_id", type_=Uuid()),
        "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
        "active": col(Person.active) == bindparam("active", type_=Boolean()),
        "q": func.strpos(col(Person.name_key), bindparam("q", type_=Text())) > 0,
        "updated_since": col(Person.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
    },
    scope=within,
    organization_scope=organization_scope(col(Person.organization_id), pinned=("organization_id",)),
)


async def get_person(reader: CallerReader, person_id: UUID) -> Rendered:
    """Return one person.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    row = await reader.fetch_one(_PERSON, tenant_id=reader.principal.tenant_id, id=person_id)
    if row is None:
        raise NotFound
    require(reader.principal, "getPerson", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])
