"""BambooHR: the employees that changed, and the fields of each, by its documented API.

``GET /api/v1/employees/changed`` names the employees that changed since an instant; it knows of changes since June
2011. ``GET /api/v1/employees/{id}`` has the fields of one. Fields that the key may not see are missing from the answer.
`docs/integrations/bamboohr.md` says what of this was checked.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from app.integrations.connectors.errors import SourceDenied, SourceFaulty
from app.integrations.connectors.reading import MOST_PEOPLE, SourcePage, SourceRecord, too_many_people
from app.integrations.connectors.source_client import SourceClient
from app.people.models import EmploymentStatus
from app.schemas import Body, Name

#: Employees on a page.
_PAGE: Final = 50
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIELDS: Final = (
    *("firstName", "lastName", "preferredName", "workEmail", "employeeNumber", "jobTitle", "department", "division"),
    *("location", "supervisorEId", "reportsToId", "status", "employmentHistoryStatus", "hireDate", "terminationDate"),
)
#: The id of the manager: by the list of fields, and by the schema of an employee. ``supervisorId`` is the manager's
#: employee number.
_MANAGER: Final = ("supervisorEId", "reportsToId")
#: The fields that are taken as they are, by the name here.
_PLAIN: Final = {
    "email": "workEmail",
    "employee_number": "employeeNumber",
    "position": "jobTitle",
    "department": "department",
}
_DAYS: Final = {"hired_on": "hireDate", "left_on": "terminationDate"}
_NO_DAY: Final = "0000-00-00"


class PlaceField(StrEnum):
    """The field of an employee that names the organization."""

    DEPARTMENT = "department"
    DIVISION = "division"
    LOCATION = "location"


class BambooSettings(Body):
    """Where a company's BambooHR is, and how its employees are read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"company_domain": "agency", "organization_field": "department", "leave_statuses": ["Leave of Absence"]}
            ]
        }
    )

    company_domain: Annotated[
        str, StringConstraints(max_length=63, pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")
    ] = Field(description="The first part of the address of your BambooHR: `agency` in `agency.bamboohr.com`.")
    organization_field: PlaceField | None = Field(
        default=None,
        description="The field whose value names an organization: it is looked up among the external ids of the "
        "connector's source. Null: the connector moves nobody.",
    )
    leave_statuses: list[Name] = Field(
        default_factory=list,
        max_length=20,
        description="Employment statuses of BambooHR that mean that somebody is away for a while.",
    )


class _Change(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
    action: Literal["Inserted", "Updated", "Deleted"]
    lastChanged: AwareDatetime  # noqa: N815  # the name in the contract


class _Changes(BaseModel):
    # An empty list of employees is sent as an array.
    employees: dict[str, _Change] | Annotated[list[_Change], Field(max_length=0)]


_EMPLOYEE: Final = TypeAdapter(dict[str, Any])


class BambooSource:
    """The employees of one company, for one run."""

    def __init__(self, settings: BambooSettings) -> None:
        self._settings = settings
        self._changes: Sequence[_Change] = ()

    async def read_page(self, client: SourceClient, since: datetime | None, cursor: str | None) -> SourcePage:
        """Read what changed, and then the fields of the next employees."""
        if cursor is None:
            self._changes = await self._read_changes(client, since or _FIRST)
        start = int(cursor or 0)
        page = self._changes[start : start + _PAGE]
        records = [await self._read_employee(client, change) for change in page]
        rest = start + _PAGE < len(self._changes)
        return SourcePage(records, str(start + _PAGE) if rest else None)

    async def _read_changes(self, client: SourceClient, since: datetime) -> Sequence[_Change]:
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = await client.get("/api/v1/employees/changed", {"since": at})
        if answer is None:
            raise SourceFaulty("BambooHR knows no such company.")
        try:
            found = _Changes.model_validate(answer).employees
        except ValidationError:
            raise SourceFaulty("BambooHR answered another list of changes than its contract says.") from None
        changes = list(found.values()) if isinstance(found, dict) else list(found)
        if len(changes) > MOST_PEOPLE:
            # Before any of them is asked for.
            raise too_many_people()
        return sorted(changes, key=lambda change: (change.lastChanged, int(change.id)))

    async def _read_employee(self, client: SourceClient, change: _Change) -> SourceRecord:
        if change.action == "Deleted":
            return SourceRecord(change.id, change.lastChanged, None)
        try:
            answer = await client.get(f"/api/v1/employees/{quote(change.id)}", {"fields": ",".join(_FIELDS)})
        except SourceDenied as refused:
            return SourceRecord(change.id, change.lastChanged, None, refused)
        if answer is None:
            # Deleted since the changes were read.
            return SourceRecord(change.id, change.lastChanged, None)
        try:
            employee = _EMPLOYEE.validate_python(answer)
        except ValidationError:
            raise SourceFaulty("BambooHR answered another employee than its contract says.") from None
        if str(employee.get("id", change.id)) != change.id:
            raise SourceFaulty("BambooHR answered another employee than it was asked for.")
        return SourceRecord(change.id, change.lastChanged, self._to_fields(employee))

    def _to_fields(self, employee: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that the answer has, under the names of `SourcePerson`."""
        first = _text(employee, "preferredName") or _text(employee, "firstName")
        fields: dict[str, Any] = {
            "name": " ".join(part for part in (first, _text(employee, "lastName")) if part),
            "status": self._to_status(employee),
        }
        fields |= {name: _text(employee, sent) for name, sent in _PLAIN.items() if sent in employee}
        fields |= {name: _day(employee, sent) for name, sent in _DAYS.items() if sent in employee}
        if any(sent in employee for sent in _MANAGER):
            fields["manager"] = next((found for sent in _MANAGER if (found := _text(employee, sent))), None)
        if self._settings.organization_field is not None:
            fields["place"] = _text(employee, self._settings.organization_field.value)
        if fields["status"] != EmploymentStatus.LEFT and _precedes(fields.get("left_on"), fields.get("hired_on")):
            # The day on which somebody left who was hired again.
            fields["left_on"] = None
        return fields

    def _to_status(self, employee: Mapping[str, Any]) -> str:
        """Return the employment status. Only what BambooHR calls inactive has left."""
        status = _text(employee, "status")
        if status not in {"Active", "Inactive"}:
            raise SourceFaulty(
                "BambooHR did not say whether an employee is active. Let the key see the field `status`."
            )
        if status == "Inactive":
            return EmploymentStatus.LEFT
        history = (_text(employee, "employmentHistoryStatus") or "").casefold()
        is_away = history in {one.casefold() for one in self._settings.leave_statuses}
        return EmploymentStatus.ON_LEAVE if is_away else EmploymentStatus.ACTIVE


def _text(employee: Mapping[str, Any], field: str) -> str | None:
    value = employee.get(field)
    if isinstance(value, dict | list):
        raise SourceFaulty("BambooHR answered another employee than its contract says.")
    return None if value is None else str(value).strip() or None


def _day(employee: Mapping[str, Any], field: str) -> str | None:
    day = _text(employee, field)
    return None if day == _NO_DAY else day


def _precedes(one: str | None, other: str | None) -> bool:
    try:
        return one is not None and other is not None and date.fromisoformat(one) < date.fromisoformat(other)
    except ValueError:
        return False
