"""The rows of a file of organizations: checked, copied into the database and matched with the tree."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import text

from app.db.ids import uuid7
from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault, RosterFile
from app.integrations.roster.rows import as_word, check_cells
from app.integrations.roster.staging import Staged, add_faults, copy_rows
from app.organizations.schemas import OrganizationStatus
from app.schemas import Name, TimeZone
from app.text import search_key
from app.tree.models import OrganizationKind
from app.tree.paths import segment

ORGANIZATION_FIELDS: Final = ("external_id", "name", "kind", "parent", "timezone", "staff_count", "status")
REQUIRED_FIELDS: Final = frozenset({"external_id", "name", "kind"})
DISCARD_ORGANIZATIONS: Final = Read(text("delete from staged_organizations where import_id = :import_id"))
_COLUMNS: Final = (
    *("import_id", "line", "organization_id", "segment", "external_id", "name", "name_key", "kind", "parent"),
    *("parent_key", "timezone", "staff_count", "status"),
)
# A parent is another row of the file, an organization of the source, or the only one of a name, in this order.
_RESOLVE: Final = Read(
    text(
        """
        with scope as materialized (
            select organization_id from organization_places
            where tenant_id = :tenant_id and path >= :path and path < :after_path
        ), known as materialized (
            select x.external_id, x.organization_id, c.organization_id is null as is_foreign
            from organization_external_ids x left join scope c using (organization_id)
            where x.tenant_id = :tenant_id and x.source = :source
        ), named as (
            select o.name_key, count(*)::integer as matches, min(o.id::text)::uuid as organization_id
            from organizations o join scope c on c.organization_id = o.id
            where o.tenant_id = :tenant_id group by o.name_key
        ), filed as (
            select distinct on (external_id) external_id, organization_id from staged_organizations
            where import_id = :import_id order by external_id, line
        )
        update staged_organizations s set
            organization_id = r.organization_id, is_new = r.is_new, is_foreign = r.is_foreign, matches = r.matches,
            parent_id = r.parent_id, archives = r.is_new and coalesce(s.status = 'archived', false)
        from (
            select t.line, coalesce(k.organization_id, t.organization_id) as organization_id,
                   k.organization_id is null as is_new, coalesce(k.is_foreign, false) as is_foreign, n.matches,
                   case when t.parent is null then cast(:top_id as uuid)
                        when a.external_id is not null then case when not a.is_foreign then a.organization_id end
                        else coalesce(f.organization_id, case when n.matches = 1 then n.organization_id end)
                   end as parent_id
            from staged_organizations t
                left join known k on k.external_id = t.external_id
                left join known a on a.external_id = t.parent
                left join filed f on f.external_id = t.parent
                left join named n on n.name_key = t.parent_key
            where t.import_id = :import_id
        ) r
        where s.import_id = :import_id and s.line = r.line
        """
    )
)


class OrganizationRow(BaseModel):
    """One organization of a file.

    A blank parent is the organization that the file is about. A blank time zone or status leaves it as it is, and a
    blank number of people says that it is not known.
    """

    model_config = ConfigDict(extra="forbid")

    external_id: Name
    name: Name
    kind: Annotated[OrganizationKind, BeforeValidator(as_word)]
    parent: Name | None = None
    timezone: TimeZone | None = None
    staff_count: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    status: Annotated[OrganizationStatus, BeforeValidator(as_word)] | None = None


async def stage_organizations(tx: Tx, file: RosterFile, source: str, path: str, top_id: UUID) -> Staged:
    """Read a file into the table, and find the organizations that its rows are and lie below. None is locked.

    Args:
        path: of the organization that the file is about.
        top_id: its id.

    Raises:
        UnreadableFile: the file is not well-formed.
    """
    faults: list[Fault] = []
    staged_id = uuid7()
    count = await copy_rows(tx, "staged_organizations", _COLUMNS, _checked(file, staged_id, faults))
    staged = Staged(staged_id, source, path, file.fields, count, faults)
    await staged.fetch(tx, _RESOLVE, top_id=top_id)
    return staged


async def open_file(path: Any, columns: dict[str, str]) -> RosterFile:
    """Return a file of organizations, its header read.

    Raises:
        UnreadableFile: its size, encoding or header is not usable.
    """
    return await asyncio.to_thread(RosterFile, path, columns, known=ORGANIZATION_FIELDS, required=REQUIRED_FIELDS)


def _checked(file: RosterFile, staged_id: UUID, faults: list[Fault]) -> Iterator[tuple[Any, ...] | None]:
    """Yield the record of each good row, and None for each other one, whose faults are added."""
    for cells in file.rows():
        row = check_cells(cells, OrganizationRow)
        if isinstance(row, OrganizationRow):
            yield _record(staged_id, cells.line, row)
        else:
            add_faults(faults, row)
            yield None


def _record(staged_id: UUID, line: int, row: OrganizationRow) -> tuple[Any, ...]:
    new_id = uuid7()
    return (
        *(staged_id, line, new_id, segment(new_id), row.external_id, row.name, search_key(row.name), row.kind.value),
        *(row.parent, row.parent and search_key(row.parent), row.timezone, row.staff_count),
        row.status and row.status.value,
    )
