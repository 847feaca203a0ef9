"""What is wrong with rows of a file of organizations that are well-formed, by the rules of single changes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.access.policy import allowed_below, may
from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault
from app.integrations.roster.row_checks import Check, find_faults
from app.integrations.roster.staging import Staged
from app.organizations.errors import ExternalIdTaken, NotMaintained, TooDeep, UnknownOrganization
from app.tree.archived import OrganizationArchived
from app.tree.clock import UnknownTimezone
from app.tree.paths import MAXIMUM_DEPTH, segment

_WIDTH: Final = len(segment(UUID(int=0)))


def _read(statement: str) -> Read:
    return Read(text(f"{statement} limit 10000"))


_ROWS: Final[tuple[Check, ...]] = (
    (
        "external_id",
        "repeated_external_id",
        "An earlier row has the same external id",
        _read(
            """
            select line from (select line, row_number() over (partition by external_id order by line) as place
            from staged_organizations where import_id = :import_id and line > 0) numbered where place > 1
            """
        ),
    ),
    (
        "external_id",
        "repeated_organization",
        "An earlier row is the same organization: it has both external ids",
        _read(
            """
            select line from (
                select line, row_number() over (partition by organization_id order by line) as place,
                       row_number() over (partition by external_id order by line) as same_id
                from staged_organizations where import_id = :import_id and line > 0
            ) numbered where place > 1 and same_id = 1
            """
        ),
    ),
    (
        "external_id",
        ExternalIdTaken.code,
        "An organization that this file is not about has this external id",
        _read("select line from staged_organizations where import_id = :import_id and is_foreign"),
    ),
    (
        "parent",
        UnknownOrganization.code,
        "No organization in the file or of this source has this external id, and none has this name",
        _read(
            "select line from staged_organizations "
            "where import_id = :import_id and line > 0 and parent_id is null and coalesce(matches, 0) < 2"
        ),
    ),
    (
        "parent",
        "ambiguous_organization",
        "Several organizations have this name; use an external id",
        _read(
            "select line from staged_organizations "
            "where import_id = :import_id and line > 0 and parent_id is null and matches > 1"
        ),
    ),
    (
        None,
        "root_organization",
        "The root, or the organization that the file is about, is changed over the API and not by a file",
        _read(
            """
            select line from staged_organizations
            where import_id = :import_id and line > 0 and organization_id = cast(:top_id as uuid)
              and (restores or archives or changed is not null)
            """
        ),
    ),
    (
        "timezone",
        UnknownTimezone.code,
        UnknownTimezone.title,
        _read(
            """
            select line from staged_organizations
            where import_id = :import_id and line > 0 and timezone is not null and (is_new or 'timezone' = any(changed))
              and timezone not in (select name from pg_timezone_names)
            """
        ),
    ),
)
# The rules of `app.organizations.integrators`, for rows that have their places. A row that is known has an external id
# of the source, and so has a new one once it is added.
_INTEGRATOR: Final = _read(
    f"""
    select case when s.line > 0 then s.line end as line
    from staged_organizations s
        left join organizations o on o.tenant_id = :tenant_id and o.id = s.organization_id and not s.is_new
        left join organization_places p on p.tenant_id = :tenant_id and p.organization_id = o.id
        left join organization_places a on a.tenant_id = :tenant_id and a.organization_id = s.parent_id
    where s.import_id = :import_id and (
        (s.is_new and a.path is not null and not a.path ^@ any(cast(:managed as text[]))
         and not exists (select from organization_external_ids x
                         where x.tenant_id = :tenant_id and x.organization_id = s.parent_id and x.source = :source))
        or ((s.restores or s.archives)
            and not coalesce(p.path, a.path, left(s.path, -{_WIDTH})) ^@ any(cast(:managed as text[])))
        or (s.moves
            and not (p.path ^@ any(cast(:managed as text[]))
                     and coalesce(a.path, left(s.path, -{_WIDTH})) ^@ any(cast(:managed as text[])))
            and not exists (
                select from organization_external_ids x
                where x.tenant_id = :tenant_id and x.organization_id = s.organization_id
                  and (a.path is null and x.source = :source or x.source in (
                      select source from organization_external_ids
                      where tenant_id = :tenant_id and organization_id = s.parent_id))
                  and x.source in (
                      select source from organization_external_ids
                      where tenant_id = :tenant_id and organization_id = o.parent_id)))
    )
    """  # noqa: S608  # a number
)
_LOCKED: Final[tuple[Check, ...]] = (
    (
        "external_id",
        "overtaken",
        "The organization was changed at the same time; import the file again",
        _read(
            """
            select s.line from staged_organizations s
                left join organization_external_ids x
                    on x.tenant_id = :tenant_id and x.source = :source and x.external_id = s.external_id
            where s.import_id = :import_id and s.line > 0
              and case when s.is_new then x.organization_id is not null
                       else x.organization_id is distinct from s.organization_id end
            """
        ),
    ),
    (
        "parent",
        UnknownOrganization.code,
        "The organization above was deleted at the same time",
        _read(
            """
            select s.line from staged_organizations s
                left join organizations o on o.tenant_id = :tenant_id and o.id = s.parent_id
                left join staged_organizations n
                    on n.import_id = :import_id and n.is_new and n.organization_id = s.parent_id
            where s.import_id = :import_id and (s.is_new or s.moves) and o.id is null and n.line is null
            """
        ),
    ),
)
_PLACED: Final[tuple[Check, ...]] = (
    (
        "parent",
        TooDeep.code,
        f"{TooDeep.title}: at most {MAXIMUM_DEPTH} levels lie below the root",
        _read(
            f"""
            select distinct coalesce(above_line, line) as line from staged_organizations
            where import_id = :import_id and depth > {MAXIMUM_DEPTH}
            """  # noqa: S608  # a number
        ),
    ),
    (
        "parent",
        OrganizationArchived.code,
        OrganizationArchived.title,
        _read("select line from staged_organizations where import_id = :import_id and is_blocked"),
    ),
    (
        "parent",
        OrganizationArchived.code,
        "An organization above it is not in the file and would be archived",
        _read(
            """
            select s.line from staged_organizations s join staged_organizations m
                on m.import_id = :import_id and m.line < 0 and m.archives and m.organization_id = s.archived_by_id
            where s.import_id = :import_id and s.line > 0
            """
        ),
    ),
)
_ADDED: Final[tuple[Check, ...]] = (
    (
        "external_id",
        "overtaken",
        "The organization was added at the same time; import the file again",
        _read(
            """
            select s.line from staged_organizations s left join organization_external_ids x
                on x.tenant_id = :tenant_id and x.source = :source and x.external_id = s.external_id
            where s.import_id = :import_id and s.is_new and x.organization_id is distinct from s.organization_id
            """
        ),
    ),
)


async def find_row_faults(tx: Tx, staged: Staged, top_id: UUID) -> list[Fault]:
    """Return the faults of rows as they are compared with the tree."""
    return await find_faults(tx, staged, _ROWS, top_id=top_id)


async def find_overtaken(tx: Tx, staged: Staged) -> list[Fault]:
    """Return the faults of rows whose organizations others changed before they were locked."""
    return await find_faults(tx, staged, _LOCKED)


async def find_place_faults(tx: Tx, staged: Staged) -> list[Fault]:
    """Return the faults of rows whose places are wrong: too deep, below something archived, or not for the caller."""
    faults = await find_faults(tx, staged, _PLACED)
    if may(tx.principal, "transitionOrganization", staged.path):
        return faults
    managed = allowed_below(tx.principal, "transitionOrganization")
    check: Sequence[Check] = [(None, NotMaintained.code, NotMaintained.title, _INTEGRATOR)]
    return faults + await find_faults(tx, staged, check, managed=managed)


async def find_added_faults(tx: Tx, staged: Staged) -> list[Fault]:
    """Return the faults of new rows whose external ids others took while they were added."""
    return await find_faults(tx, staged, _ADDED)
