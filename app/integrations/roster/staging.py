"""The rows of a file in a table of the database, and those of a roster of people.

The rows of an import exist in its own transaction only (`app.integrations.roster.models.StagedPerson`), so an import
that is killed leaves nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from app.db.ids import uuid7
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.integrations.roster.files import Fault, RosterFile
from app.integrations.roster.rows import RosterRow, check_row
from app.people.employment import settle
from app.text import search_key
from app.tree.paths import after

#: Faults that are reported.
MOST_FAULTS: Final = 10_000
#: Rows that are checked without a pause. Other requests wait as long.
_CHUNK: Final = 250
_COLUMNS: Final = (
    *("import_id", "line", "person_id", "external_id", "name", "name_key", "organization", "organization_key", "email"),
    *("employee_number", "position", "department", "manager", "status", "active", "on_leave", "hired_on", "left_on"),
)
# The rows of an import are not committed, so the table has no statistics of them. Without nested loops each statement
# takes time in proportion to the rows.
_PLAN: Final = "set local enable_nestloop = off; set local jit = off"
# An external id of the source comes before a name, which must be the name of one organization only.
_RESOLVE: Final = (
    Read(
        text(
            """
            with scope as materialized (
                select organization_id from organization_places
                where tenant_id = :tenant_id and path >= :path and path < :after_path
            ), external as (
                select x.external_id, x.organization_id
                from organization_external_ids x join scope using (organization_id)
                where x.tenant_id = :tenant_id and x.source = :source
            ), named as (
                select o.name_key, count(*)::integer as matches, min(o.id::text)::uuid as organization_id
                from organizations o join scope on scope.organization_id = o.id
                where o.tenant_id = :tenant_id group by o.name_key
            ), known as (
                select external_id, person_id from person_external_ids where tenant_id = :tenant_id and source = :source
            )
            update staged_people s set
                person_id = r.person_id, is_new = r.is_new, organization_id = r.organization_id, matches = r.matches,
                manager_id = r.manager_id
            from (
                select t.line, coalesce(p.person_id, t.person_id) as person_id, p.person_id is null as is_new,
                       n.matches,
                       coalesce(e.organization_id, case when n.matches = 1 then n.organization_id end)
                           as organization_id,
                       coalesce(k.person_id, m.person_id) as manager_id
                from staged_people t
                    left join known p on p.external_id = t.external_id
                    left join external e on e.external_id = t.organization
                    left join named n on n.name_key = t.organization_key
                    left join known k on k.external_id = t.manager
                    left join staged_people m on m.import_id = :import_id and m.external_id = t.manager
                where t.import_id = :import_id
            ) r
            where s.import_id = :import_id and s.line = r.line
            """
        )
    ),
    # Rows to be locked are counted: to send a hundred thousand ids would stop other requests.
    Read(
        text(
            """
            select count(*) from (
                select id from organizations
                where tenant_id = :tenant_id
                  and id in (select organization_id from staged_people where import_id = :import_id)
                order by id for share
            ) locked
            """
        )
    ),
    # From here on nobody moves, merges, erases or deletes them, nor gives their external ids away.
    Read(
        text(
            """
            select count(*) from (
                select p.id from people p
                where p.tenant_id = :tenant_id
                  and p.id in (select person_id from staged_people where import_id = :import_id and not is_new)
                order by p.id for update
            ) locked
            """
        )
    ),
)
DISCARD_PEOPLE: Final = Read(text("delete from staged_people where import_id = :import_id"))


@dataclass(frozen=True, slots=True)
class Staged:
    """The rows of one import in the table.

    Attributes:
        id: the import, in the table.
        source: the system that the file comes from.
        path: the organization whose subtree the file is about.
        fields: the fields that the file has.
        rows: how many rows the file has.
        faults: what is wrong with single rows, in the order of the lines.
    """

    id: UUID
    source: str
    path: str
    fields: frozenset[str]
    rows: int
    faults: list[Fault]

    async def fetch(self, tx: Tx, read: Read, **more: Any) -> Sequence[Row]:
        """Run a statement for the rows of this import.

        Args:
            more: parameters besides the tenant, the source, the import and the range of paths.
        """
        return await tx.fetch(read, **self.parameters(tx, **more))

    def parameters(self, tx: Tx, **more: Any) -> dict[str, Any]:
        """Return the parameters of a statement for the rows of this import."""
        own = {"source": self.source, "import_id": self.id, "path": self.path, "after_path": after(self.path)}
        return {"tenant_id": tx.tenant_id, **own, **more}


async def stage(tx: Tx, file: RosterFile, source: str, path: str) -> Staged:
    """Read a file into the table, and find the people and organizations that its rows name.

    They are locked. `app.integrations.roster.row_checks` finds what is wrong with rows that name none or others.

    Args:
        path: the organization whose subtree the file is about.

    Raises:
        UnreadableFile: the file is not well-formed.
    """
    faults: list[Fault] = []
    staged_id = uuid7()
    count = await copy_rows(tx, "staged_people", _COLUMNS, _checked(file, staged_id, faults))
    staged = Staged(staged_id, source, path, file.fields, count, faults)
    for statement in _RESOLVE:
        await staged.fetch(tx, statement)
    return staged


async def copy_rows(tx: Tx, table: str, columns: Sequence[str], records: Iterable[tuple[Any, ...] | None]) -> int:
    """Copy records into a table, and make the plans of what follows safe. Return how many records there were.

    Args:
        records: None stands for a row that is not stored, because it is wrong.
    """
    raw = tx.connection.raw
    await raw.execute(_PLAN)
    count, left = 0, iter(records)
    while chunk := list(islice(left, _CHUNK)):
        count += len(chunk)
        good = [record for record in chunk if record is not None]
        await raw.copy_records_to_table(table, records=good, columns=columns)
    return count


def add_faults(faults: list[Fault], more: Sequence[Fault]) -> None:
    """Add faults up to the number that is reported."""
    faults += more[: max(0, MOST_FAULTS - len(faults))]


def _checked(file: RosterFile, staged_id: UUID, faults: list[Fault]) -> Iterator[tuple[Any, ...] | None]:
    """Yield the record of each good row, and None for each other one, whose faults are added."""
    key = lru_cache(4096)(search_key)
    for cells in file.rows():
        row = check_row(cells)
        if isinstance(row, RosterRow):
            yield _record(staged_id, cells.line, row, key(row.organization))
        else:
            add_faults(faults, row)
            yield None


def _record(staged_id: UUID, line: int, row: RosterRow, organization_key: str) -> tuple[Any, ...]:
    days = {"hired_on": row.hired_on, "left_on": row.left_on}
    settled = settle(None, {"employment_status": row.status, **days}).fields
    return (
        *(staged_id, line, uuid7(), row.external_id, row.name, search_key(row.name), row.organization),
        *(organization_key, row.email, row.employee_number, row.position, row.department, row.manager),
        *(row.status.value, settled["active"], settled["on_leave"], settled["hired_on"], settled["left_on"]),
    )
