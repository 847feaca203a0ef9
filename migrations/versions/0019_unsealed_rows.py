"""unsealed rows

A function of the owner says how long the oldest event waits for its position, and the oldest audit row for its seal.
"""

from alembic import op

from app.db.schema.isolation import PINNED

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_OLDEST = """
create function oldest_unsealed() returns table (task text, value float8)
language sql stable {pinned} as $$
    select 'seal_events', greatest(extract(epoch from now() - min(coalesce(recorded_at, created_at))), 0)::float8
    from public.outbox_events where position is null
    union all
    select 'seal_audit_trail', greatest(extract(epoch from now() - min(coalesce(recorded_at, created_at))), 0)::float8
    from public.audit_events where seal is null
$$
"""


def upgrade() -> None:
    op.execute(_OLDEST.format(pinned=PINNED))
    op.execute("revoke execute on function oldest_unsealed from public")


def downgrade() -> None:
    op.execute("drop function oldest_unsealed")
