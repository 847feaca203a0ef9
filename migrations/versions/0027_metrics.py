"""metrics

Add the figures that other systems report, and the rows that their writers lock. The release before does not know them.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_KEY = ("tenant_id", "organization_id", "program_id", "metric", "source", "period_end", "period_start")
_INDEXES = {
    "organization": ("organization_id", "id"),
    "program": ("program_id", "id"),
    "recorder": ("recorded_by",),
    "period": ("period_end", "id"),
    "updated": ("updated_at", "id"),
}
_REFERENCES = {
    "organization_id": "organizations",
    "program_id": "programs",
    "supersedes_id": "metrics",
    "recorded_by": "principals",
}


def _tenant(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
    )


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "metrics",
        *_tenant("metrics"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("numerator", sa.Integer(), nullable=False),
        sa.Column("denominator", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "current",
                "superseded",
                "withdrawn",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("supersedes_id", sa.Uuid(), nullable=True),
        _instant("ended_at", nullable=True),
        sa.Column("withdrawal_reason", sa.String(length=10_000), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", column],
                [f"{table}.tenant_id", f"{table}.id"],
                name=op.f(f"fk_metrics_tenant_id_{column}_{table}"),
            )
            for column, table in _REFERENCES.items()
        ),
        sa.CheckConstraint("numerator >= 0 and denominator > 0", name=op.f("ck_metrics_figures")),
        sa.CheckConstraint("period_start <= period_end", name=op.f("ck_metrics_period")),
        sa.CheckConstraint("(state = 'current') = (ended_at is null)", name=op.f("ck_metrics_ended")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_metrics")),
    )
    op.create_index(
        "uq_metrics_current", "metrics", list(_KEY), unique=True, postgresql_where=sa.text("state = 'current'")
    )
    op.create_index(
        "uq_metrics_supersedes",
        "metrics",
        ["tenant_id", "supersedes_id"],
        unique=True,
        postgresql_where=sa.text("supersedes_id is not null"),
    )
    for name, columns in _INDEXES.items():
        op.create_index(f"ix_metrics_{name}", "metrics", ["tenant_id", *columns])
    op.create_table(
        "metric_feeds",
        *_tenant("metric_feeds"),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _instant("recorded_at"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_metric_feeds_tenant_id_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "organization_id", name=op.f("pk_metric_feeds")),
    )
    for table in ("metrics", "metric_feeds"):
        for statement in isolate(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("metric_feeds")
    op.drop_table("metrics")
