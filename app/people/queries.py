"""Reads of people, rendered by PostgreSQL.

What HR systems say of a person is rendered, and searched, only where the caller may change the person. So neither a
list nor a filter shows it to anybody else.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Text, Uuid, and_, bindparam, case, exists, false, func, null, select, true
from sqlmodel import col

from app.access.policy import allowed_below, allowed_throughout, require
from app.db.keyset import Listing
from app.db.sql_json import Rendered, json_array, json_constant, json_if, render
from app.db.statement import Read
from app.db.transaction import CallerReader
from app.errors import NotFound
from app.organizations.schemas import ExternalId
from app.people.models import EmploymentStatus, FormerEmployment, Person, PersonExternalId
from app.people.schemas import FormerEmploymentRead, PersonRead
from app.principal import Principal
from app.tree.models import Organization, OrganizationPlace
from app.tree.paths import below_any, organization_scope, within

#: The operation whose roles see the details of a person.
_DETAILS = "updatePerson"
_TENANT = bindparam("tenant_id", type_=Uuid())
_OF_ID = col(Person.id) == bindparam("id", type_=Uuid())
_PLACED = and_(
    col(OrganizationPlace.tenant_id) == col(Person.tenant_id),
    col(OrganizationPlace.organization_id) == col(Person.organization_id),
)
_PEOPLE = (
    select(col(Person.id))
    .join(
        Organization,
        and_(col(Organization.tenant_id) == col(Person.tenant_id), col(Organization.id) == col(Person.organization_id)),
    )
    .where(col(Person.tenant_id) == _TENANT)
)
_LEFT, _ON_LEAVE, _ACTIVE = (
    EmploymentStatus.LEFT.value,
    EmploymentStatus.ON_LEAVE.value,
    EmploymentStatus.ACTIVE.value,
)
_STATUS = case((~col(Person.active), _LEFT), (col(Person.on_leave), _ON_LEAVE), else_=_ACTIVE)
_EXTERNAL_IDS = json_array(
    PersonExternalId,
    ExternalId,
    and_(col(PersonExternalId.tenant_id) == col(Person.tenant_id), col(PersonExternalId.person_id) == col(Person.id)),
    col(PersonExternalId.source),
    col(PersonExternalId.external_id),
    within=Person,
)
_NAMED = exists().where(
    col(PersonExternalId.tenant_id) == _TENANT,
    col(PersonExternalId.person_id) == col(Person.id),
    col(PersonExternalId.source) == bindparam("external_source", type_=Text()),
    col(PersonExternalId.external_id) == bindparam("external_id", type_=Text()),
)
_FIELDS = ("email", "employee_number", "position", "department", "manager_id", "hired_on", "left_on")


def _rendered(shown: Any) -> Any:
    """Make a statement for people as a caller gets them.

    Args:
        shown: the condition that the caller sees the details of a person.
    """
    details = {name: case((shown, getattr(Person, name)), else_=null()) for name in _FIELDS}
    return render(
        _PEOPLE,
        Person,
        PersonRead,
        col(Person.id),
        col(Person.version),
        details_visible=shown,
        employment_status=case((shown, _STATUS), else_=null()),
        external_ids=json_if(shown, _EXTERNAL_IDS, json_constant(None)),
        **details,
    )


def _list(shown: Any) -> Listing:
    filters = {
        "status": bindparam("status", type_=Text()) == _STATUS,
        "email": col(Person.email) == bindparam("email", type_=Text()),
        "employee_number": col(Person.employee_number) == bindparam("employee_number", type_=Text()),
        "manager_id": col(Person.manager_id) == bindparam("manager_id", type_=Uuid()),
        "external_source": _NAMED,
    }
    return Listing(
        "people",
        _rendered(shown),
        key=col(Person.id),
        orders={"id": col(Person.id), "name": col(Person.name_key), "updated_at": col(Person.updated_at)},
        filters={
            **{name: and_(condition, shown) for name, condition in filters.items()},
            "external_id": bindparam("external_id", type_=Text()).is_not(None),
            "organization_id": col(Person.organization_id) == bindparam("organization_id", type_=Uuid()),
            "subtree": true(),  # by its scope: see `access.subtrees.visible_paths`
            "merged_into_id": col(Person.merged_into_id) == bindparam("merged_into_id", type_=Uuid()),
            "active": col(Person.active) == bindparam("active", type_=Boolean()),
            "q": func.strpos(col(Person.name_key), bindparam("q", type_=Text())) > 0,
            "updated_since": col(Person.updated_at) >= bindparam("updated_since", type_=DateTime(timezone=True)),
        },
        scope=within,
        organization_scope=organization_scope(
            col(Person.organization_id),
            pinned=("organization_id", "email", "employee_number", "external_source", "manager_id", "merged_into_id"),
        ),
    )


def _of_place(value: Any) -> Any:
    # Looked up for a row where all else leaves it open; a join would look it up for each.
    return select(value).where(_PLACED).correlate(Person).scalar_subquery()


# By whether the caller sees details everywhere, nowhere, or depending on where the person works.
_SHOWN = {True: true(), False: false(), None: _of_place(below_any("managed", OrganizationPlace.path))}
_LISTS = {throughout: _list(shown) for throughout, shown in _SHOWN.items()}
_BY_ID = {
    throughout: Read(_rendered(shown).add_columns(_of_place(col(OrganizationPlace.path)).label("path")).where(_OF_ID))
    for throughout, shown in _SHOWN.items()
}
_GUARD = Read(_PEOPLE.add_columns(_of_place(col(OrganizationPlace.path)).label("path")).where(_OF_ID))
FORMER_EMPLOYMENTS = Listing(
    "former-employments",
    render(select(col(FormerEmployment.id)), FormerEmployment, FormerEmploymentRead, col(FormerEmployment.id)).where(
        col(FormerEmployment.tenant_id) == _TENANT,
        col(FormerEmployment.person_id) == bindparam("person_id", type_=Uuid()),
    ),
    key=col(FormerEmployment.id),
    orders={"id": col(FormerEmployment.id)},
    filters={
        "updated_since": col(FormerEmployment.created_at) >= bindparam("updated_since", type_=DateTime(timezone=True))
    },
)


def list_for(principal: Principal) -> Listing:
    """Return the list of people as this caller sees them."""
    return _LISTS[allowed_throughout(principal, _DETAILS)]


def caller_arguments(principal: Principal) -> dict[str, Any]:
    """Return the parameters of rendered people that depend on the caller."""
    return {"managed": allowed_below(principal, _DETAILS)}


async def get_person(reader: CallerReader, person_id: UUID) -> Rendered:
    """Return one person, as their caller sees them.

    Raises:
        NotFound: It does not exist, or the caller cannot see it.
    """
    principal = reader.principal
    row = await reader.fetch_one(
        _BY_ID[allowed_throughout(principal, _DETAILS)],
        tenant_id=principal.tenant_id,
        id=person_id,
        **caller_arguments(principal),
    )
    if row is None:
        raise NotFound
    require(principal, "getPerson", row["path"])
    return Rendered(row["rendered"], version=row["version"], id=row["id"])


async def require_person(reader: CallerReader, person_id: UUID, operation: str) -> UUID:
    """Return the id of a person on whom the caller may do this.

    Raises:
        NotFound: no such person is visible to the caller.
        Forbidden: they are visible, but the operation is not allowed.
    """
    row = await reader.fetch_one(_GUARD, tenant_id=reader.principal.tenant_id, id=person_id)
    if row is None:
        raise NotFound
    require(reader.principal, operation, row["path"])
    return person_id
