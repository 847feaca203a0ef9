"""job figures

Functions of the owner count the jobs of all tenants for metrics.
"""

from alembic import op

from app.db.schema.isolation import PINNED

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_COUNTS = """
create function job_counts() returns table (state text, value float8)
language sql stable {pinned} as $$
    select s.state, count(j.state)::float8
    from unnest(array['waiting', 'running', 'done', 'failed', 'canceled']) as s(state)
    left join (
        select w.state from public.jobs w where w.state = 'waiting'
        union all
        select r.state from public.jobs r where r.state = 'running'
        union all
        select f.state from public.tenants t join public.jobs f on f.tenant_id = t.id
        where f.finished_at > now() - interval '1 hour'
    ) j on j.state = s.state
    group by s.state
$$
"""
_WAIT = """
create function longest_job_wait() returns float8
language sql stable {pinned} as $$
    select greatest(extract(epoch from now() - min(due_at)), 0)::float8 from public.jobs where state = 'waiting'
$$
"""


def upgrade() -> None:
    for name, function in (("job_counts", _COUNTS), ("longest_job_wait", _WAIT)):
        op.execute(function.format(pinned=PINNED))
        op.execute(f"revoke execute on function {name} from public")


def downgrade() -> None:
    op.execute("drop function longest_job_wait")
    op.execute("drop function job_counts")
