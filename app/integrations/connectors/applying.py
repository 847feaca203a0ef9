"""Write the people of a source: the rules are those of the upsert over the API, with the rights of the creator.

People are written in short transactions, each of which can be repeated. Nobody is deleted, and a person leaves only
where the source says so. Each transaction locks the people that it changes in the order of their ids, as imports do.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.db.statement import Read, Row
from app.db.transaction import Tx
from app.errors import AppError
from app.integrations.connectors.reading import Pulled, SourcePerson
from app.organizations.schemas import ExternalId
from app.people.errors import ManagerCycle, UnknownManager
from app.people.locking import lock_people
from app.people.models import EmploymentStatus
from app.people.schemas import PersonUpsert
from app.people.upsert_service import upsert

_CHUNK: Final = 50
_FAILED_STATUS: Final = 500
#: The columns that are compared, by the field of `SourcePerson`.
_COMPARED: Final = ("name", "email", "employee_number", "position", "department", "hired_on", "left_on")

_KNOWN = Read(
    text(
        """
        select x.external_id, p.id, p.organization_id, p.name, p.email, p.employee_number, p.position, p.department,
               p.hired_on, p.left_on, p.manager_id,
               case when not p.active then 'left' when p.on_leave then 'on_leave' else 'active' end as status
        from person_external_ids x join people p on p.tenant_id = x.tenant_id and p.id = x.person_id
        where x.tenant_id = :tenant_id and x.source = :source and x.external_id = any (:ids)
        """
    ).bindparams(bindparam("ids", type_=ARRAY(Text())))
)
_PLACES = Read(
    text(
        """
        select external_id, organization_id from organization_external_ids
        where tenant_id = :tenant_id and source = :source and external_id = any (:places)
        """
    ).bindparams(bindparam("places", type_=ARRAY(Text())))
)

Open = Callable[[], AbstractAsyncContextManager[Tx]]


class _Rehearsed(Exception):
    """Ends a transaction of a dry run, so that nothing of it is kept."""


@dataclass(slots=True)
class Applying:
    """One application of what was pulled.

    Attributes:
        open: provides a transaction with the rights of the creator.
        source: whose external ids the people have.
        default_id: the organization of new people whose place is not known.
        report: is called with the number of people that were looked at.
        counts: people, by what was done.
    """

    open: Open
    source: str
    default_id: UUID
    dry_run: bool
    report: Callable[[int], Awaitable[None]]
    counts: Counter[str] = field(default_factory=Counter)

    async def apply(self, pulled: Pulled) -> None:
        """Write all people, and then who manages whom: a manager may come later than the person."""
        done = 0
        for chunk in _chunks(pulled.people):
            await self._in_transaction(partial(self._write, people=chunk, pulled=pulled))
            done += len(chunk)
            await self.report(done)
        managed = {key: person for key, person in pulled.people.items() if "manager" in person.model_fields_set}
        # Two people may change places, so those who would be in a circle are tried again after the others.
        for is_last in (False, True):
            again: dict[str, SourcePerson] = {}
            for chunk in _chunks(managed):
                await self._in_transaction(
                    partial(self._set_managers, people=chunk, pulled=pulled, again=None if is_last else again)
                )
            managed = again

    async def _in_transaction(self, work: Callable[[Tx], Awaitable[None]]) -> None:
        try:
            async with self.open() as tx:
                await work(tx)
                if self.dry_run:
                    await tx.check_constraints()
                    raise _Rehearsed
        except _Rehearsed:
            pass

    async def _write(self, tx: Tx, people: Mapping[str, SourcePerson], pulled: Pulled) -> None:
        known = await self._find(tx, people)
        wanted = [person.place for person in people.values() if person.place]
        rows = await tx.fetch(_PLACES, tenant_id=tx.tenant_id, source=self.source, places=wanted)
        places = {row["external_id"]: UUID(int=row["organization_id"].int) for row in rows}
        # Only those who may have to change are locked.
        changing, new = [], []
        for external_id, person in people.items():
            row = known.get(external_id)
            if row is None:
                new.append(external_id)
            elif _differs(row, person, places.get(person.place or "") or row["organization_id"]):
                changing.append(external_id)
            else:
                self.counts["unchanged"] += 1
        known = await self._lock(tx, known, changing)
        for external_id in [*changing, *sorted(new)]:
            person, row = people[external_id], known.get(external_id)
            if row is None and person.status is EmploymentStatus.LEFT:
                # Nobody here has to do with them, so their data is not taken over.
                self.counts["ignored"] += 1
                continue
            place = places.get(person.place or "") or (self.default_id if row is None else row["organization_id"])
            if await self._upsert(tx, external_id, _to_fields(person, place), pulled):
                self.counts[_describe(row, person)] += 1

    async def _set_managers(
        self, tx: Tx, people: Mapping[str, SourcePerson], pulled: Pulled, again: dict[str, SourcePerson] | None
    ) -> None:
        """Set the managers of people who are known here.

        Args:
            again: gets those who would be in a circle; None: that is a fault.
        """
        known = await self._find(tx, {*people, *(person.manager for person in people.values() if person.manager)})
        changing = []
        for external_id, person in people.items():
            row = known.get(external_id)
            if row is None or (self.dry_run and person.manager in pulled.people):
                continue
            manager = known.get(person.manager or "")
            if person.manager and manager is None:
                pulled.refuse(external_id, UnknownManager())
            elif row["manager_id"] != (None if manager is None else manager["id"]):
                changing.append(external_id)
        managers = [people[one].manager for one in changing]
        known = await self._lock(tx, known, changing, [one for one in managers if one])
        for external_id in changing:
            person, row = people[external_id], known.get(external_id)
            if row is None:
                continue
            manager = known.get(person.manager or "")
            if person.manager and manager is None:
                # The person was merged or deleted meanwhile.
                pulled.refuse(external_id, UnknownManager())
                continue
            fields: dict[str, Any] = {"organization_id": row["organization_id"], "name": row["name"]}
            fields["manager_id"] = None if manager is None else manager["id"]
            await self._upsert(tx, external_id, fields, pulled, person=person, again=again)

    async def _lock(
        self, tx: Tx, known: Mapping[str, Row], changing: Sequence[str], managers: Sequence[str] = ()
    ) -> Mapping[str, Row]:
        """Lock people who are known, and return them as they are then.

        Args:
            changing: the external ids of those who change.
            managers: the external ids of those who become managers.
        """
        if not changing:
            return known
        ids = {key: [known[one]["id"] for one in named] for key, named in (("ids", changing), ("managers", managers))}
        await lock_people(tx, ids["ids"], managers=ids["managers"])
        return await self._find(tx, {*changing, *managers})

    async def _find(self, tx: Tx, external_ids: Iterable[str]) -> Mapping[str, Row]:
        rows = await tx.fetch(_KNOWN, tenant_id=tx.tenant_id, source=self.source, ids=list(external_ids))
        return {row["external_id"]: row for row in rows}

    async def _upsert(
        self,
        tx: Tx,
        external_id: str,
        fields: Mapping[str, Any],
        pulled: Pulled,
        *,
        person: SourcePerson | None = None,
        again: dict[str, SourcePerson] | None = None,
    ) -> bool:
        """Write one person. Return whether no rule refuses it; a person who is refused does not keep the others."""
        try:
            name = ExternalId(source=self.source, external_id=external_id)
            async with tx.savepoint():
                await upsert(tx, name, PersonUpsert(**fields))
        except ManagerCycle as refused:
            if again is None or person is None:
                pulled.refuse(external_id, refused)
            else:
                again[external_id] = person
        except ValidationError:
            pulled.add_error(external_id, "invalid", "The source's id of the person cannot be an external id")
        except AppError as refused:
            if refused.status >= _FAILED_STATUS:
                raise
            pulled.refuse(external_id, refused)
        else:
            return True
        return False


def _chunks(people: Mapping[str, SourcePerson]) -> Iterator[dict[str, SourcePerson]]:
    ids = list(people)
    for start in range(0, len(ids), _CHUNK):
        yield {external_id: people[external_id] for external_id in ids[start : start + _CHUNK]}


def _differs(row: Row, person: SourcePerson, place: UUID) -> bool:
    sent = person.model_fields_set
    if row["status"] != person.status or row["organization_id"] != place:
        return True
    return any(row[name] != getattr(person, name) for name in _COMPARED if name in sent)


def _to_fields(person: SourcePerson, place: UUID) -> dict[str, Any]:
    fields: dict[str, Any] = {"employment_status": person.status, "organization_id": place}
    fields |= {name: getattr(person, name) for name in _COMPARED if name in person.model_fields_set}
    return fields


def _describe(row: Row | None, person: SourcePerson) -> str:
    if row is None:
        return "created"
    return "left" if person.status is EmploymentStatus.LEFT and row["status"] != EmploymentStatus.LEFT else "changed"
