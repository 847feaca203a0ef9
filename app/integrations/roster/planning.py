"""What a roster changes: the difference between its rows and the people who are stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Boolean, Integer, bindparam, text

from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import AppError
from app.integrations.roster.files import FIELDS, Fault
from app.integrations.roster.staging import Staged
from app.people.employment import Settled, settle
from app.people.models import EmploymentStatus

_PAGE: Final = 500
#: The column of a person for each field of a file that has another name.
COLUMNS: Final = {"organization": "organization_id", "manager": "manager_id", "status": "employment_status"}
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
#: Fields that the rule of employment decides about.
_EMPLOYMENT: Final = "array['employment_status', 'hired_on', 'left_on']"
# Those who leave are not in the file, or it says so.
_COUNTS: Final = Read(
    text(
        """
        with known as (
            select p.id from people p
                join organization_places o on o.tenant_id = p.tenant_id and o.organization_id = p.organization_id
            where p.tenant_id = :tenant_id and p.active and o.path >= :path and o.path < :after_path and p.id in (
                select person_id from person_external_ids where tenant_id = :tenant_id and source = :source)
        )
        select count(*) as known,
               count(*) filter (where s.person_id is null or (:says_status and s.status = 'left')) as leaving
        from known k left join staged_people s on s.import_id = :import_id and s.person_id = k.id
        """
    ).bindparams(bindparam("says_status", type_=Boolean()))
)
_ADD_LEAVERS: Final = Read(
    text(
        """
        insert into staged_people (import_id, line, person_id, is_new, status, changed)
        select :import_id, -row_number() over (order by p.id), p.id, false, 'left', array['employment_status']
        from people p
            join organization_places o on o.tenant_id = p.tenant_id and o.organization_id = p.organization_id
        where p.tenant_id = :tenant_id and p.active and o.path >= :path and o.path < :after_path
          and p.id in (select person_id from person_external_ids where tenant_id = :tenant_id and source = :source)
          and not exists (select from staged_people s where s.import_id = :import_id and s.person_id = p.id)
        """
    )
)
_LOCK_LEAVERS: Final = Read(
    text(
        """
        select count(*) from (
            select id from people
            where tenant_id = :tenant_id
              and id in (select person_id from staged_people where import_id = :import_id and line < 0)
            order by id for update
        ) locked
        """
    )
)
# A person who left, moved or was merged while this waited for the lock stays as they are now.
_DROP_OVERTAKEN_LEAVERS: Final = Read(
    text(
        """
        delete from staged_people s using people p
        where s.import_id = :import_id and s.line < 0 and p.tenant_id = :tenant_id and p.id = s.person_id
          and not (p.active and exists (
              select from organization_places o
              where o.tenant_id = p.tenant_id and o.organization_id = p.organization_id
                and o.path >= :path and o.path < :after_path))
        """
    )
)
_UNSETTLED: Final = Read(
    text(
        f"""
        select s.line, s.status, s.changed, s.hired_on as hired, s.left_on as "left", p.active, p.on_leave, p.hired_on,
               p.left_on, p.employee_number, p.position, p.department
        from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
        where s.import_id = :import_id and not s.is_new and s.changed && {_EMPLOYMENT} and s.is_settled is null
        order by s.line limit {_PAGE}
        """  # noqa: S608  # constants of this module
    )
)
_SETTLE: Final = Read(
    text(
        """
        update staged_people s set
            active = r.active, on_leave = r.on_leave, hired_on = r.hired_on, left_on = r.left_on, turn = r.turn,
            is_former = r.is_former, is_settled = true
        from unnest(
            cast(:lines as integer[]), cast(:active as boolean[]), cast(:on_leave as boolean[]),
            cast(:hired_on as date[]), cast(:left_on as date[]), cast(:turns as text[]), cast(:former as boolean[])
        ) as r(line, active, on_leave, hired_on, left_on, turn, is_former)
        where s.import_id = :import_id and s.line = r.line
        """
    )
)
_PLACE_NEW: Final = Read(
    text(
        """
        update staged_people s set place = p.place from (
            select line, row_number() over (order by line) as place from staged_people
            where import_id = :import_id and is_new
        ) p where s.import_id = :import_id and s.line = p.line
        """
    )
)
_PLACE_CHANGED: Final = Read(
    text(
        """
        update staged_people s set place = :created + p.place from (
            select line, row_number() over (order by line < 0, line) as place
            from staged_people where import_id = :import_id and not is_new and changed is not null
        ) p where s.import_id = :import_id and s.line = p.line
        """
    ).bindparams(bindparam("created", type_=Integer()))
)
_SIZES: Final = Read(
    text(
        """
        select count(*) filter (where is_new) as created, count(*) filter (where not is_new and line > 0
            and changed is not null) as changed, count(*) filter (where line < 0) as "left"
        from staged_people where import_id = :import_id
        """
    )
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people an import writes.

    Attributes:
        created, changed, left: how many are new, differ, and leave because a whole file does not name them.
    """

    created: int
    changed: int
    left: int


@dataclass(slots=True)
class _Present:
    """What a person has of an employment."""

    active: bool
    on_leave: bool
    hired_on: Any
    left_on: Any
    employee_number: str | None
    position: str | None
    department: str | None


async def count_leaving(tx: Tx, staged: Staged) -> tuple[int, int]:
    """Return how many active people of the source there are, and how many of them a whole roster would end."""
    [counts] = await staged.fetch(tx, _COUNTS, says_status="status" in staged.fields)
    return counts["known"], counts["leaving"]


async def plan_changes(tx: Tx, staged: Staged, *, is_whole: bool) -> tuple[Plan, list[Fault]]:
    """Find what the staged rows change, and add a row for each person who leaves.

    Args:
        is_whole: the file names everybody of its source who works in its subtree.

    Returns:
        How many people are written, and the faults of rows whose days do not fit the stored ones.
    """
    # Everybody in a whole roster works there, unless it says more.
    returns = is_whole and "status" not in staged.fields
    await staged.fetch(tx, _find_differences(staged.fields, returns=returns))
    if is_whole:
        for statement in (_ADD_LEAVERS, _LOCK_LEAVERS, _DROP_OVERTAKEN_LEAVERS):
            await staged.fetch(tx, statement)
    faults: list[Fault] = []
    while rows := await staged.fetch(tx, _UNSETTLED):
        await _settle(tx, staged, rows, faults)
    [sizes] = await staged.fetch(tx, _SIZES)
    plan = Plan(sizes["created"], sizes["changed"], sizes["left"])
    await staged.fetch(tx, _PLACE_CHANGED, created=plan.created)
    return plan, faults


async def place_new(tx: Tx, staged: Staged) -> None:
    """Give new people places in the order of the lines, where the file names no managers."""
    await staged.fetch(tx, _PLACE_NEW)


def _find_differences(fields: frozenset[str], *, returns: bool) -> Read:
    """Return the statement that stores which fields of a known person differ."""
    wanted = {COLUMNS.get(name, name): _DIFFERS[name] for name in FIELDS if name in fields and name in _DIFFERS}
    if returns:
        wanted["employment_status"] = "not p.active"
    named = ", ".join(f"case when {differs} then '{column}' end" for column, differs in wanted.items())
    any_differs = " or ".join(f"({differs})" for differs in wanted.values())
    return Read(
        text(
            f"""
            update staged_people s set changed = array_remove(array[{named}], null)
            from people p
            where s.import_id = :import_id and not s.is_new and p.tenant_id = :tenant_id and p.id = s.person_id
              and ({any_differs})
            """  # noqa: S608  # conditions of this module
        )
    )


async def _settle(tx: Tx, staged: Staged, rows: Sequence[Row], faults: list[Fault]) -> None:
    """Store what the changes make of each employment."""
    settled: list[Settled] = []
    for row in rows:
        present = _Present(*(row[name] for name in _Present.__slots__))
        try:
            settled.append(settle(present, _changes(row, staged.fields)))
        except AppError as refused:
            faults.append(Fault(row["line"], None, refused.code, refused.title))
            settled.append(settle(present, {}))
    columns = {name: [one.fields[name] for one in settled] for name in ("active", "on_leave", "hired_on", "left_on")}
    await staged.fetch(
        tx,
        _SETTLE,
        lines=[row["line"] for row in rows],
        turns=[None if one.turn is None else one.turn.value for one in settled],
        former=[one.former is not None for one in settled],
        **columns,
    )


def _changes(row: Row, fields: frozenset[str]) -> dict[str, Any]:
    """Return what the row says of the employment, as somebody would send it who changes the person."""
    days = {"hired_on": row["hired"], "left_on": row["left"]}
    if "employment_status" not in row["changed"]:
        return {name: day for name, day in days.items() if name in row["changed"]}
    # The first day says whether somebody who comes back is hired again.
    known = days if row["line"] > 0 else {}
    return {
        "employment_status": EmploymentStatus(row["status"]),
        **{name: day for name, day in known.items() if name in fields},
    }
