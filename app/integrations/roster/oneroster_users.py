"""The staff among the rows of `users.csv`. Nobody else leaves this module."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from app.integrations.roster.files import Cells, Fault

#: The columns that are read. The password, the phone numbers and the relations of a user are not.
COLUMNS: Final = (
    *("sourcedId", "status", "enabledUser", "orgSourcedIds", "role"),
    *("givenName", "middleName", "familyName", "identifier", "email"),
)
REQUIRED: Final = frozenset({"sourcedId", "enabledUser", "orgSourcedIds", "role", "givenName", "familyName"})
#: The column of `users.csv` for each field of a roster that has another name.
COLUMN_OF: Final = {
    "external_id": "sourcedId",
    "name": "familyName",
    "organization": "orgSourcedIds",
    "employee_number": "identifier",
    "position": "role",
}
STAFF_ROLES: Final = frozenset({"administrator", "aide", "proctor", "teacher"})
#: Roles of people who are not staff. They are counted and not kept.
OTHER_ROLES: Final = ("guardian", "parent", "relative", "student")
_ENABLED: Final = {"true": True, "false": False}
_MISSING: Final = "missing", "Field required"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One person of the staff, as a row of a roster.

    Attributes:
        email, employee_number: blank if the row has none.
    """

    line: int
    external_id: str
    name: str
    organization: str
    status: str
    position: str
    email: str
    employee_number: str


def read_user(cells: Cells, *, is_delta: bool, orgs: Set[str] | None) -> StaffMember | str | list[Fault]:
    """Return the member of the staff that a row describes, the role of somebody else, or what is wrong with the row.

    Args:
        is_delta: the file holds changes only, so each row says whether the user is to be deleted.
        orgs: the organizations of `orgs.csv`; None: they are not known.
    """
    values = cells.values
    if values is None:
        return [Fault(cells.line, None, "too_many_cells", "The row has more cells than the header")]
    role = values["role"].lower()
    if role in OTHER_ROLES:
        return role
    found = [
        _fault_of_role(role),
        _fault_of_status(values.get("status", "").lower(), is_delta=is_delta),
        _fault_of_enabled(values["enabledUser"].lower()),
    ]
    gone = values.get("status", "").lower() == "tobedeleted"
    belongs = [one.strip() for one in values["orgSourcedIds"].split(",") if one.strip()]
    if orgs is not None and not gone and not orgs >= set(belongs):
        found.append(("orgSourcedIds", "unknown_organization", "orgs.csv has no organization with this sourcedId"))
    faults = [Fault(cells.line, *one) for one in found if one is not None]
    if faults:
        return faults
    works = not gone and _ENABLED[values["enabledUser"].lower()]
    return StaffMember(
        line=cells.line,
        external_id=values["sourcedId"],
        name=" ".join(values.get(name, "") for name in ("givenName", "middleName", "familyName")),
        organization=belongs[0] if belongs else "",
        status="active" if works else "left",
        position=role.capitalize(),
        email=values.get("email", ""),
        employee_number=values.get("identifier", ""),
    )


def _fault_of_role(role: str) -> tuple[str, str, str] | None:
    if not role:
        return "role", *_MISSING
    return None if role in STAFF_ROLES else ("role", "unknown_role", "OneRoster 1.1 has no such role")


def _fault_of_status(status: str, *, is_delta: bool) -> tuple[str, str, str] | None:
    if not status:
        return ("status", *_MISSING) if is_delta else None
    if status in {"active", "tobedeleted"}:
        return None
    return "status", "unknown_status", "The status is neither active nor tobedeleted"


def _fault_of_enabled(enabled: str) -> tuple[str, str, str] | None:
    if not enabled:
        return "enabledUser", *_MISSING
    return None if enabled in _ENABLED else ("enabledUser", "not_a_boolean", "The value is neither true nor false")
