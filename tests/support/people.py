"""People of a test."""

from typing import Any

from tests.support.actors import Tenancy

#: Fields that only those see who may change the person.
DETAILS = (
    *("email", "employee_number", "position", "department", "manager_id", "employment_status"),
    *("hired_on", "left_on", "external_ids"),
)
#: A person with all of them but a manager.
KNOWN: dict[str, Any] = {
    "name": "Coach",
    "email": "coach@agency.example",
    "employee_number": "10442",
    "position": "Coach",
    "department": "Family support",
    "employment_status": "on_leave",
    "hired_on": "2024-03-01",
    "left_on": "2027-01-31",
    "external_ids": [{"source": "hr", "external_id": "42/a"}, {"source": "lms", "external_id": "c"}],
}


async def add_person(tenancy: Tenancy, organization_id: str | None = None, **fields: Any) -> dict[str, Any]:
    """Add a person, by default at the root."""
    body = {"organization_id": organization_id or tenancy.root_id, "name": "Coach", **fields}
    return await tenancy.admin.made("/v1/people", body)


def hidden(made: dict[str, Any]) -> dict[str, Any]:
    """Return a person as those see them who may not change them."""
    return {**made, **dict.fromkeys(DETAILS), "details_visible": False}
