"""The places of organizations after an import: one walk from the organization that the file is about.

What the walk does not reach lies below itself. It goes one level deeper than the tree may, so that a row that is too
deep has a place.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault
from app.integrations.roster.managers import Hierarchy
from app.integrations.roster.staging import Staged
from app.organizations.errors import OrganizationCycle
from app.tree.paths import MAXIMUM_DEPTH, segment

_PAGE: Final = 2_000
_WIDTH: Final = len(segment(UUID(int=0)))
# ``was_archived`` is the state in which rows are added and moved: after what is restored, before what is archived.
_TREE: Final = f"""
    with recursive node as materialized (
        select o.id, s.line, case when s.moves then s.parent_id else o.parent_id end as parent_id,
               right(p.path, {_WIDTH}) collate "C" as segment,
               (o.timezone is not null or 'timezone' = any(coalesce(s.changed, '{{}}'))) as has_zone,
               (o.archived_at is not null and not coalesce(s.restores, false)) as was_archived,
               (o.archived_at is not null and not coalesce(s.restores, false) or coalesce(s.archives, false))
                   as is_archived,
               coalesce(s.moves, false) as enters, false as is_new, p.path as old_path,
               p.archived_by_id as old_archived_by_id, p.timezone_from_id as old_timezone_from_id
        from organization_places p
            join organizations o on o.tenant_id = p.tenant_id and o.id = p.organization_id
            left join staged_organizations s
                on s.import_id = :import_id and s.organization_id = o.id and not s.is_new
        where p.tenant_id = :tenant_id and p.path >= :path and p.path < :after_path
        union all
        select organization_id, line, parent_id, segment collate "C", timezone is not null, false, archives, true, true,
               null, null, null
        from staged_organizations where import_id = :import_id and is_new
    ), tree as (
        select p.organization_id as id, cast(null as integer) as line, cast(null as integer) as above_line,
               p.path, p.depth, p.archived_by_id, p.timezone_from_id, p.archived_by_id is not null as was_archived,
               false as is_blocked, false as differs
        from organization_places p where p.tenant_id = :tenant_id and p.organization_id = :top_id
        union all
        select n.id, n.line, case when n.line > 0 then n.line else t.above_line end,
               (t.path || n.segment) collate "C", t.depth + 1,
               case when n.is_archived then n.id else t.archived_by_id end,
               case when n.has_zone then n.id else t.timezone_from_id end,
               n.was_archived or t.was_archived,
               n.enters and t.was_archived,
               n.is_new or n.old_path <> t.path || n.segment
                   or n.old_archived_by_id is distinct from case when n.is_archived then n.id else t.archived_by_id end
                   or n.old_timezone_from_id <> case when n.has_zone then n.id else t.timezone_from_id end
        from tree t join node n on n.parent_id = t.id
        where t.depth <= {MAXIMUM_DEPTH}
    )
"""  # noqa: S608  # text of this module
_TOP: Final = bindparam("top_id", type_=Uuid())
_PLACE: Final = Read(
    text(
        f"""
        {_TREE}, filed as (
            update staged_organizations s set path = t.path, depth = t.depth, archived_by_id = t.archived_by_id,
                   timezone_from_id = t.timezone_from_id, is_blocked = t.is_blocked
            from tree t where s.import_id = :import_id and s.line = t.line and t.differs
        ), followed as (
            insert into staged_organizations (
                import_id, line, organization_id, path, depth, archived_by_id, timezone_from_id, above_line
            )
            select :import_id, lowest.line - (row_number() over ())::integer, t.id, t.path, t.depth, t.archived_by_id,
                   t.timezone_from_id, t.above_line
            from tree t cross join (
                select coalesce(min(line), 0) as line from staged_organizations
                where import_id = :import_id and line < 0
            ) lowest
            where t.line is null and t.differs
        )
        select (select count(*) from node) - (select count(*) from tree) as unreached
        """  # noqa: S608  # text of this module
    ).bindparams(_TOP)
)
_UNREACHED: Final = Read(
    text(
        f"""
        {_TREE}, numbered as materialized (
            select n.id, n.parent_id, coalesce(n.line, 0) as line, (row_number() over ())::integer - 1 as number
            from node n where not exists (select from tree t where t.id = n.id)
        )
        select n.line, m.number as above from numbered n left join numbered m on m.id = n.parent_id order by n.number
        """  # noqa: S608  # text of this module
    ).bindparams(_TOP)
)


async def place_rows(tx: Tx, staged: Staged, top_id: UUID) -> list[Fault]:
    """Store the new places of organizations with their rows, and add rows for those that move along.

    Args:
        top_id: the organization that the file is about.

    Returns:
        The faults of rows that would lie below themselves.
    """
    [row] = await staged.fetch(tx, _PLACE, top_id=top_id)
    return await _find_cycles(tx, staged, top_id) if row["unreached"] else []


async def _find_cycles(tx: Tx, staged: Staged, top_id: UUID) -> list[Fault]:
    found = Hierarchy()
    arguments = _UNREACHED.arguments(staged.parameters(tx, top_id=top_id))
    async for row in tx.connection.raw.cursor(_UNREACHED.sql, *arguments, prefetch=_PAGE):
        found.lines.append(row["line"])
        found.above.append(-1 if row["above"] is None else row["above"])
    message = "The organization would lie below itself"
    lines = [line for line in await found.find_cycles() if line > 0]
    return [Fault(line, "parent", OrganizationCycle.code, message) for line in lines]
