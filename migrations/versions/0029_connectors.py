"""connectors

Add the tables of connectors and the function that names those that are due. Nothing refers to them, and the release
before does not know them.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED, isolate

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# The scheduler looks for work before it knows a tenant. The owner's rights show it what is due, and no more.
_DUE = """
create function connectors_due() returns table (tenant_id uuid, connector_id uuid)
language sql stable {pinned} as $$
    select s.tenant_id, s.connector_id from public.connector_states s
    where s.next_run_at <= now() order by s.next_run_at limit 1000
$$
"""
_TABLES = ("connectors", "connector_states", "connector_runs")


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _tenant(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
    )


def _of_connector(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("connector_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "connector_id"],
            ["connectors.tenant_id", "connectors.id"],
            name=op.f(f"fk_{table}_tenant_id_connectors"),
            ondelete="CASCADE",
        ),
    )


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    _create_connectors()
    op.create_table(
        "connector_states",
        *_tenant("connector_states"),
        *_of_connector("connector_states"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _instant("watermark", nullable=True),
        _instant("next_run_at", nullable=True),
        _instant("succeeded_at", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "connector_id", name=op.f("pk_connector_states")),
    )
    op.create_index(
        "ix_connector_states_due",
        "connector_states",
        ["tenant_id", "next_run_at"],
        postgresql_where=sa.text("next_run_at is not null"),
    )
    op.create_table(
        "connector_runs",
        *_tenant("connector_runs"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        *_of_connector("connector_runs"),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        _instant("watermark", nullable=True),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "id"],
            ["jobs.tenant_id", "jobs.id"],
            name=op.f("fk_connector_runs_tenant_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_connector_runs")),
    )
    op.create_index("ix_connector_runs_connector", "connector_runs", ["tenant_id", "connector_id", "id"])
    for table in _TABLES:
        for statement in isolate(table):
            op.execute(statement)
    op.execute(_DUE.format(pinned=PINNED))
    op.execute("revoke execute on function connectors_due from public")


def _create_connectors() -> None:
    op.create_table(
        "connectors",
        *_tenant("connectors"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("kind", _choice("kind", "bamboohr"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column(
            "disabled_reason", _choice("disabled_reason", "paused", "rights_lost", "secret_refused"), nullable=True
        ),
        _instant("disabled_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_connectors_tenant_id_organizations"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "principal_id"],
            ["principals.tenant_id", "principals.id"],
            name=op.f("fk_connectors_tenant_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_id"],
            ["api_keys.tenant_id", "api_keys.id"],
            name=op.f("fk_connectors_tenant_id_api_keys"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_connectors")),
    )
    for column in ("organization", "principal", "key"):
        op.create_index(f"ix_connectors_{column}", "connectors", ["tenant_id", f"{column}_id"])
    op.create_index("ix_connectors_updated", "connectors", ["tenant_id", "updated_at", "id"])


def downgrade() -> None:
    op.execute("drop function connectors_due")
    for table in reversed(_TABLES):
        op.drop_table(table)
