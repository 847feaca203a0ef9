"""The managers that a roster names: nobody manages themselves, and a manager is added before those they manage.

People are numbered: those of the file in the order of its lines, then those above them whom the file does not name. So
a large roster takes a few bytes a person here.
"""

import asyncio
from array import array
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import text

from app.db.statement import Read
from app.db.transaction import Tx
from app.integrations.roster.files import Fault
from app.integrations.roster.staging import Staged

_NOBODY: Final = -1
_UNKNOWN, _WALKED = -1, -2
_PAGE: Final = 2_000
_NUMBERED: Final = """
    with numbered as materialized (
        select line, person_id, manager_id, is_new, (row_number() over (order by line))::integer - 1 as number
        from staged_people where import_id = :import_id
    )
"""
_EDGES: Final = Read(
    text(
        f"""
        {_NUMBERED}
        select s.line, s.is_new, m.number as above, case when m.number is null then s.manager_id end as outside
        from numbered s left join numbered m on m.person_id = s.manager_id
        order by s.number
        """  # noqa: S608  # text of this module
    )
)
_NUMBERS: Final = Read(
    text(f"{_NUMBERED} select person_id, number from numbered where person_id = any(cast(:ids as uuid[]))")  # noqa: S608
)
# Nobody gets another manager before the commit.
_LOCK_MANAGERS: Final = Read(
    text(
        """
        select id, manager_id from people where tenant_id = :tenant_id and id = any(cast(:ids as uuid[]))
        order by id for share
        """
    )
)
_PLACE: Final = Read(
    text(
        """
        update staged_people s set place = p.place
        from unnest(cast(:lines as integer[]), cast(:places as integer[])) as p(line, place)
        where s.import_id = :import_id and s.line = p.line
        """
    )
)


class Hierarchy:
    """Who manages whom after the import.

    Attributes:
        lines: the line of each person of the file.
        new: whether each of them is new.
        above: the number of the manager of each person; -1: nobody.
    """

    def __init__(self) -> None:
        self.lines = array("i")
        self.new = bytearray()
        self.above = array("i")
        self._depths = array("i")

    async def find_cycles(self) -> list[int]:
        """Return the lines of those who would manage themselves, directly or through others."""
        self._depths = array("i", [_UNKNOWN]) * len(self.above)
        found: list[int] = []
        for first in range(len(self.lines)):
            if first % _PAGE == 0:
                await asyncio.sleep(0)
            walked: list[int] = []
            at = first
            while at != _NOBODY and self._depths[at] == _UNKNOWN:
                self._depths[at] = _WALKED
                walked.append(at)
                at = self.above[at]
            if at != _NOBODY and self._depths[at] == _WALKED:
                found += [self.lines[one] for one in walked[walked.index(at) :] if one < len(self.lines)]
            depth = 0 if at == _NOBODY else max(0, self._depths[at] + 1)
            for one in reversed(walked):
                self._depths[one] = depth
                depth += 1
        return sorted(found)

    async def store_order(self, tx: Tx, staged: Staged) -> None:
        """Give the new people their places, each one's manager before."""
        new = [number for number, is_new in enumerate(self.new) if is_new]
        new.sort(key=self._depths.__getitem__)
        for start in range(0, len(new), _PAGE):
            lines = [self.lines[number] for number in new[start : start + _PAGE]]
            places = list(range(start + 1, start + len(lines) + 1))
            await staged.fetch(tx, _PLACE, lines=lines, places=places)


async def load_hierarchy(tx: Tx, staged: Staged) -> Hierarchy:
    """Return who manages whom after the import. People above whom the file does not name keep their managers."""
    found = Hierarchy()
    outside: dict[UUID, list[int]] = {}
    arguments = _EDGES.arguments({"import_id": staged.id})
    async for row in tx.connection.raw.cursor(_EDGES.sql, *arguments, prefetch=_PAGE):
        if row["outside"] is not None:
            outside.setdefault(row["outside"], []).append(len(found.above))
        found.lines.append(row["line"])
        found.new.append(row["is_new"])
        found.above.append(_NOBODY if row["above"] is None else row["above"])
    managers = await _lock_above(tx, outside)
    numbers = await _number(tx, staged, managers, first=len(found.lines))
    for outside_id, people in outside.items():
        for number in people:
            found.above[number] = numbers[outside_id]
    for person_id, manager_id in managers.items():
        if numbers[person_id] >= len(found.lines):
            found.above.append(_NOBODY if manager_id is None else numbers[manager_id])
    return found


async def _lock_above(tx: Tx, first: Iterable[UUID]) -> dict[UUID, UUID | None]:
    """Return the managers of these people and of everybody above them, level by level."""
    found: dict[UUID, UUID | None] = {}
    level = set(first)
    while level:
        rows = await tx.fetch(_LOCK_MANAGERS, tenant_id=tx.tenant_id, ids=sorted(level))
        found.update((row["id"], row["manager_id"]) for row in rows)
        level = {row["manager_id"] for row in rows if row["manager_id"] is not None} - found.keys()
    return found


async def _number(tx: Tx, staged: Staged, people: Iterable[UUID], *, first: int) -> dict[UUID, int]:
    """Number people from ``first`` on; who is in the file has a number already."""
    ids = list(people)
    if not ids:
        return {}
    numbers = {row["person_id"]: row["number"] for row in await staged.fetch(tx, _NUMBERS, ids=ids)}
    for person_id in ids:
        if person_id not in numbers:
            numbers[person_id] = first
            first += 1
    return numbers


async def find_manager_faults(hierarchy: Hierarchy) -> list[Fault]:
    """Return the faults of those who would manage themselves."""
    return [
        Fault(line, "manager", "manager_cycle", "The person manages themselves, directly or through others")
        for line in await hierarchy.find_cycles()
    ]
