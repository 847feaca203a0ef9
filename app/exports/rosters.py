"""People as a roster: the columns that an import of one source reads, so that a table can be imported again.

A roster names people, managers and organizations by their external ids of the source. A person without one is left out,
because an import would not know them. So is everybody whose details the caller may not see.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel
from sqlalchemy import Text, Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from app.access.policy import allowed_below
from app.db.statement import Read, Reader
from app.exports.names import ORGANIZATION_NAME
from app.people.models import EmploymentStatus, Person, PersonExternalId
from app.principal import Principal
from app.tree.models import Organization, OrganizationPlace
from app.tree.paths import below_any

_TENANT = bindparam("tenant_id", type_=Uuid())
_SOURCE = bindparam("source", type_=Text())
_OF_IDS = any_(bindparam("ids", type_=ARRAY(Uuid())))
_ORGANIZATIONS = Read(
    select(
        col(Organization.id),
        ORGANIZATION_NAME,
    ).where(col(Organization.tenant_id) == _TENANT, col(Organization.id) == _OF_IDS)
)
# External ids are details, which only those see who may change the person.
_MANAGERS = Read(
    select(col(Person.id), col(PersonExternalId.external_id).label("shown"))
    .join(
        PersonExternalId,
        and_(
            col(PersonExternalId.tenant_id) == col(Person.tenant_id),
            col(PersonExternalId.person_id) == col(Person.id),
            col(PersonExternalId.source) == _SOURCE,
        ),
    )
    .join(
        OrganizationPlace,
        and_(
            col(OrganizationPlace.tenant_id) == col(Person.tenant_id),
            col(OrganizationPlace.organization_id) == col(Person.organization_id),
        ),
    )
    .where(
        col(Person.tenant_id) == _TENANT,
        col(Person.id) == _OF_IDS,
        below_any("managed", path=OrganizationPlace.path),
    )
)


class RosterItem(BaseModel):
    """A person as a roster has them. The fields are those that an import reads."""

    external_id: str
    name: str
    organization: str
    email: str | None
    employee_number: str | None
    position: str | None
    department: str | None
    manager: str | None
    status: EmploymentStatus
    hired_on: date | None
    left_on: date | None


async def to_roster(reader: Reader, principal: Principal, source: str, items: Sequence[bytes]) -> list[bytes]:
    """Return the people of a list, given as JSON, as a roster of a source has them."""
    people = [(person, ids[0]) for person in map(msgspec.json.decode, items) if (ids := _ids_of(person, source))]
    values = {"tenant_id": principal.tenant_id, "source": source}
    homes = {UUID(person["organization_id"]) for person, _ in people}
    managers = {UUID(person["manager_id"]) for person, _ in people if person["manager_id"]}
    found = [*await reader.fetch(_ORGANIZATIONS, ids=list(homes), **values)]
    if managers:
        managed = allowed_below(principal, "updatePerson")
        found += await reader.fetch(_MANAGERS, ids=list(managers), managed=managed, **values)
    shown = {str(row["id"]): row["shown"] for row in found}
    return [msgspec.json.encode(_to_item(person, external_id, shown)) for person, external_id in people]


def _ids_of(person: dict[str, Any], source: str) -> list[str]:
    return [one["external_id"] for one in person["external_ids"] or () if one["source"] == source]


def _to_item(person: dict[str, Any], external_id: str, shown: dict[str, str]) -> dict[str, Any]:
    named = {
        "external_id": external_id,
        "organization": shown[person["organization_id"]],
        "manager": shown.get(person["manager_id"] or ""),
        "status": person["employment_status"],
    }
    return {name: named[name] if name in named else person[name] for name in RosterItem.model_fields}
