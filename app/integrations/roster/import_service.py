"""Bring people in step with a roster: the whole file, or nothing of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from app.db.transaction import Tx
from app.errors import NotFound, OperatorError
from app.integrations.roster.files import FIELDS, Fault, RosterFile, UnreadableFile
from app.integrations.roster.leavers import AdminsLeave, keep_an_admin_of
from app.integrations.roster.managers import Hierarchy, find_manager_faults, load_hierarchy
from app.integrations.roster.models import RosterSource
from app.integrations.roster.oneroster import StaffReport, keep_what_is_not_said
from app.integrations.roster.oneroster_users import COLUMN_OF
from app.integrations.roster.planning import Plan, count_leaving, place_new, plan_changes
from app.integrations.roster.row_checks import DUPLICATES, PEOPLE, Check, find_faults
from app.integrations.roster.staging import DISCARD_PEOPLE, MOST_FAULTS, Staged, stage
from app.integrations.roster.writing import BATCH, add_people, change_people
from app.tree.models import OrganizationPlace

#: A whole roster may end this share of the employments it knew.
MOST_LEAVERS: Final = 0.10


class ImportMode(StrEnum):
    """What a file says of people or organizations that it does not name."""

    MERGE = "merge"
    REPLACE = "replace"


class Faulty(OperatorError):
    """The file was refused because of its rows, and nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = " or more" if len(faults) == MOST_FAULTS else ""
        super().__init__(f"Nothing was imported: {len(faults)} faults{more}.")
        self.faults = faults


class Suspicious(OperatorError):
    """The file would end or archive too much to be believed."""


async def _ignore(_report: "ImportReport") -> None:
    pass


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        rows: rows of the file.
        total: people or organizations to write; None while that is not known.
        created, changed, left, unchanged: people or organizations; ``left`` counts organizations that were archived.
        progress: is called after each part.
    """

    rows: int = 0
    total: int | None = None
    created: int = 0
    changed: int = 0
    left: int = 0
    unchanged: int = 0
    progress: Callable[["ImportReport"], Awaitable[None]] = field(default=_ignore, repr=False)


async def import_people(
    tx: Tx,
    path: Path,
    *,
    source: str,
    columns: Mapping[str, str],
    mode: ImportMode,
    force: bool,
    report: ImportReport,
    organization_id: UUID | None = None,
    staff: StaffReport | None = None,
) -> ImportReport:
    """Bring the people of a source in step with a file.

    Args:
        source: whose external ids the file has.
        columns: the header of each field that has another name; kept for the next file of the source.
        mode: with ``replace``, active people of the source who are not in the file leave.
        force: believe rows that seem to be one person, and a whole roster that is empty, at most half as long as the
            last one, or ends many employments.
        report: is filled in, and gets the progress.
        organization_id: the file is about this organization and everything below it; None: about the whole tenant.
        staff: what else was found in the OneRoster archive that the file comes from.

    Raises:
        UnreadableFile: the file is not well-formed, or holds changes only and was to replace.
        Faulty: rows of it are wrong, or the tenant would be left without an admin.
        Suspicious: it would end too many employments, and ``force`` was not asked for.
    """
    known = await load_source(tx, source)
    is_whole = mode is ImportMode.REPLACE
    headers = _check_archive(staff, columns, is_whole=is_whole) if staff else _keep_headers(known, columns)
    file = await asyncio.to_thread(RosterFile, path, headers)
    await tx.flush()
    staged = await stage(tx, file, source, await find_path(tx, organization_id))
    report.rows = staged.rows
    if staff is not None:
        staged.faults.extend(staff.faults)
        await keep_what_is_not_said(tx, staged)
    with _naming_columns(COLUMN_OF if staff else {}):
        hierarchy = await _check_rows(tx, staged, PEOPLE if force else (*PEOPLE, *DUPLICATES))
        if is_whole and not force:
            _check_plausible(staged.rows, _length_before(known, organization_id), *await count_leaving(tx, staged))
        plan = await _plan(tx, staged, hierarchy, is_whole=is_whole)
        report.total = plan.created + plan.changed + plan.left
        await _write_keeping_an_admin(tx, staged, plan, report)
    await staged.fetch(tx, DISCARD_PEOPLE)
    if is_whole:
        _remember_length(known, staged.rows, organization_id)
    report.unchanged = report.rows - report.created - report.changed
    known.imported_at = tx.now
    return report


def _keep_headers(known: RosterSource, columns: Mapping[str, str]) -> dict[str, str]:
    """Keep the headers that a file names for the next one. Return all that are kept, by field."""
    known.columns = {**known.columns, **columns}
    # The headers of organizations are kept with them.
    return {field: header for field, header in known.columns.items() if field in FIELDS}


def _length_before(known: RosterSource, organization_id: UUID | None) -> int:
    return known.rows if organization_id is None else known.scopes.get(str(organization_id), 0)


def _remember_length(known: RosterSource, rows: int, organization_id: UUID | None) -> None:
    """Keep how long a whole file was, to compare the next one with."""
    if organization_id is None:
        known.rows = rows
    else:
        known.scopes = {**known.scopes, str(organization_id): rows}


def _check_archive(staff: StaffReport, columns: Mapping[str, str], *, is_whole: bool) -> dict[str, str]:
    """Refuse what an archive cannot do. Return its headers: those of the fields themselves."""
    if staff.is_delta and is_whole:
        raise UnreadableFile("manifest.csv says that users.csv holds changes only (delta). Import it with mode merge.")
    if columns:
        raise UnreadableFile("The columns of OneRoster have fixed names. Name no others.")
    return {}


@contextmanager
def _naming_columns(names: Mapping[str, str]) -> Iterator[None]:
    """Let faults name the columns of the original file."""
    try:
        yield
    except Faulty as refused:
        raise Faulty([replace(one, field=names.get(one.field or "", one.field)) for one in refused.faults]) from None


async def load_source(tx: Tx, source: str) -> RosterSource:
    """Return what is known of a source, locked, so that its imports follow each other."""
    statement = text(
        "insert into roster_sources (tenant_id, source, columns, rows) values (:tenant_id, :source, '{}', 0) "
        "on conflict do nothing"
    )
    await tx.session.execute(statement, {"tenant_id": tx.tenant_id, "source": source})
    known = await tx.session.get(RosterSource, (tx.tenant_id, source), with_for_update=True)
    assert known is not None  # noqa: S101  # it was inserted at the latest just now
    return known


def _check_plausible(rows: int, before: int, known: int, leaving: int) -> None:
    if rows == 0:
        raise Suspicious("Nothing was imported: the file has no rows. If that is right, force the import.")
    if before and rows * 2 <= before:
        raise Suspicious(
            f"Nothing was imported: {rows} rows, {before} the last time. If that is right, force the import."
        )
    if leaving > known * MOST_LEAVERS:
        raise Suspicious(
            f"Nothing was imported: {leaving} of {known} active people would leave. If that is right, force the import."
        )


async def _check_rows(tx: Tx, staged: Staged, checks: Sequence[Check]) -> Hierarchy | None:
    """Return who manages whom after the import; None where the file does not say.

    Raises:
        Faulty: rows of the file are wrong.
    """
    hierarchy = await load_hierarchy(tx, staged) if "manager" in staged.fields else None
    faults = [] if hierarchy is None else await find_manager_faults(hierarchy)
    refuse([*staged.faults, *await find_faults(tx, staged, checks), *faults])
    return hierarchy


async def _plan(tx: Tx, staged: Staged, hierarchy: Hierarchy | None, *, is_whole: bool) -> Plan:
    """Find what the rows change, and in which order they are written.

    Raises:
        Faulty: days of a row do not fit the stored ones.
    """
    plan, faults = await plan_changes(tx, staged, is_whole=is_whole)
    refuse(faults)
    if hierarchy is None:
        await place_new(tx, staged)
    else:
        await hierarchy.store_order(tx, staged)
    return plan


def refuse(faults: Sequence[Fault]) -> None:
    """Refuse a file that has faults.

    Raises:
        Faulty: with the first faults, by line.
    """
    if faults:
        raise Faulty(sorted(faults, key=lambda fault: fault.line or 0)[:MOST_FAULTS])


async def _write_keeping_an_admin(tx: Tx, staged: Staged, plan: Plan, report: ImportReport) -> None:
    """Write what was planned.

    Raises:
        Faulty: the tenant would be left without an admin.
    """
    try:
        async with keep_an_admin_of(tx, staged):
            await _write(tx, staged, plan, report)
    except AdminsLeave as refused:
        raise Faulty(refused.faults) from None


async def _write(tx: Tx, staged: Staged, plan: Plan, report: ImportReport) -> None:
    for first in range(0, plan.created, BATCH):
        last = min(first + BATCH, plan.created)
        await add_people(tx, staged, first, last)
        report.created = last
        await report.progress(report)
    known = plan.changed + plan.left
    for first in range(0, known, BATCH):
        last = min(first + BATCH, known)
        await change_people(tx, staged, plan.created + first, plan.created + last)
        report.changed, report.left = min(last, plan.changed), max(0, last - plan.changed)
        await report.progress(report)


async def find_path(tx: Tx, organization_id: UUID | None) -> str:
    """Return the path of an organization, or of the root.

    Raises:
        NotFound: it was deleted.
    """
    is_wanted = col(OrganizationPlace.organization_id) == organization_id
    query = select(OrganizationPlace.path).where(
        col(OrganizationPlace.tenant_id) == tx.tenant_id,
        col(OrganizationPlace.depth) == 0 if organization_id is None else is_wanted,
    )
    path = await tx.session.scalar(query)
    if path is None:
        raise NotFound
    return path
