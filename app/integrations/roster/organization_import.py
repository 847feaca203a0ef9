"""Bring the organization tree in step with a file: the whole file, or nothing of it.

Each organization that differs takes the way of an upsert over the API, so the rules are the same. A file of a state has
some thousand rows, and most nights few of them differ.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import text

from app.db.row_changes import forget_rows
from app.db.statement import Read, Row
from app.db.transaction import Preconditions, Tx
from app.errors import AppError
from app.integrations.roster.files import Fault, RosterFile, UnreadableFile
from app.integrations.roster.import_service import Faulty, ImportMode, ImportReport, Suspicious, load_source
from app.integrations.roster.organization_order import order_rows
from app.integrations.roster.rows import as_word, check_cells
from app.integrations.roster.staging import MOST_FAULTS
from app.organizations.schemas import ExternalId, OrganizationStatus, OrganizationTransition, OrganizationUpsert
from app.organizations.service import transition
from app.organizations.upsert_service import upsert
from app.schemas import Name, TimeZone
from app.tree.models import Organization, OrganizationKind
from app.tree.places import lock_places

FIELDS: Final = ("external_id", "name", "kind", "parent", "timezone", "staff_count")
#: A whole file may archive this share of the active organizations of its source.
MOST_ARCHIVED: Final = 0.10
MOST_ROWS: Final = 50_000
_REQUIRED: Final = frozenset({"external_id", "name", "kind"})
#: Marks the headers of these files among those that are kept for a source.
_PREFIX: Final = "organizations."
_CHUNK: Final = 50
_PRESENT: Final = Read(
    text(
        """
        select x.external_id, o.id, o.parent_id, o.kind, o.name, o.staff_count, o.timezone,
               o.archived_at is not null as is_archived
        from organization_external_ids x
            join organizations o on o.tenant_id = x.tenant_id and o.id = x.organization_id
        where x.tenant_id = :tenant_id and x.source = :source
        order by x.external_id
        """
    )
)
_ARCHIVED_ABOVE: Final = Read(
    text(
        """
        select x.external_id from organization_external_ids x
            join organization_places p on p.tenant_id = x.tenant_id and p.organization_id = x.organization_id
        where x.tenant_id = :tenant_id and x.source = :source and p.archived_by_id = any(cast(:ids as uuid[]))
        """
    )
)


class OrganizationRow(BaseModel):
    """One organization of a file. A blank parent is the root; a blank time zone leaves it as it is."""

    model_config = ConfigDict(extra="forbid")

    external_id: Name
    name: Name
    kind: Annotated[OrganizationKind, BeforeValidator(as_word)]
    parent: Name | None = None
    timezone: TimeZone | None = None
    staff_count: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file and what is stored of its source.

    Attributes:
        rows: the line and the row of each external id.
        present: what is stored, by external id.
        root_id: the organization above those without a parent.
    """

    source: str
    fields: frozenset[str]
    rows: dict[str, tuple[int, OrganizationRow]]
    present: Mapping[str, Row]
    root_id: UUID

    def parent_of(self, external_id: str) -> UUID | ExternalId | None:
        """Return the parent that a row asks for; None: the organization is the root."""
        _, row = self.rows[external_id]
        present = self.present.get(external_id)
        if present is not None and (present["parent_id"] is None or "parent" not in self.fields):
            return UUID(int=present["parent_id"].int) if present["parent_id"] else None
        return self.root_id if row.parent is None else ExternalId(source=self.source, external_id=row.parent)


async def import_organizations(
    tx: Tx,
    path: Path,
    *,
    root_id: UUID,
    source: str,
    columns: Mapping[str, str],
    mode: ImportMode,
    force: bool,
    report: ImportReport,
) -> ImportReport:
    """Bring the organizations of a source in step with a file.

    Args:
        root_id: where organizations without a parent belong.
        source: whose external ids the file has.
        columns: the header of each field that has another name; kept for the next file of the source.
        mode: with ``replace``, organizations of the source that are not in the file are archived, and archived ones
            that are in it are restored. Nothing is deleted.
        force: believe a whole file that is empty or archives many.
        report: is filled in; ``left`` counts the archived organizations.

    Raises:
        UnreadableFile: the file is not well-formed, or has more than 50,000 rows.
        Faulty: rows of it are wrong, or break a rule of the tree.
        Suspicious: it would archive too many organizations, and ``force`` was not asked for.
    """
    known = await load_source(tx, source)
    known.columns = {**known.columns, **{_PREFIX + field: header for field, header in columns.items()}}
    headers = {name.removeprefix(_PREFIX): one for name, one in known.columns.items() if name.startswith(_PREFIX)}
    table = await asyncio.to_thread(RosterFile, path, headers, known=FIELDS, required=_REQUIRED)
    # The tree stays as it is but for this import.
    await lock_places(tx)
    present = {row["external_id"]: row for row in await tx.fetch(_PRESENT, tenant_id=tx.tenant_id, source=source)}
    file = _File(source, table.fields, _read(table, present, report), present, root_id)
    missing = _find_missing(file) if mode is ImportMode.REPLACE else []
    if mode is ImportMode.REPLACE and not force:
        _check_plausible(file, missing)
    order = order_rows({name: row.parent for name, (_, row) in file.rows.items()})
    _refuse(Fault(file.rows[name][0], "parent", "organization_cycle", _CYCLE) for name in order.circular)
    restored = await _restore(tx, file, order.names) if mode is ImportMode.REPLACE else set()
    await _write(tx, file, order.names, restored, report)
    await _archive(tx, file, missing, report)
    report.unchanged = report.rows - report.created - report.changed
    known.imported_at = tx.now
    return report


_CYCLE: Final = "The organization would lie below itself"


def _read(
    table: RosterFile, present: Mapping[str, Row], report: ImportReport
) -> dict[str, tuple[int, OrganizationRow]]:
    rows: dict[str, tuple[int, OrganizationRow]] = {}
    faults: list[Fault] = []
    for cells in table.rows():
        report.rows += 1
        if report.rows > MOST_ROWS:
            raise UnreadableFile(f"The file has more than {MOST_ROWS} rows.")
        row = check_cells(cells, OrganizationRow)
        if not isinstance(row, OrganizationRow):
            faults += row
        elif row.external_id in rows:
            message = "An earlier row has the same external id"
            faults.append(Fault(cells.line, "external_id", "repeated_external_id", message))
        else:
            rows[row.external_id] = (cells.line, row)
    for line, row in rows.values():
        if row.parent is not None and row.parent not in rows and row.parent not in present:
            message = "No organization in the file or of this source has this external id"
            faults.append(Fault(line, "parent", "unknown_organization", message))
    _refuse(faults)
    return rows


def _refuse(faults: Any) -> None:
    found: Sequence[Fault] = sorted(faults, key=lambda fault: fault.line or 0)[:MOST_FAULTS]
    if found:
        raise Faulty(found)


def _find_missing(file: _File) -> list[Row]:
    """Return the active organizations of the source that the file does not name, without the root."""
    return [
        row
        for name, row in file.present.items()
        if name not in file.rows and not row["is_archived"] and row["parent_id"] is not None
    ]


def _check_plausible(file: _File, missing: Sequence[Row]) -> None:
    if not file.rows:
        raise Suspicious("Nothing was imported: the file has no rows. If that is right, use --force.")
    active = sum(not row["is_archived"] for row in file.present.values())
    if len(missing) > active * MOST_ARCHIVED:
        raise Suspicious(
            f"Nothing was imported: {len(missing)} of {active} active organizations would be archived. "
            "If that is right, use --force."
        )


async def _write(tx: Tx, file: _File, names: Sequence[str], restored: set[str], report: ImportReport) -> None:
    for name in names:
        present = file.present.get(name)
        if present is not None and not _differs(file, name, present):
            report.changed += name in restored
            continue
        await _upsert(tx, file, name)
        report.created += present is None
        report.changed += present is not None
        if (report.created + report.changed) % _CHUNK == 0:
            await _advance(tx, report)
    await _advance(tx, report)


def _differs(file: _File, name: str, present: Row) -> bool:
    _, row = file.rows[name]
    if (row.name, row.kind.value) != (present["name"], present["kind"]):
        return True
    if "staff_count" in file.fields and row.staff_count != present["staff_count"]:
        return True
    if row.timezone is not None and row.timezone != present["timezone"]:
        return True
    parent = file.parent_of(name)
    if isinstance(parent, ExternalId):
        known = file.present.get(parent.external_id)
        parent = None if known is None else known["id"]
    return bool(parent != present["parent_id"])


async def _upsert(tx: Tx, file: _File, name: str) -> None:
    line, row = file.rows[name]
    parent = file.parent_of(name)
    if parent is None:
        raise Faulty([Fault(line, None, "root_organization", "The root is changed over the API, not by a file")])
    where = {"parent" if isinstance(parent, ExternalId) else "parent_id": parent}
    sent = {"staff_count": row.staff_count} if "staff_count" in file.fields else {}
    body = OrganizationUpsert(name=row.name, kind=row.kind, timezone=row.timezone, **where, **sent)
    try:
        # Cached rights end within a second.
        await upsert(tx, ExternalId(source=file.source, external_id=name), body, invalidate=lambda: None)
    except AppError as refused:
        raise Faulty([Fault(line, None, refused.code, refused.title)]) from None


async def _restore(tx: Tx, file: _File, names: Sequence[str]) -> set[str]:
    archived = [name for name in names if name in file.present and file.present[name]["is_archived"]]
    for name in archived:
        await _transition(tx, file.present[name]["id"], OrganizationStatus.ACTIVE, "It is in the file again.")
    return set(archived)


async def _archive(tx: Tx, file: _File, missing: Sequence[Row], report: ImportReport) -> None:
    for row in missing:
        await _transition(tx, row["id"], OrganizationStatus.ARCHIVED, "It is not in the file.")
        report.left += 1
    await _advance(tx, report)
    ids = [row["id"] for row in missing]
    found = await tx.fetch(_ARCHIVED_ABOVE, tenant_id=tx.tenant_id, source=file.source, ids=ids)
    message = "An organization above it is not in the file and would be archived"
    names = [row["external_id"] for row in found if row["external_id"] in file.rows]
    _refuse(Fault(file.rows[name][0], "parent", "organization_archived", message) for name in names)


async def _transition(tx: Tx, organization_id: UUID, to: OrganizationStatus, reason: str) -> None:
    before, tx.preconditions = tx.preconditions, Preconditions(has_if_match=True)
    try:
        await transition(tx, organization_id, OrganizationTransition(to=to, reason=reason))
    finally:
        tx.preconditions = before


async def _advance(tx: Tx, report: ImportReport) -> None:
    """Send what was done so far, and forget it: a large file takes little memory."""
    await tx.flush()
    session = tx.session.sync_session
    for row in [row for row in session.identity_map.values() if isinstance(row, Organization)]:
        session.expunge(row)
    forget_rows(session)
    await report.progress(report)
