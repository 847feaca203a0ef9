"""Parts of a statement that records the changes of many subjects, each with its event and its audit row.

`record_event` writes a few rows for each change, which is too slow for a hundred thousand of them. These parts write
the same rows from a common table expression of the changes. They are built from `RECORDED`, so that a new column is
recorded here as well.
"""

import time
from collections.abc import Callable

from app.events.changes import RECORDED

#: The bits of a UUIDv7 that the parts use to keep the order of rows: a number of milliseconds and twelve bits more.
_ORDER_BITS = 12


def _side(name: str) -> str:
    """Return the SQL of the JSON text that an audit row has of a value: itself, or the reference to it."""
    digest = f"encode(sha256({name}_salt || convert_to({name}, 'UTF8')), 'hex')"
    return f"""coalesce('{{"ref":"' || {name}_id || '","digest":"' || {digest} || '"}}', {name}, 'null')"""


#: Fills the column ``changes`` of audit rows: all recorded changes of one subject. Expects ``field`` (see `fields`).
CHANGES = f"""
    select n, ('[' || string_agg(
        '{{"field":"' || name || '","before":' || {_side("before")} || ',"after":' || {_side("after")} || '}}',
        ',' order by part, name
    ) || ']')::jsonb as changes
    from field group by n
"""  # noqa: S608  # text of this module
#: Stores the personal values that audit rows refer to. Expects ``field``.
VALUES = """
    insert into audit_values (tenant_id, id, created_at, audit_event_id, person_id, salt, value)
    select :tenant_id, before_id, :now, audit_id, person_id, before_salt, before from field where before_id is not null
    union all
    select :tenant_id, after_id, :now, audit_id, person_id, after_salt, after from field where after_id is not null
"""
#: Adds the audit rows. Expects ``happened`` with the columns n, rank, audit_id, action, subject_type, subject_id,
#: organization_id, data and changes; ``rank`` orders what happened to one subject.
AUDIT = """
    insert into audit_events (
        tenant_id, id, actor_id, actor_kind, action, operation, outcome, subject_type, subject_id, organization_id,
        request_id, data, changes, hidden
    )
    select :tenant_id, audit_id, :actor_id, :actor_kind, action, :operation, 'done', subject_type, subject_id,
           organization_id, :request_id, data, changes, false
    from happened order by n, rank
"""


def ordered_key(number: str) -> str:
    """Return the SQL of a new UUIDv7 whose order is that of a bigint; `clock` gives the first one."""
    number = f"({number})"
    high, low = f"lpad(to_hex({number} >> {_ORDER_BITS}), 12, '0')", f"lpad(to_hex({number} & 4095), 3, '0')"
    return f"({high} || '7' || {low} || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid"


def clock() -> int:
    """Return the number of the first key that can be made now, for `ordered_key`."""
    return (time.time_ns() // 1_000_000) << _ORDER_BITS


#: Adds the events. Expects ``happened``.
OUTBOX = f"""
    insert into outbox_events (
        tenant_id, id, created_at, type, subject_type, subject_id, organization_id, request_id, data
    )
    select :tenant_id, {ordered_key("cast(:clock as bigint) + row_number() over (order by n, rank)")}, :now, action,
           subject_type, subject_id, organization_id, :request_id, data
    from happened order by n, rank
"""  # noqa: S608  # text of this module


def fields(table: str, before: Callable[[str], str] | None, after: Callable[[str], str], *more: str) -> str:
    """Return the query of ``field``: the values before and after, where they differ, of each row of ``batch``.

    ``batch`` has the columns n, person_id (whom the personal values are about) and audit_id.

    Args:
        table: whose columns are recorded.
        before: returns the SQL of the value of a column before the change; None: the rows are new.
        after: the same after the change.
        more: further rows of the same shape: part, name, is_personal, before, after.
    """
    recorded = RECORDED[table]
    rows = [
        f"(1, '{name}', {name in recorded.personal}, "
        f"{'null::text' if before is None else _json(before(name))}, {_json(after(name))})"
        for name in sorted(recorded.values | recorded.personal)
    ]
    sides = ", ".join(
        f"case when f.is_personal and f.{side} is not null then {made} end as {side}_{name}"
        for side in ("before", "after")
        for name, made in (
            ("id", "(left(b.audit_id::text, 19) || substr(gen_random_uuid()::text, 20))::uuid"),
            ("salt", "uuid_send(gen_random_uuid())"),
        )
    )
    return f"""
        select b.n, b.person_id, b.audit_id, f.part, f.name, f.before, f.after, {sides}
        from batch b cross join lateral (values {", ".join([*rows, *more])})
            as f(part, name, is_personal, before, after)
        where f.before is distinct from f.after
    """  # noqa: S608  # names of columns


def _json(value: str) -> str:
    return f"to_json({value})::text"
