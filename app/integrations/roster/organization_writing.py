"""Write the organizations of a file, many with one statement: rows, places, moves, audit trail and events.

Each kind of change is a step, so that what follows the changes reads them in an order that is possible: first what is
restored, then what is new, what changes or moves, and what is archived. In a step a parent comes before its children.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_jsonable_python
from sqlalchemy import BigInteger, Date, DateTime, Integer, Text, Uuid, bindparam, text

from app.db.statement import Read
from app.db.transaction import Tx
from app.events.bulk import AUDIT, CHANGES, OUTBOX, clock, fields, ordered_key
from app.events.changes import RECORDED
from app.integrations.roster.import_service import ImportReport
from app.integrations.roster.organization_planning import Plan
from app.integrations.roster.staging import Staged
from app.tree.history import tree_day

#: Organizations that one statement writes.
_BATCH: Final = 1_000
_KEY_BITS: Final = 12
_RECORDED: Final = sorted(RECORDED["organizations"].values)
_FIELDS: Final = ("kind", "name", "staff_count", "timezone")
_NEW: Final = ("parent_id", *_FIELDS)
# A step writes at most three audit rows of one organization.
_NUMBER: Final = "cast(:clock as bigint) + (s.place - :first) * 4"
_NEXT_AUDIT_ID: Final = ordered_key("cast(:clock as bigint) + b.n * 2 + rank")
_LATER: Final = "greatest(:now, o.updated_at + interval '1 microsecond')"
#: An instant in the form that the audit trail has of other changes.
_INSTANT: Final = (
    "replace(to_char(o.archived_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') || 'Z', '.000000Z', 'Z')"
)


def _compile(statement: str) -> Read:
    kinds: Mapping[str, Any] = {
        "tenant_id": Uuid(),
        "actor_id": Uuid(),
        "now": DateTime(timezone=True),
        "day": Date(),
        "clock": BigInteger(),
        "first": Integer(),
        "last": Integer(),
        **dict.fromkeys(("actor_kind", "actor_name", "operation", "request_id", "source", "instant"), Text()),
    }
    return Read(text(statement).bindparams(*(bindparam(n, type_=k) for n, k in kinds.items() if f":{n}" in statement)))


def _recorded(before: Callable[[str], str] | None, after: Callable[[str], str]) -> str:
    """Return the common table expressions of what the audit trail says of the rows of ``batch``."""
    return f"field as materialized ({fields('organizations', before, after)}), change as ({CHANGES})"


def _select(where: str) -> str:
    """Return the condition for the rows of one batch of a step."""
    return f"s.import_id = :import_id and {where} and s.place > :first and s.place <= :last"


_IS_NEW: Final = "s.is_new"
_CHANGES: Final = "s.line > 0 and not s.is_new and (s.moves or s.changed is not null)"
_HAS_PLACE: Final = "not s.is_new and s.path is not null"
_ADD: Final = _compile(
    f"""
    with batch as materialized (
        select (s.place - :first)::bigint as n, {ordered_key(_NUMBER)} as audit_id, null::uuid as person_id,
               s.organization_id, s.external_id, s.name_key, s.path, s.depth, s.archived_by_id, s.timezone_from_id,
               {", ".join(f"s.{name}" for name in _NEW)}
        from staged_organizations s where {_select(_IS_NEW)}
    ), added as (
        insert into organizations (tenant_id, id, created_at, updated_at, version, name_key, {", ".join(_NEW)})
        select :tenant_id, organization_id, :now, :now, 1, name_key, {", ".join(_NEW)} from batch order by n
    ), placed as (
        insert into organization_places (
            tenant_id, organization_id, path, depth, archived_by_id, timezone_from_id
        )
        select :tenant_id, organization_id, path, depth, archived_by_id, timezone_from_id from batch
    ), named as (
        -- Somebody else may add it at the same time. The import looks for that afterwards.
        insert into organization_external_ids (tenant_id, source, external_id, organization_id)
        select :tenant_id, :source, external_id, organization_id from batch on conflict do nothing
    ), {_recorded(None, lambda name: f"b.{name}" if name in _NEW else "null::text")}, happened as materialized (
        select n, 1::bigint as rank, b.audit_id, 'organization.created' as action, 'organization' as subject_type,
               b.organization_id as subject_id, b.organization_id,
               jsonb_build_object('parent_id', b.parent_id) as data, c.changes
        from batch b left join change c using (n)
    ), audited as ({AUDIT})
    {OUTBOX}
    """  # noqa: S608  # names of columns
)


def _wanted(name: str) -> str:
    return f"case when '{name}' = any(s.changed) then s.{name} else o.{name} end"


_OLD: Final = ", ".join(f"b.old_{name}" for name in _FIELDS)
_CHANGE: Final = _compile(
    f"""
    with source as materialized (
        select (s.place - :first)::bigint as k, {ordered_key(_NUMBER)} as audit_id,
               {ordered_key(_NUMBER + " + 2")} as next_audit_id, s.organization_id, s.moves, s.changed,
               o.parent_id as old_parent_id, case when s.moves then s.parent_id else o.parent_id end as parent_id,
               {", ".join(f"o.{name} as old_{name}, {_wanted(name)} as {name}" for name in _FIELDS)},
               case when 'name' = any(s.changed) then s.name_key else o.name_key end as name_key,
               case when s.moves then (
                   -- No join: nested loops are off, and another one would read all places for each row.
                   select count(*) - 1 from organization_places p
                   where p.tenant_id = :tenant_id and p.path >= h.path and p.path < left(h.path, -1) || '/'
               ) end as descendants
        from staged_organizations s join organizations o on o.tenant_id = :tenant_id and o.id = s.organization_id
            join organization_places h on h.tenant_id = o.tenant_id and h.organization_id = o.id
        where {_select(_CHANGES)}
    ), updated as (
        update organizations o set version = o.version + b.moves::integer + (b.changed is not null)::integer,
               updated_at = {_LATER} + case when b.moves and b.changed is not null then interval '1 microsecond'
                                            else interval '0' end,
               parent_id = b.parent_id, name_key = b.name_key, {", ".join(f"{name} = b.{name}" for name in _FIELDS)}
        from source b where o.tenant_id = :tenant_id and o.id = b.organization_id
    ), moved as (
        insert into organization_moves (
            tenant_id, id, created_at, organization_id, from_parent_id, to_parent_id, moved_on, actor_id, actor_name
        )
        select :tenant_id, {ordered_key("cast(:clock as bigint) + k")}, :now, organization_id, old_parent_id, parent_id,
               :day, :actor_id, :actor_name
        from source where moves order by k
    ), batch as materialized (
        select k * 2 as n, audit_id, null::uuid as person_id, organization_id, changed, descendants, true as is_move,
               old_parent_id, parent_id, {_OLD}, {", ".join(f"b.old_{name} as {name}" for name in _FIELDS)}
        from source b where moves
        union all
        select k * 2 + 1, next_audit_id, null, organization_id, changed, null, false, parent_id, parent_id,
               {_OLD}, {", ".join(f"b.{name}" for name in _FIELDS)}
        from source b where changed is not null
    ), {
        _recorded(
            lambda name: f"b.old_{name}" if name in _NEW else "null::text",
            lambda name: f"b.{name}" if name in _NEW else "null::text",
        )
    }, happened as materialized (
        select n, 1::bigint as rank, b.audit_id,
               case when is_move then 'organization.moved' else 'organization.updated' end as action,
               'organization' as subject_type, b.organization_id as subject_id, b.organization_id,
               case when is_move then jsonb_build_object(
                   'from_parent_id', b.old_parent_id, 'to_parent_id', b.parent_id, 'moved_on', cast(:day as date),
                   'reason', null, 'descendants', b.descendants)
               else jsonb_build_object('fields', (select jsonb_agg(name order by name) from unnest(b.changed) as name))
               end as data, c.changes
        from batch b left join change c using (n)
        union all
        -- For those who read the former parent and not the new one.
        select b.n, 2, {_NEXT_AUDIT_ID.replace("rank", "1")}, 'organization.moved_away', 'organization',
               b.organization_id, b.old_parent_id, '{{}}'::jsonb, null
        from batch b where is_move
    ), audited as ({AUDIT})
    {OUTBOX}
    """  # noqa: S608  # names of columns
)


def _transition(event: str, flag: str, *, before: str, after: str, value: str, reason: str) -> Read:
    """Return the statement that archives or restores organizations.

    Args:
        before, after: SQL of the recorded value of ``archived_at``.
        value: SQL of the new one.
    """
    return _compile(
        f"""
        with batch as materialized (
            select (s.place - :first)::bigint as n, {ordered_key(_NUMBER)} as audit_id, null::uuid as person_id,
                   s.organization_id, s.line, {before} as old_archived_at, {after} as archived_at
            from staged_organizations s join organizations o on o.tenant_id = :tenant_id and o.id = s.organization_id
            where {_select(flag)}
        ), updated as (
            update organizations o set version = o.version + 1, updated_at = {_LATER}, archived_at = {value}
            from batch b where o.tenant_id = :tenant_id and o.id = b.organization_id
        ), {
            _recorded(
                lambda name: "b.old_archived_at" if name == "archived_at" else "null::text",
                lambda name: "b.archived_at" if name == "archived_at" else "null::text",
            )
        }, happened as materialized (
            select n, 1::bigint as rank, b.audit_id, '{event}' as action, 'organization' as subject_type,
                   b.organization_id as subject_id, b.organization_id, jsonb_build_object('reason', {reason}) as data,
                   c.changes
            from batch b left join change c using (n)
        ), audited as ({AUDIT})
        {OUTBOX}
        """  # noqa: S608  # text of this module
    )


_PLACE: Final = _compile(
    f"""
    update organization_places p set path = s.path, depth = s.depth, archived_by_id = s.archived_by_id,
           timezone_from_id = s.timezone_from_id
    from staged_organizations s
    where p.tenant_id = :tenant_id and p.organization_id = s.organization_id and {_select(_HAS_PLACE)}
    """  # noqa: S608  # text of this module
)


@dataclass(frozen=True, slots=True)
class _Step:
    """One kind of change.

    Attributes:
        where: the condition of its rows.
        counts: the count of the report that grows with it; None: none does.
    """

    where: str
    statement: Read
    counts: str | None

    @property
    def order(self) -> Read:
        """Return the statement that gives its rows their places, and returns how many there are."""
        return Read(
            text(
                f"""
                with numbered as (
                    select s.line, row_number() over (order by s.depth, s.line < 0, s.line) as place
                    from staged_organizations s where s.import_id = :import_id and {self.where}
                ), ordered as (
                    update staged_organizations s set place = n.place from numbered n
                    where s.import_id = :import_id and s.line = n.line
                )
                select count(*) as rows from numbered
                """  # noqa: S608  # text of this module
            )
        )


_RESTORE: Final = _transition(
    "organization.restored",
    "s.restores",
    before=_INSTANT,
    after="null::text",
    value="null",
    reason="'It is in the file again.'",
)
_ARCHIVE: Final = _transition(
    "organization.archived",
    "s.archives",
    before="null::text",
    after=":instant",
    value=":now",
    reason="case when b.line < 0 then 'It is not in the file.' else 'The file says so.' end",
)
_STEPS: Final = (
    _Step("s.restores", _RESTORE, None),
    _Step(_IS_NEW, _ADD, "created"),
    _Step(_CHANGES, _CHANGE, "changed"),
    _Step("s.archives", _ARCHIVE, "left"),
    _Step(_HAS_PLACE, _PLACE, None),
)
_LAST_MOVE: Final = Read(
    text(
        """
        select (select max(moved_on) from organization_moves where tenant_id = :tenant_id) as moved_on,
               (select id from organization_moves where tenant_id = :tenant_id order by id desc limit 1) as id
        """
    )
)


async def write_organizations(tx: Tx, staged: Staged, plan: Plan, report: ImportReport) -> None:
    """Write what the rows change, step by step, and report the progress."""
    tx.events_recorded = True
    last_move = await tx.fetch_one(_LAST_MOVE, tenant_id=tx.tenant_id)
    assert last_move is not None  # noqa: S101  # a row without a condition
    day = await tree_day(tx, tx.tenant_id, tx.now)
    # No move is dated before another one, so that no day has a tree with a circle in it.
    day = day if last_move["moved_on"] is None else max(day, last_move["moved_on"])
    last_key = 0 if last_move["id"] is None else _number_of(last_move["id"].int)
    for step in _STEPS:
        [found] = await staged.fetch(tx, step.order)
        for first in range(0, found["rows"], _BATCH):
            last = min(first + _BATCH, found["rows"])
            await staged.fetch(
                tx,
                step.statement,
                first=first,
                last=last,
                clock=max(clock(), last_key + 1),
                now=tx.now,
                instant=to_jsonable_python(tx.now),
                day=day,
                actor_id=tx.principal.id,
                actor_kind=tx.principal.kind,
                actor_name=tx.principal.name,
                operation=tx.operation,
                request_id=tx.request_id,
            )
            if step.counts is not None:
                setattr(report, step.counts, min(last, getattr(plan, step.counts)))
            await report.progress(report)
    # A step counts the rows that it writes; one row may be written by several, and is one organization.
    report.created, report.changed, report.left = plan.created, plan.changed, plan.left


def _number_of(key: int) -> int:
    """Return the number of a UUIDv7 in the order of `ordered_key`."""
    return (key >> 80) << _KEY_BITS | (key >> 64) & 0xFFF
