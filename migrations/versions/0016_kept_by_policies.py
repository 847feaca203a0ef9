"""what policies keep

A final assessment, its seats, votes, consensus, ratings and history stay as they are, and a revoked key stays revoked,
whatever the service writes. Restrictive policies refuse the new row; no trigger is involved. The owner is not bound.
The database dates the audit trail, because the service has no right to give its rows a date.

A policy sees the new row only. Functions that run as the owner read the stored one, of the caller's tenant alone. They
are VOLATILE, so they see what was committed while the statement waited for a lock.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TENANT = "nullif(current_setting('app.tenant', true), '')::uuid"
_FUNCTIONS = {
    "assessment_is_final(uuid)": """
create function assessment_is_final(of_assessment uuid) returns boolean language sql volatile {pinned}
as $$
    select exists (
        select from public.assessments a where a.tenant_id = {tenant} and a.id = $1 and a.state = 'final'
    )
$$
""",
    "final_state_is_recorded(uuid)": """
create function final_state_is_recorded(of_assessment uuid) returns boolean
language sql volatile {pinned} as $$
    select exists (
        select from public.assessment_changes c
        where c.tenant_id = {tenant} and c.assessment_id = $1 and c.to_state = 'final'
    )
$$
""",
    # What decides which votes count.
    "seat_counts_as_before(uuid, text, text, text, integer, timestamptz, integer, integer)": """
create function seat_counts_as_before(
    of_seat uuid, seat text, channel text, perspective text, first_round integer,
    withdrawn_at timestamptz, withdrawn_round integer, counted_round integer
) returns boolean language sql volatile {pinned} as $$
    select exists (
        select from public.participants p
        where p.tenant_id = {tenant} and p.id = $1
          and (p.seat, p.channel, p.first_round, p.withdrawn_round, p.counted_round) = ($2, $3, $5, $7, $8)
          and p.perspective is not distinct from $4 and p.withdrawn_at is not distinct from $6
    )
$$
""",
    "key_revoked_at(uuid)": """
create function key_revoked_at(of_key uuid) returns timestamptz language sql volatile {pinned} as $$
    select k.revoked_at from public.api_keys k where k.tenant_id = {tenant} and k.id = $1
$$
""",
}
_OPEN = "not assessment_is_final(assessment_id)"
_PARTS = ("votes", "consensus", "practice_ratings", "administration_records")
_POLICIES = (
    ("final_stays", "assessments", "update using (true) with check (not assessment_is_final(id))"),
    ("final_remains", "assessments", "delete using (state <> 'final')"),
    *(("final_takes_no_more", table, f"insert with check ({_OPEN})") for table in (*_PARTS, "participants")),
    *(("final_stays", table, f"update using (true) with check ({_OPEN})") for table in _PARTS),
    *(("final_remains", table, f"delete using ({_OPEN})") for table in (*_PARTS, "participants")),
    (
        "final_stays",
        "participants",
        f"update using (true) with check ({_OPEN} or seat_counts_as_before(id, seat, channel, perspective, "
        "first_round, withdrawn_at, withdrawn_round, counted_round))",
    ),
    # The change to final is recorded after it was made.
    (
        "final_takes_no_more",
        "assessment_changes",
        f"insert with check ({_OPEN} or (to_state = 'final' and not final_state_is_recorded(assessment_id)))",
    ),
    (
        "revoked_stays",
        "api_keys",
        "update using (true) with check (coalesce(key_revoked_at(id) = revoked_at, key_revoked_at(id) is null))",
    ),
)


def upgrade() -> None:
    op.alter_column("audit_events", "created_at", server_default=sa.text("clock_timestamp()"))
    for name, function in _FUNCTIONS.items():
        op.execute(function.format(pinned=PINNED, tenant=_TENANT))
        op.execute(f"revoke execute on function {name} from public")
    for name, table, rule in _POLICIES:
        op.execute(f"create policy {name} on {table} as restrictive for {rule}")


def downgrade() -> None:
    for name, table, _ in _POLICIES:
        op.execute(f"drop policy {name} on {table}")
    for name in _FUNCTIONS:
        op.execute(f"drop function {name}")
    op.alter_column("audit_events", "created_at", server_default=None)
