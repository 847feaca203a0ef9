"""Bring the organization tree in step with a file: the whole file, or nothing of it.

The rows are copied into the database, compared with the tree and written by a few statements for thousands of them. The
rules are those of single changes over the API (`app.organizations`), and a test compares what both ways leave.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.access.policy import may
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import Forbidden, NotFound
from app.integrations.roster.import_service import ImportMode, ImportReport, Suspicious, load_source, refuse
from app.integrations.roster.models import RosterSource
from app.integrations.roster.organization_checks import (
    find_added_faults,
    find_overtaken,
    find_place_faults,
    find_row_faults,
)
from app.integrations.roster.organization_planning import Plan, count_archived, find_changes, lock_changes
from app.integrations.roster.organization_rows import DISCARD_ORGANIZATIONS, open_file, stage_organizations
from app.integrations.roster.organization_tree import place_rows
from app.integrations.roster.organization_writing import write_organizations
from app.integrations.roster.staging import Staged
from app.tree.places import lock_places

#: A whole file may archive this share of the active organizations of its source.
MOST_ARCHIVED: Final = 0.10
#: Marks the headers of these files among those that are kept for a source.
_PREFIX: Final = "organizations."
_TOP: Final = Read(
    text(
        """
        select organization_id as id, path from organization_places
        where tenant_id = :tenant_id
          and case when cast(:id as uuid) is null then depth = 0 else organization_id = cast(:id as uuid) end
        """
    )
)


async def import_organizations(
    tx: Tx,
    path: Path,
    *,
    source: str,
    columns: Mapping[str, str],
    mode: ImportMode,
    force: bool,
    report: ImportReport,
    organization_id: UUID | None = None,
) -> ImportReport:
    """Bring the organizations of a source in step with a file.

    Args:
        source: whose external ids the file has.
        columns: the header of each field that has another name; kept for the next file of the source.
        mode: with ``replace``, organizations of the source that are not in the file are archived, and archived ones
            that are in it are restored unless it says otherwise. Nothing is deleted.
        force: believe a whole file that is empty or archives many.
        report: is filled in, and gets the progress; ``left`` counts the archived organizations.
        organization_id: the file is about what is below this organization; None: about the whole tenant.

    Raises:
        NotFound: the organization was deleted.
        Forbidden: the caller may not archive there, which a whole file does.
        UnreadableFile: the file is not well-formed.
        Faulty: rows of it are wrong, or break a rule of the tree.
        Suspicious: it would archive too many organizations, and ``force`` was not asked for.
        TreeBusy: another large change of the tree is under way.
    """
    known = await load_source(tx, source)
    file = await open_file(path, _keep_headers(known, columns))
    is_whole = mode is ImportMode.REPLACE
    top = await _lock_top(tx, organization_id, is_whole=is_whole)
    staged = await stage_organizations(tx, file, source, top["path"], top["id"])
    report.rows = staged.rows
    plan = await find_changes(tx, staged, top["id"], is_whole=is_whole)
    refuse([*staged.faults, *await find_row_faults(tx, staged, top["id"])])
    if is_whole and not force:
        _check_plausible(staged.rows, *await count_archived(tx, staged))
    if plan.total:
        plan = await _place(tx, staged, plan, top["id"], is_whole=is_whole)
        report.total = plan.total
        await write_organizations(tx, staged, plan, report)
        refuse(await find_added_faults(tx, staged))
    report.total = plan.total
    await staged.fetch(tx, DISCARD_ORGANIZATIONS)
    report.unchanged = report.rows - report.created - report.changed
    known.imported_at = tx.now
    return report


def _keep_headers(known: RosterSource, columns: Mapping[str, str]) -> dict[str, str]:
    """Keep the headers that a file names for the next one. Return all that are kept, by field."""
    known.columns = {**known.columns, **{_PREFIX + field: header for field, header in columns.items()}}
    return {name.removeprefix(_PREFIX): one for name, one in known.columns.items() if name.startswith(_PREFIX)}


async def _lock_top(tx: Tx, organization_id: UUID | None, *, is_whole: bool) -> Row:
    """Lock the tree until the commit. Return the id and the path of the organization that the file is about."""
    await lock_places(tx)
    top = await tx.fetch_one(_TOP, tenant_id=tx.tenant_id, id=organization_id)
    if top is None:
        raise NotFound
    if is_whole and not may(tx.principal, "transitionOrganization", top["path"]):
        raise Forbidden("A whole file archives organizations, which only an admin may.")
    return top


async def _place(tx: Tx, staged: Staged, plan: Plan, top_id: UUID, *, is_whole: bool) -> Plan:
    """Lock what changes, find the new places, and check both.

    Raises:
        Faulty: rows break a rule of the tree.
    """
    plan = await lock_changes(tx, staged, plan, top_id, is_whole=is_whole)
    refuse(await find_overtaken(tx, staged))
    if plan.created or plan.reshapes:
        refuse(await place_rows(tx, staged, top_id))
        refuse(await find_place_faults(tx, staged))
    return plan


def _check_plausible(rows: int, known: int, leaving: int) -> None:
    if rows == 0:
        raise Suspicious("Nothing was imported: the file has no rows. If that is right, force the import.")
    if leaving > known * MOST_ARCHIVED:
        raise Suspicious(
            f"Nothing was imported: {leaving} of {known} active organizations would be archived. "
            "If that is right, force the import."
        )
