"""What says who a person is: the one place that decides what an erasure leaves of a row of people.

A new column belongs in one of the two lists below. A column that is in neither is erased, and a test fails.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import inspect

from app.people.models import Person
from app.text import search_key

#: Stands where a name was. The function `erase_person_traces` writes the same into the history.
ERASED_NAME: Final = "Erased person"
#: Columns that say nothing of who somebody is.
KEPT: Final = frozenset(
    {"tenant_id", "id", "created_at", "updated_at", "version", "organization_id", "merged_into_id", "erased_at"}
)
#: Columns that are erased, and the value that each has afterwards.
ERASED: Final[Mapping[str, Any]] = {
    "name": ERASED_NAME,
    "name_key": search_key(ERASED_NAME),
    "active": False,
    "email": None,
    "employee_number": None,
    "position": None,
    "department": None,
    "manager_id": None,
    "on_leave": False,
    "hired_on": None,
    "left_on": None,
}
#: Columns that name a person by id. They go on naming the row that is left, which says nothing of anybody.
REFERRING: Final = frozenset(
    {
        "action_items.done_owner_id",
        "action_items.owner_id",
        "action_items.verified_by",
        "api_keys.maker_id",
        "audit_values.person_id",
        "former_key_secrets.maker_id",
        "participants.person_id",
        "people.manager_id",
        "people.merged_into_id",
        "principals.person_id",
    }
)
#: Rows that name a person and are deleted with their identity.
DELETED: Final = frozenset(
    {
        "calendar_feeds.owner_id",
        "former_employments.person_id",
        "identities.person_id",
        "person_external_ids.person_id",
        "scim_users.person_id",
        # The import that adds them removes them before it commits.
        "staged_people.person_id",
    }
)


def make_placeholder(person: Person, now: datetime) -> None:
    """Replace everything in a row of people that says who this is."""
    for name in set(inspect(Person).columns.keys()) - KEPT:
        setattr(person, name, ERASED.get(name))
    person.erased_at = now
