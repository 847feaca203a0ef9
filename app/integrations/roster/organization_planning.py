"""What a file of organizations changes: the difference between its rows and the tree, which is then locked."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.staging import Staged
from app.tree.organizations import lock_tree

_DIFFERS: Final = "(s.moves or s.restores or s.archives or s.changed is not null)"
_ADD_MISSING: Final = Read(
    text(
        """
        insert into staged_organizations (import_id, line, organization_id, archives)
        select :import_id, -row_number() over (order by o.id), o.id, true
        from organizations o
            join organization_places p on p.tenant_id = o.tenant_id and p.organization_id = o.id
        where o.tenant_id = :tenant_id and o.archived_at is null and o.id <> :top_id
          and p.path >= :path and p.path < :after_path
          and o.id in (select organization_id from organization_external_ids
                       where tenant_id = :tenant_id and source = :source)
          and not exists (select from staged_organizations s
                          where s.import_id = :import_id and s.organization_id = o.id)
        """
    ).bindparams(bindparam("top_id", type_=Uuid()))
)
_COUNTS: Final = Read(
    text(
        """
        select count(*) as known, count(*) filter (where s.archives) as leaving
        from organizations o
            join organization_places p on p.tenant_id = o.tenant_id and p.organization_id = o.id
            left join (select distinct organization_id, archives from staged_organizations
                       where import_id = :import_id and archives) s on s.organization_id = o.id
        where o.tenant_id = :tenant_id and o.archived_at is null and p.path >= :path and p.path < :after_path
          and o.id in (select organization_id from organization_external_ids
                       where tenant_id = :tenant_id and source = :source)
        """
    )
)
_LOCK: Final = (
    Read(
        text(
            f"""
            select id from organizations
            where tenant_id = :tenant_id and id in (
                select s.organization_id from staged_organizations s
                where s.import_id = :import_id and not s.is_new and {_DIFFERS})
            order by id for update
            """  # noqa: S608  # text of this module
        )
    ),
    Read(
        text(
            """
            select id from organizations
            where tenant_id = :tenant_id and id in (
                select parent_id from staged_organizations where import_id = :import_id and (is_new or moves))
            order by id for share
            """
        )
    ),
    # Somebody archived it while this waited for the lock.
    Read(
        text(
            """
            delete from staged_organizations s using organizations o
            where s.import_id = :import_id and s.line < 0 and o.tenant_id = :tenant_id and o.id = s.organization_id
              and o.archived_at is not null
            """
        )
    ),
)
_SIZES: Final = Read(
    text(
        f"""
        select count(*) filter (where is_new) as created,
               count(*) filter (where not is_new and line > 0 and {_DIFFERS}) as changed,
               count(*) filter (where line < 0) as "left",
               count(*) filter (where not is_new and (moves or restores or archives or 'timezone' = any(changed)))
                   as reshaping
        from staged_organizations s where import_id = :import_id
        """  # noqa: S608  # text of this module
    )
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many organizations an import writes.

    Attributes:
        created, changed, left: how many are new, differ, and are archived because a whole file does not name them.
        reshapes: places of known organizations change.
    """

    created: int
    changed: int
    left: int
    reshapes: bool

    @property
    def total(self) -> int:
        """Return how many are written."""
        return self.created + self.changed + self.left


async def find_changes(tx: Tx, staged: Staged, top_id: UUID, *, is_whole: bool) -> Plan:
    """Find what the staged rows change, and add a row for each organization that is to be archived.

    Args:
        top_id: the organization that the file is about.
        is_whole: the file names all active organizations of its source.
    """
    await staged.fetch(tx, _compare(staged.fields, is_whole=is_whole, again=False), top_id=top_id)
    if is_whole:
        await staged.fetch(tx, _ADD_MISSING, top_id=top_id)
    return await _count(tx, staged)


async def count_archived(tx: Tx, staged: Staged) -> tuple[int, int]:
    """Return how many active organizations of the source there are, and how many of them the file archives."""
    [counts] = await staged.fetch(tx, _COUNTS)
    return counts["known"], counts["leaving"]


async def lock_changes(tx: Tx, staged: Staged, plan: Plan, top_id: UUID, *, is_whole: bool) -> Plan:
    """Lock what the rows change, and what they put something below. Return the plan as it is then.

    Places are locked already. Nobody adds to the tree while places of known organizations change.
    """
    await lock_tree(tx, lock="update" if plan.reshapes else "share")
    for statement in _LOCK:
        await staged.fetch(tx, statement)
    await staged.fetch(tx, _compare(staged.fields, is_whole=is_whole, again=True), top_id=top_id)
    found = await _count(tx, staged)
    if found.reshapes and not plan.reshapes:
        # Somebody changed a time zone while this waited for the lock, which makes it a change for this file.
        await lock_tree(tx, lock="update")
    return found


async def _count(tx: Tx, staged: Staged) -> Plan:
    [sizes] = await staged.fetch(tx, _SIZES)
    return Plan(sizes["created"], sizes["changed"], sizes["left"], sizes["reshaping"] > 0)


@lru_cache(64)
def _compare(fields: frozenset[str], *, is_whole: bool, again: bool) -> Read:
    """Return the statement that stores how the rows of known organizations differ from them.

    Args:
        again: only those that differed are compared, now that they are locked.
    """
    differing = {
        "kind": "s.kind <> o.kind",
        "name": "s.name <> o.name",
        "staff_count": "s.staff_count is distinct from o.staff_count" if "staff_count" in fields else "false",
        "timezone": "s.timezone is not null and s.timezone is distinct from o.timezone",
    }
    named = ", ".join(f"case when {differs} then '{column}' end" for column, differs in differing.items())
    changed = f"nullif(array_remove(array[{named}], null), '{{}}')"
    is_top = "o.id = cast(:top_id as uuid)"
    moves = f"coalesce(s.parent_id <> o.parent_id, false) and not {is_top}" if "parent" in fields else "false"
    # What a whole file names is active, unless the file says otherwise.
    unsaid = f"(s.status is null and not {is_top})" if is_whole else "false"
    restores = f"o.archived_at is not null and (coalesce(s.status = 'active', false) or {unsaid})"
    archives = "o.archived_at is null and coalesce(s.status = 'archived', false)"
    limit = _DIFFERS if again else f"({changed} is not null or {moves} or ({restores}) or ({archives}))"
    return Read(
        text(
            f"""
            update staged_organizations s
            set changed = {changed}, moves = {moves}, restores = {restores}, archives = {archives}
            from organizations o
            where s.import_id = :import_id and s.line > 0 and not s.is_new and not s.is_foreign
              and o.tenant_id = :tenant_id and o.id = s.organization_id and {limit}
            """  # noqa: S608  # conditions of this module
        )
    )
