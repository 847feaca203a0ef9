"""jobs

Add the table of background jobs and the function that names the tenants with work. Nothing refers to them, and the
release before does not know them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.db.schema.isolation import PINNED, isolate

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATE = sa.Enum(
    "waiting", "running", "done", "failed", "canceled",
    name="state", native_enum=False, create_constraint=True, length=40,
)  # fmt: skip
# A worker looks for work before it knows a tenant. The owner's rights show it the tenants that have some, and no more.
_JOB_TENANTS = """
create function job_tenants(kinds text[]) returns table (tenant_id uuid, has_lost boolean)
language sql stable {pinned} as $$
    select t.id, lost.found
    from public.tenants t
    cross join lateral (
        select exists (
            select from public.jobs j
            where j.tenant_id = t.id and j.state = 'running' and j.held_until < now() and j.kind = any (kinds)
        ) as found
    ) lost
    where lost.found or exists (
        select from public.jobs j
        where j.tenant_id = t.id and j.state = 'waiting' and j.due_at <= now() and j.kind = any (kinds)
    )
$$
"""


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("dedupe_key", sa.String(length=200), nullable=True),
        sa.Column("arguments", postgresql.JSONB(), nullable=False),
        sa.Column("state", _STATE, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_jobs_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jobs")),
    )
    waiting, running = sa.text("state = 'waiting'"), sa.text("state = 'running'")
    op.create_index("ix_jobs_due", "jobs", ["tenant_id", "due_at", "id"], postgresql_where=waiting)
    op.create_index("ix_jobs_key", "jobs", ["tenant_id", "kind", "key", "id"], postgresql_where=waiting)
    op.create_index("uq_jobs_running", "jobs", ["tenant_id", "kind", "key"], unique=True, postgresql_where=running)
    op.create_index(
        "uq_jobs_dedupe",
        "jobs",
        ["tenant_id", "kind", "dedupe_key"],
        unique=True,
        postgresql_where=sa.text("state = 'waiting' and dedupe_key is not null"),
    )
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["tenant_id", "finished_at"],
        postgresql_where=sa.text("finished_at is not null"),
    )
    op.create_index("ix_jobs_updated", "jobs", ["tenant_id", "updated_at", "id"])
    for statement in isolate("jobs"):
        op.execute(statement)
    op.execute(_JOB_TENANTS.format(pinned=PINNED))
    op.execute("revoke execute on function job_tenants(text[]) from public")


def downgrade() -> None:
    op.execute("drop function job_tenants(text[])")
    op.drop_table("jobs")
