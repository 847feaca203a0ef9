"""Write the people of a roster, a few thousand with one statement: rows, history, audit trail and events."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Integer, Text, Uuid, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.events.bulk import AUDIT, CHANGES, OUTBOX, VALUES, clock, fields, ordered_key
from app.events.changes import RECORDED
from app.integrations.roster.planning import COLUMNS
from app.integrations.roster.staging import Staged
from app.people.changes import PUBLIC
from app.people.leaving import SETTLED

#: People that one statement writes.
BATCH: Final = 1_000
_EMPLOYMENT: Final = ("active", "on_leave", "hired_on", "left_on")
#: What the audit trail speaks of.
_RECORDED: Final = sorted(RECORDED["people"].values | RECORDED["people"].personal)
#: What can happen to one person in one import, at most; action items share the last rank.
_RANKS: Final = 8
_AUDIT_ID: Final = ordered_key(f"cast(:clock as bigint) + (s.place - :first) * {_RANKS}")
_NEXT_AUDIT_ID: Final = ordered_key(f"cast(:clock as bigint) + b.n * {_RANKS} + rank")
_NEW: Final = tuple(name for name in _RECORDED if name != "merged_into_id")


def _compile(statement: str) -> Read:
    kinds: Mapping[str, Any] = {
        "tenant_id": Uuid(),
        "actor_id": Uuid(),
        "now": DateTime(timezone=True),
        "clock": BigInteger(),
        "first": Integer(),
        "last": Integer(),
        **dict.fromkeys(("actor_kind", "operation", "request_id", "source"), Text()),
    }
    return Read(text(statement).bindparams(*(bindparam(n, type_=k) for n, k in kinds.items() if f":{n}" in statement)))


_ADD: Final = _compile(
    f"""
    with batch as materialized (
        select (s.place - :first)::bigint as n, {_AUDIT_ID} as audit_id, s.person_id, s.external_id, s.name_key,
               {", ".join(f"s.{name}" for name in _NEW)}
        from staged_people s
        where s.import_id = :import_id and s.is_new and s.place > :first and s.place <= :last
    ), added as (
        insert into people (tenant_id, id, created_at, updated_at, version, name_key, {", ".join(_NEW)})
        select :tenant_id, person_id, :now, :now, 1, name_key, {", ".join(_NEW)} from batch order by n
    ), named as (
        insert into person_external_ids (tenant_id, source, external_id, person_id)
        select :tenant_id, :source, external_id, person_id from batch
    ), field as materialized (
        {
        fields(
            "people",
            None,
            lambda name: f"b.{name}" if name in _NEW else "null::uuid",
            "(2, 'external_id', true, null::text, to_json(b.external_id)::text)",
        )
    }
    ), change as ({CHANGES}), kept as ({VALUES}), happened as materialized (
        select n, 1::bigint as rank, b.audit_id, 'person.created' as action, 'person' as subject_type,
               b.person_id as subject_id, b.organization_id, '{{}}'::jsonb as data, c.changes
        from batch b left join change c using (n)
    ), audited as ({AUDIT})
    {OUTBOX}
    """  # noqa: S608  # names of columns
)


_PUBLIC: Final = ", ".join(f"'{name}'" for name in sorted(PUBLIC))
_SETTLED: Final = ", ".join(f"'{status}'" for status in sorted(SETTLED))
#: What the events of a change say, and what else happens with it: two common table expressions over ``batch``.
_CHANGE_HAPPENS: Final = f"""
named as (
    select n, jsonb_build_object('fields', jsonb_agg(field order by field)) as data from (
        select distinct n, case when sent in ({_PUBLIC}) then sent else 'details' end as field
        from batch cross join unnest(changed) as sent
    ) named group by n
), happened as materialized (
    select n, 1::bigint as rank, b.audit_id, 'person.updated' as action, 'person' as subject_type,
           b.person_id as subject_id, b.organization_id, d.data, c.changes
    from batch b join named d using (n) left join change c using (n)
    union all
    select b.n, rank, {_NEXT_AUDIT_ID}, action, 'person', b.person_id, more.home_id, '{{}}'::jsonb, null
    from batch b cross join lateral (values
        -- For those who read the former organization and not the new one.
        (2, 'person.moved_away', b.old_organization_id, b.organization_id <> b.old_organization_id),
        (3, 'person.rehired', b.organization_id, b.turn = 'rehired'),
        (4, 'person.left', b.organization_id, b.turn = 'left')
    ) as more(rank, action, home_id, happens)
    where happens
    union all
    select b.n, 4 + row_number() over (partition by b.n order by i.id), {_NEXT_AUDIT_ID.replace("rank", "5")},
           'action_item.owner_left', 'action_item', i.id, i.organization_id,
           jsonb_build_object('person_id', b.person_id), null
    from batch b join action_items i on i.tenant_id = :tenant_id and i.owner_id = b.person_id
    where b.turn = 'left' and i.status not in ({_SETTLED})
)
"""  # noqa: S608  # names of columns


@lru_cache(64)
def _change(present: frozenset[str]) -> Read:
    """Return the statement that changes known people.

    Args:
        present: the fields that the file has.
    """
    columns = {COLUMNS.get(name, name) for name in present}

    def wanted(name: str) -> str:
        if name in _EMPLOYMENT:
            return f"case when s.is_settled then s.{name} else p.{name} end"
        of_file = {"name_key": "name"}.get(name, name) in columns
        return f"case when s.line > 0 then s.{name} else p.{name} end" if of_file else f"p.{name}"

    changed = [*_NEW, "name_key"]
    return _compile(
        f"""
        with batch as materialized (
            select (s.place - :first)::bigint as n, {_AUDIT_ID} as audit_id, s.person_id, s.changed, s.turn,
                   s.is_former, p.merged_into_id,
                   {", ".join(f"p.{name} as old_{name}, {wanted(name)} as {name}" for name in changed)}
            from staged_people s join people p on p.tenant_id = :tenant_id and p.id = s.person_id
            where s.import_id = :import_id and not s.is_new and s.place > :first and s.place <= :last
        ), updated as (
            update people p set version = p.version + 1,
                   updated_at = greatest(:now, p.updated_at + interval '1 microsecond'),
                   {", ".join(f"{name} = b.{name}" for name in changed)}
            from batch b where p.tenant_id = :tenant_id and p.id = b.person_id
        ), former as (
            insert into former_employments (
                tenant_id, id, created_at, person_id, employee_number, position, department, hired_on, left_on
            )
            select :tenant_id, {ordered_key("cast(:clock as bigint) + n")}, :now, person_id, old_employee_number,
                   old_position, old_department, old_hired_on, old_left_on
            from batch where is_former
        ), field as materialized (
            {fields("people", lambda name: f"b.old_{name}" if name in _NEW else f"b.{name}", lambda name: f"b.{name}")}
        ), change as ({CHANGES}), kept as ({VALUES}), {_CHANGE_HAPPENS}, audited as ({AUDIT})
        {OUTBOX}
        """  # noqa: S608  # names of columns
    )


async def add_people(tx: Tx, staged: Staged, first: int, last: int) -> None:
    """Add the new people whose places are after ``first`` and up to ``last``."""
    # A connection keeps the plans of its checks of foreign keys. Those that were made while the table was nearly empty
    # read all people of the tenant for each one who is added, so they are made anew as the table grows.
    await tx.connection.raw.execute("discard plans")
    await _write(tx, staged, _ADD, first, last)


async def change_people(tx: Tx, staged: Staged, first: int, last: int) -> None:
    """Change the known people whose places are after ``first`` and up to ``last``."""
    await _write(tx, staged, _change(staged.fields), first, last)


async def _write(tx: Tx, staged: Staged, statement: Read, first: int, last: int) -> None:
    tx.events_recorded = True
    await staged.fetch(
        tx,
        statement,
        first=first,
        last=last,
        clock=clock(),
        now=tx.now,
        actor_id=tx.principal.id,
        actor_kind=tx.principal.kind,
        operation=tx.operation,
        request_id=tx.request_id,
    )
