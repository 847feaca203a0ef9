"""What goes in and out of the people's routes."""

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import MISSING, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from app.http.pagination import ListQuery
from app.organizations.schemas import ExternalId, ExternalIds
from app.people.models import EmploymentStatus
from app.schemas import Addressable, Body, Day, Email, Flag, Instant, Key, Name, Patch, Resource, Search

_PERSON: dict[str, Any] = {
    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
    "name": "Coach, North County",
    "active": True,
}
_DETAILS: dict[str, Any] = {
    "email": "coach.north@agency.example",
    "employee_number": "10442",
    "position": "Coach",
    "department": "Family support",
    "manager_id": None,
    "employment_status": "active",
    "hired_on": "2024-03-01",
    "left_on": None,
    "external_ids": [{"source": "hr", "external_id": "10442"}],
}
_EMAIL = "E-mail address; kept in lower case. Several people may share one."
_NUMBER = "Number that the employer gave the person."
_POSITION = "Position or title."
_DEPARTMENT = "Department within the organization."
_MANAGER = "Id of the person who manages this one. It must be visible to you."
_STATUS = "`on_leave`: employed, and away for a while. `left`: not employed any more; the same as `active`: false."
_ACTIVE = "Whether the person works there now. Absent: as `employment_status` says."
_HIRED = "First day of the present employment, or of the last one."
_LEFT = "Last day of the employment, where it is known. It does not end the employment by itself."
_EXTERNAL_IDS = "What other systems call the person."
_SHOWN = " Null also where `details_visible` is false."


def _check_agreement(active: Any, status: Any) -> None:
    """Refuse an employment status that contradicts `active`."""
    if isinstance(active, bool) and isinstance(status, str) and active == (status == EmploymentStatus.LEFT):
        raise PydanticCustomError("active_contradicted", "active and employment_status contradict each other")


class PersonCreate(Body):
    """A person who works in an organization. Send no more personal data than owning work needs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_PERSON, "email": "coach.north@agency.example", "position": "Coach"}]}
    )

    organization_id: UUID
    """Id of the organization the person works in."""
    name: Name
    """Name of the person, or of the role."""
    active: StrictBool | MISSING = Field(default=MISSING, description=_ACTIVE + " Without both: true.")
    email: Email | None = Field(default=None, description=_EMAIL)
    employee_number: Name | None = Field(default=None, description=_NUMBER, examples=["10442"])
    position: Name | None = Field(default=None, description=_POSITION, examples=["Coach"])
    department: Name | None = Field(default=None, description=_DEPARTMENT, examples=["Family support"])
    manager_id: UUID | None = Field(default=None, description=_MANAGER)
    employment_status: EmploymentStatus | MISSING = Field(default=MISSING, description=_STATUS)
    hired_on: Day | None = Field(default=None, description=_HIRED)
    left_on: Day | None = Field(default=None, description=_LEFT)
    external_ids: ExternalIds = Field(default_factory=list, description=_EXTERNAL_IDS)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _check_agreement(self.active, self.employment_status)
        return self


class PersonPatch(Patch):
    """Changes of a person. Another `organization_id` moves the person to that organization."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": False}]})

    organization_id: UUID | MISSING = MISSING
    """Id of the organization the person works in."""
    name: Name | MISSING = MISSING
    """Name of the person, or of the role."""
    active: StrictBool | MISSING = MISSING
    """Whether the person works there now."""
    email: Email | MISSING | None = Field(default=MISSING, description=_EMAIL)
    employee_number: Name | MISSING | None = Field(default=MISSING, description=_NUMBER, examples=["10442"])
    position: Name | MISSING | None = Field(default=MISSING, description=_POSITION, examples=["Coach"])
    department: Name | MISSING | None = Field(default=MISSING, description=_DEPARTMENT, examples=["Family support"])
    manager_id: UUID | MISSING | None = Field(default=MISSING, description=_MANAGER)
    employment_status: EmploymentStatus | MISSING = Field(default=MISSING, description=_STATUS)
    hired_on: Day | MISSING | None = Field(default=MISSING, description=_HIRED)
    left_on: Day | MISSING | None = Field(default=MISSING, description=_LEFT)
    external_ids: ExternalIds | MISSING = Field(
        default=MISSING, description="External ids; the list replaces the present one."
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _check_agreement(self.active, self.employment_status)
        return self


class PersonUpsert(Body):
    """A person as another system knows them. The organization and the manager are named by id or by external id."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "organization_id": "0198c6f0-8b9c-7dae-9f10-2b3c4d5e6f70",
                    "name": "Coach, North County",
                    "email": "coach.north@agency.example",
                    "position": "Coach",
                    "employment_status": "active",
                    "hired_on": "2024-03-01",
                }
            ]
        }
    )

    organization_id: UUID | None = Field(
        default=None, description="Id of the organization. Send this or `organization`, not both."
    )
    organization: ExternalId | None = Field(
        default=None, description="The organization by its external id. Send this or `organization_id`, not both."
    )
    name: Name
    """Name of the person, or of the role."""
    email: Email | MISSING | None = Field(default=MISSING, description=_EMAIL + " Absent: as it is.")
    employee_number: Name | MISSING | None = Field(
        default=MISSING, description=_NUMBER + " Absent: as it is.", examples=["10442"]
    )
    position: Name | MISSING | None = Field(
        default=MISSING, description=_POSITION + " Absent: as it is.", examples=["Coach"]
    )
    department: Name | MISSING | None = Field(
        default=MISSING, description=_DEPARTMENT + " Absent: as it is.", examples=["Family support"]
    )
    manager_id: UUID | MISSING | None = Field(
        default=MISSING, description=_MANAGER + " Null: nobody. Absent: as it is. Send this or `manager`, not both."
    )
    manager: ExternalId | None = Field(
        default=None, description="The manager by an external id. Absent or null: see `manager_id`."
    )
    employment_status: EmploymentStatus | MISSING = Field(default=MISSING, description=_STATUS + " Absent: as it is.")
    hired_on: Day | MISSING | None = Field(default=MISSING, description=_HIRED + " Absent: as it is.")
    left_on: Day | MISSING | None = Field(default=MISSING, description=_LEFT + " Absent: as it is.")

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if (self.organization_id is None) == (self.organization is None):
            raise PydanticCustomError(
                "one_organization", "Name the organization once: organization_id, or organization"
            )
        if self.manager is not None and "manager_id" in self.model_fields_set:
            raise PydanticCustomError("one_manager", "Name the manager once: manager_id, or manager")
        return self


class PersonRead(Resource):
    """A person who can own action items.

    E-mail address, employment and external ids are shown to those who may change the person. All others get null.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f0-d4e5-7061-9273-84d5e6f70819",
                    "version": 1,
                    "created_at": "2026-09-01T09:00:00Z",
                    "updated_at": "2026-09-01T09:00:00Z",
                    **_PERSON,
                    "merged_into_id": None,
                    "erased_at": None,
                    "details_visible": True,
                    **_DETAILS,
                }
            ]
        }
    )

    organization_id: UUID
    """Id of the organization the person works in."""
    name: str
    """Name of the person, or of the role."""
    active: bool = Field(description="Whether they still work there. People who left keep what they own and did.")
    merged_into_id: UUID | None = Field(
        description="Id of the person that this record was merged into. Null: it was not merged."
    )
    erased_at: datetime | None = Field(
        description="When everything that said who this is was erased, in UTC. What refers to the person stays. Null: "
        "it was not."
    )
    details_visible: bool = Field(
        description="Whether you may see the fields below. It takes the role that may change the person."
    )
    email: str | None = Field(description=_EMAIL + _SHOWN)
    employee_number: str | None = Field(description=_NUMBER + _SHOWN)
    position: str | None = Field(description=_POSITION + _SHOWN)
    department: str | None = Field(description=_DEPARTMENT + _SHOWN)
    manager_id: UUID | None = Field(description="Id of the person who manages this one." + _SHOWN)
    employment_status: EmploymentStatus | None = Field(
        description="`active`, `on_leave` or `left`. Null where `details_visible` is false."
    )
    hired_on: date | None = Field(description=_HIRED + _SHOWN)
    left_on: date | None = Field(description=_LEFT + _SHOWN)
    external_ids: list[ExternalId] | None = Field(description=_EXTERNAL_IDS + " Null where `details_visible` is false.")


class FormerEmploymentRead(Addressable):
    """An employment that had ended when the person was hired again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0198c6f3-1a2b-7c3d-8e4f-5061728394a5",
                    "created_at": "2026-09-01T09:00:00Z",
                    "employee_number": "8810",
                    "position": "Caseworker",
                    "department": "Family support",
                    "hired_on": "2019-02-01",
                    "left_on": "2022-06-30",
                }
            ]
        }
    )

    created_at: datetime = Field(description="UTC; when it was recorded that the person came back.")
    employee_number: str | None = Field(description="Employee number at its end. Null: none.")
    position: str | None = Field(description="Position at its end. Null: not known.")
    department: str | None = Field(description="Department at its end. Null: not known.")
    hired_on: date | None = Field(description="Its first day. Null: not known.")
    left_on: date | None = Field(description="Its last day. Null: not known.")


_ONLY_SHOWN = " Finds only people whose details are visible to you."


class PersonQuery(ListQuery):
    """Filters and order of the list of people."""

    organization_id: UUID | None = Field(default=None, description="Only those of this organization itself.")
    subtree: UUID | None = Field(default=None, description="Only those of this organization and everything below it.")
    active: Flag | None = None
    """`true`: only active people. `false`: only inactive ones."""
    status: EmploymentStatus | None = Field(default=None, description="Employment status." + _ONLY_SHOWN)
    email: Email | None = Field(default=None, description="E-mail address; case is ignored." + _ONLY_SHOWN)
    employee_number: Name | None = Field(default=None, description="Employee number." + _ONLY_SHOWN)
    manager_id: UUID | None = Field(default=None, description="Only those this person manages." + _ONLY_SHOWN)
    merged_into_id: UUID | None = Field(default=None, description="Only records that were merged into this person.")
    external_source: Key | None = Field(default=None, description="The source of `external_id`. Send both or neither.")
    external_id: Name | None = Field(
        default=None, description="Only the person with this external id. Needs `external_source`." + _ONLY_SHOWN
    )
    q: Search | None = Field(default=None, description="Part of the name; case is ignored.")
    updated_since: Instant | None = Field(default=None, description="Only those changed at this instant or later.")
    sort: Literal["id", "-id", "name", "-name", "updated_at", "-updated_at"] = "id"
    """Order of the list; `-` reverses it."""

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.external_source is None) != (self.external_id is None):
            raise PydanticCustomError("external_id_pair", "external_source and external_id go together")
        return self


class FormerEmploymentQuery(ListQuery):
    """Filters and order of a person's former employments."""

    updated_since: Instant | None = Field(default=None, description="Recorded at this instant or later.")
    sort: Literal["id", "-id"] = "id"
    """`id`: oldest first. `-id`: latest first."""
