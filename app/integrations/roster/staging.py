"""The rows of a roster in a table of the transaction, and what is wrong with them as a whole.

The table ends with the transaction, so an import that is killed leaves nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from app.db.ids import uuid7
from app.db.transaction import Tx
from app.integrations.roster.files import Fault, RosterFile
from app.integrations.roster.rows import RosterRow, check_row
from app.text import search_key

#: Faults that are reported.
MOST_FAULTS: Final = 10_000
_CHUNK: Final = 1_000
_COLUMNS: Final = (
    *("line", "new_id", "external_id", "name", "organization", "organization_key", "email", "employee_number"),
    *("position", "department", "manager", "status", "hired_on", "left_on"),
)
_CREATE = """
create temporary table staged_people (
    line integer not null, new_id uuid not null, external_id text not null, name text not null,
    organization text not null, organization_key text not null, email text, employee_number text, position text,
    department text, manager text, status text not null, hired_on date, left_on date,
    person_id uuid, is_new boolean, is_overtaken boolean, organization_id uuid, matches integer, manager_id uuid
) on commit drop
"""
# An external id of the source comes before a name, which must be the name of one organization only.
_RESOLVE = (
    "create index on staged_people (external_id)",
    "analyze staged_people",
    """
    update staged_people s set person_id = coalesce(x.person_id, s.new_id), is_new = x.person_id is null
    from staged_people t left join person_external_ids x
         on x.tenant_id = $1 and x.source = $2 and x.external_id = t.external_id
    where t.line = s.line
    """,
    """
    update staged_people s set organization_id = x.organization_id from organization_external_ids x
    where x.tenant_id = $1 and x.source = $2 and x.external_id = s.organization
    """,
    """
    with named as (
        select name_key, count(*)::integer as matches, min(id::text)::uuid as id from organizations
        where tenant_id = $1 and name_key in (select organization_key from staged_people) group by name_key
    )
    update staged_people s set matches = n.matches, organization_id = case when n.matches = 1 then n.id end
    from named n where s.organization_id is null and n.name_key = s.organization_key
    """,
    """
    select id from organizations
    where tenant_id = $1 and id in (select organization_id from staged_people) order by id for share
    """,
    "update staged_people s set manager_id = m.person_id from staged_people m where m.external_id = s.manager",
    """
    update staged_people s set manager_id = x.person_id from person_external_ids x
    where s.manager is not null and s.manager_id is null
      and x.tenant_id = $1 and x.source = $2 and x.external_id = s.manager
    """,
    # From here on nobody moves, merges, erases or deletes them, nor gives their external ids away.
    """
    select p.id from people p where p.tenant_id = $1 and p.id in (select person_id from staged_people where not is_new)
    order by p.id for update
    """,
    """
    update staged_people s set is_overtaken = true where not is_new and not exists (
        select from person_external_ids x join people p on p.tenant_id = x.tenant_id and p.id = x.person_id
        where x.tenant_id = $1 and x.source = $2 and x.external_id = s.external_id and p.id = s.person_id
    )
    """,
    "create index on staged_people (person_id)",
    "analyze staged_people",
)
_FAULTY = (
    (
        "external_id",
        "repeated_external_id",
        "An earlier row has the same external id",
        """
        select line from (select line, row_number() over (partition by external_id order by line) as place
        from staged_people) numbered where place > 1
        """,
    ),
    (
        "external_id",
        "repeated_person",
        "An earlier row is the same person: their records were merged",
        """
        select line from (
            select line, row_number() over (partition by person_id order by line) as place,
                   row_number() over (partition by external_id order by line) as same_id from staged_people
        ) numbered where place > 1 and same_id = 1
        """,
    ),
    (
        "external_id",
        "overtaken",
        "The person was changed at the same time; import the file again",
        "select line from staged_people where is_overtaken",
    ),
    (
        "organization",
        "unknown_organization",
        "No organization has this external id or name",
        "select line from staged_people where organization_id is null and coalesce(matches, 0) < 2",
    ),
    (
        "organization",
        "ambiguous_organization",
        "Several organizations have this name; use an external id",
        "select line from staged_people where organization_id is null and matches > 1",
    ),
    (
        "organization",
        "organization_archived",
        "The organization, or one above it, is archived and takes nobody new",
        """
        select s.line from staged_people s
        join organization_places o on o.tenant_id = $1 and o.organization_id = s.organization_id
        left join people p on p.tenant_id = $1 and p.id = s.person_id
        where o.archived_by_id is not null and p.organization_id is distinct from s.organization_id
        """,
    ),
    (
        "manager",
        "unknown_manager",
        "Nobody in the file or of this source has this external id",
        "select line from staged_people where manager is not null and manager_id is null",
    ),
)
_MANAGERS = """
select person_id, manager_id, line from staged_people where manager_id is not null
union all
select p.id, p.manager_id, null from people p
where p.tenant_id = $1 and p.manager_id is not null and not exists (
    select from staged_people s where s.person_id = p.id
)
"""


async def stage(tx: Tx, file: RosterFile, source: str) -> tuple[int, list[Fault]]:
    """Read a file into the table and find what is wrong with it.

    Returns:
        The number of its rows, and the faults, in the order of the lines as far as they are of one kind.

    Raises:
        UnreadableFile: the file is not well-formed.
    """
    raw = tx.connection.raw
    await raw.execute(_CREATE)
    faults: list[Fault] = []
    count = 0
    checked = _checked(file, faults)
    while chunk := list(islice(checked, _CHUNK)):
        count += len(chunk)
        records = [record for record in chunk if record is not None]
        await raw.copy_records_to_table("staged_people", records=records, columns=_COLUMNS)
    for statement in _RESOLVE:
        await raw.execute(statement, *_arguments(statement, tx, source))
    for field, code, message, query in _FAULTY:
        lines = await raw.fetch(f"{query} limit {MOST_FAULTS}", *_arguments(query, tx, source))
        faults += [Fault(row["line"], field, code, message) for row in lines]
    if "manager" in file.fields:
        faults += [
            Fault(line, "manager", "manager_cycle", "The person manages themselves, directly or through others")
            for line in _cycles(await raw.fetch(_MANAGERS, tx.tenant_id))
        ]
    return count, faults


def _arguments(statement: str, tx: Tx, source: str) -> Sequence[Any]:
    given = {"$1": tx.tenant_id, "$2": source}
    return [value for name, value in given.items() if name in statement]


def _checked(file: RosterFile, faults: list[Fault]) -> Iterator[tuple[Any, ...] | None]:
    """Yield the record of each good row, and None for each other one, whose faults are added."""
    for cells in file.rows():
        row = check_row(cells)
        if isinstance(row, RosterRow):
            yield _record(cells.line, row)
        else:
            faults += row[: max(0, MOST_FAULTS - len(faults))]
            yield None


def _record(line: int, row: RosterRow) -> tuple[Any, ...]:
    return (
        *(line, uuid7(), row.external_id, row.name, row.organization, search_key(row.organization), row.email),
        *(row.employee_number, row.position, row.department, row.manager, row.status.value),
        *(row.hired_on, row.left_on),
    )


def _cycles(rows: Iterable[Any]) -> list[int]:
    """Return the lines of those who would manage themselves, directly or through others."""
    above: dict[UUID, UUID] = {}
    lines: dict[UUID, int] = {}
    for row in rows:
        above[row["person_id"]] = row["manager_id"]
        if row["line"] is not None:
            lines[row["person_id"]] = row["line"]
    settled: set[UUID] = set()
    found: list[int] = []
    for first in above:
        walked: dict[UUID, None] = {}
        at: UUID | None = first
        while at is not None and at not in settled and at not in walked:
            walked[at] = None
            at = above.get(at)
        if at is not None and at in walked:
            circle = list(walked)[list(walked).index(at) :]
            found += [lines[one] for one in circle if one in lines]
        settled |= walked.keys()
    return sorted(found)
