"""Bring people in step with a roster: the whole file, or nothing of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, Uuid, bindparam, text
from sqlmodel import col, select

from app.db.row_changes import forget_rows
from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import AppError, OperatorError
from app.events.record import record_event
from app.integrations.roster.files import FIELDS, Fault, RosterFile
from app.integrations.roster.models import RosterSource
from app.integrations.roster.staging import MOST_FAULTS, stage
from app.people.changes import apply_change
from app.people.employment import settle, status_of
from app.people.models import EmploymentStatus, Person, PersonExternalId
from app.text import search_key

#: A whole roster may end this share of the employments it knew.
MOST_LEAVERS: Final = 0.10
_CHUNK: Final = 50
_PAGE: Final = 1_000
#: The column of a person for each field of a file that has another name.
_COLUMN: Final = {"organization": "organization_id", "manager": "manager_id", "status": "employment_status"}
_DIFFERS: Final = {
    "name": "s.name <> p.name",
    "organization": "s.organization_id <> p.organization_id",
    "email": "s.email is distinct from p.email",
    "employee_number": "s.employee_number is distinct from p.employee_number",
    "position": "s.position is distinct from p.position",
    "department": "s.department is distinct from p.department",
    "manager": "s.manager_id is distinct from p.manager_id",
    "status": "s.status <> case when not p.active then 'left' when p.on_leave then 'on_leave' else 'active' end",
    "hired_on": "s.hired_on is distinct from p.hired_on",
    "left_on": "s.left_on is distinct from p.left_on",
}
# Those who leave are not in the file, or it says so.
_COUNTS = Read(
    text(
        """
        select count(*) as known, count(*) filter (where not exists (
            select from staged_people s where s.person_id = p.id and not (:says_status and s.status = 'left')
        )) as leaving
        from people p where p.tenant_id = :tenant_id and p.active and exists (
            select from person_external_ids x
            where x.tenant_id = p.tenant_id and x.person_id = p.id and x.source = :source)
        """
    ).bindparams(bindparam("says_status", type_=Boolean()))
)
_LEAVING = Read(
    text(
        """
        select p.id from people p where p.tenant_id = :tenant_id and p.active and exists (
            select from person_external_ids x
            where x.tenant_id = p.tenant_id and x.person_id = p.id and x.source = :source)
        and not exists (select from staged_people s where s.person_id = p.id) order by p.id
        """
    )
)
_NEW = Read(text("select * from staged_people where is_new and line > :after order by line limit :most"))
_SET_MANAGERS = Read(
    text(
        """
        update people p set manager_id = s.manager_id from staged_people s
        where s.is_new and s.manager_id is not null and p.tenant_id = :tenant_id and p.id = s.person_id
        """
    )
)


class ImportMode(StrEnum):
    """What a roster says of people whom it does not name."""

    MERGE = "merge"
    REPLACE = "replace"


class Faulty(OperatorError):
    """The file was refused because of its rows, and nothing was changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = " or more" if len(faults) == MOST_FAULTS else ""
        super().__init__(f"Nothing was imported: {len(faults)} faults{more}.")
        self.faults = faults


class Suspicious(OperatorError):
    """The file would end too many employments to be believed."""


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        rows: rows of the file.
        created, changed, left, unchanged: people.
        progress: is called after each part.
    """

    rows: int = 0
    created: int = 0
    changed: int = 0
    left: int = 0
    unchanged: int = 0
    progress: Callable[["ImportReport"], None] = field(default=lambda _report: None, repr=False)


async def import_people(
    tx: Tx,
    path: Path,
    *,
    source: str,
    columns: Mapping[str, str],
    mode: ImportMode,
    force: bool,
    report: ImportReport,
) -> ImportReport:
    """Bring the people of a source in step with a file.

    Args:
        source: whose external ids the file has.
        columns: the header of each field that has another name; kept for the next file of the source.
        mode: with ``replace``, active people of the source who are not in the file leave.
        force: believe a whole roster that is empty, at most half as long as the last one, or ends many employments.
        report: is filled in, and told about the progress.

    Raises:
        UnreadableFile: the file is not well-formed.
        Faulty: rows of it are wrong.
        Suspicious: it would end too many employments, and ``force`` was not asked for.
    """
    known = await _load_source(tx, source)
    known.columns = {**known.columns, **columns}
    file = RosterFile(path, known.columns)
    report.rows, faults = await stage(tx, file, source)
    if faults:
        raise Faulty(sorted(faults, key=lambda fault: fault.line or 0)[:MOST_FAULTS])
    is_whole = mode is ImportMode.REPLACE
    if is_whole:
        says_status = "status" in file.fields
        counts = await tx.fetch_one(_COUNTS, tenant_id=tx.tenant_id, source=source, says_status=says_status)
        assert counts is not None  # noqa: S101  # an aggregate has one row
        if not force:
            _check_plausible(report.rows, known.rows, counts["leaving"], counts["known"])
        known.rows = report.rows
    await _create(tx, source, report)
    await _change(tx, file.fields, report, is_whole=is_whole)
    if is_whole:
        await _end(tx, source, report)
    report.unchanged = report.rows - report.created - report.changed
    known.imported_at = tx.now
    return report


async def _load_source(tx: Tx, source: str) -> RosterSource:
    """Return what is known of a source, locked, so that its imports follow each other."""
    statement = text(
        "insert into roster_sources (tenant_id, source, columns, rows) values (:tenant_id, :source, '{}', 0) "
        "on conflict do nothing"
    )
    await tx.session.execute(statement, {"tenant_id": tx.tenant_id, "source": source})
    known = await tx.session.get(RosterSource, (tx.tenant_id, source), with_for_update=True)
    assert known is not None  # noqa: S101  # it was inserted at the latest just now
    return known


def _check_plausible(rows: int, before: int, leaving: int, known: int) -> None:
    if rows == 0:
        raise Suspicious("Nothing was imported: the file has no rows. If that is right, use --force.")
    if before and rows * 2 <= before:
        raise Suspicious(f"Nothing was imported: {rows} rows, {before} the last time. If that is right, use --force.")
    if leaving > known * MOST_LEAVERS:
        raise Suspicious(
            f"Nothing was imported: {leaving} of {known} active people would leave. If that is right, use --force."
        )


async def _create(tx: Tx, source: str, report: ImportReport) -> None:
    after = 0
    while rows := await tx.fetch(_NEW, after=after, most=_PAGE):
        for row in rows:
            _add(tx, source, row)
            report.created += 1
            if report.created % _CHUNK == 0:
                await _advance(tx, report)
        after = rows[-1]["line"]
    await _advance(tx, report)
    # A manager may stand further down in the file.
    await tx.fetch(_SET_MANAGERS, tenant_id=tx.tenant_id)


def _add(tx: Tx, source: str, row: Row) -> None:
    days = {name: row[name] for name in ("hired_on", "left_on")}
    settled = settle(None, {"employment_status": row["status"], **days})
    tx.insert(
        Person,
        id=row["person_id"],
        organization_id=row["organization_id"],
        name=row["name"],
        name_key=search_key(row["name"]),
        **{name: row[name] for name in ("email", "employee_number", "position", "department")},
        **settled.fields,
    )
    tx.insert(
        PersonExternalId,  # type: ignore[arg-type]  # it has a tenant, which is what counts here
        source=source,
        external_id=row["external_id"],
        person_id=row["person_id"],
    )
    record_event(tx, "person.created", row["person_id"], organization_id=row["organization_id"])


async def _change(tx: Tx, fields: frozenset[str], report: ImportReport, *, is_whole: bool) -> None:
    conditions = [_DIFFERS[name] for name in FIELDS if name in fields and name in _DIFFERS]
    # Whoever is in a whole roster works there, unless it says more.
    returns = is_whole and "status" not in fields
    differs = " or ".join([*conditions, *(["not p.active"] if returns else [])])
    query = Read(
        text(
            f"""
            select s.* from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
            where not s.is_new and s.person_id > :after and ({differs}) order by s.person_id limit {_CHUNK}
            """  # noqa: S608  # conditions of this module
        ).bindparams(bindparam("after", type_=Uuid()))
    )
    after = UUID(int=0)
    while rows := await tx.fetch(query, tenant_id=tx.tenant_id, after=after):
        people = await _lock(tx, [row["person_id"] for row in rows])
        for row in rows:
            person = people[row["person_id"]]
            try:
                await apply_change(tx, person, _differing(person, row, fields, returns=returns))
            except AppError as refused:
                raise Faulty([Fault(row["line"], None, refused.code, refused.title)]) from None
        report.changed += len(rows)
        after = rows[-1]["person_id"]
        await _advance(tx, report)


def _differing(person: Person, row: Row, fields: frozenset[str], *, returns: bool) -> dict[str, Any]:
    named = {_COLUMN.get(name, name) for name in fields & _DIFFERS.keys() - {"status"}}
    changes = {name: row[name] for name in named if getattr(person, name) != row[name]}
    status = row["status"] if "status" in fields else None
    if returns and not person.active:
        status = EmploymentStatus.ACTIVE
    if status is not None and status != status_of(person):
        changes["employment_status"] = EmploymentStatus(status)
        # The first day says whether somebody who comes back is hired again.
        changes |= {name: row[name] for name in ("hired_on", "left_on") if name in named}
    return changes


async def _end(tx: Tx, source: str, report: ImportReport) -> None:
    ids = [row["id"] for row in await tx.fetch(_LEAVING, tenant_id=tx.tenant_id, source=source)]
    for start in range(0, len(ids), _CHUNK):
        people = await _lock(tx, ids[start : start + _CHUNK])
        for person in people.values():
            await apply_change(tx, person, {"employment_status": EmploymentStatus.LEFT})
        report.left += len(people)
        await _advance(tx, report)


async def _lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Person]:
    query = select(Person).where(col(Person.tenant_id) == tx.tenant_id, col(Person.id).in_(ids))
    found = await tx.session.execute(query.order_by(col(Person.id)).with_for_update())
    return {person.id: person for person in found.scalars()}


async def _advance(tx: Tx, report: ImportReport) -> None:
    """Send what was done so far, and forget it: a large roster takes no more memory than a small one."""
    await tx.flush()
    session = tx.session.sync_session
    for row in [row for row in session.identity_map.values() if isinstance(row, Person)]:
        session.expunge(row)
    forget_rows(session)
    report.progress(report)
