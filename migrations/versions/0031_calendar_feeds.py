"""calendar feeds

Add the table of calendar feeds. Nothing refers to it, and the release before does not know it.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def _refers_to(column: str, table: str, *, on_delete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", column],
        [f"{table}.tenant_id", f"{table}.id"],
        name=op.f(f"fk_calendar_feeds_tenant_id_{table}"),
        ondelete=on_delete,
    )


def upgrade() -> None:
    op.create_table(
        "calendar_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("own_only", sa.Boolean(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_calendar_feeds_tenant_id_tenants")),
        _refers_to("organization_id", "organizations", on_delete="CASCADE"),
        _refers_to("principal_id", "principals"),
        _refers_to("key_id", "api_keys"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_calendar_feeds")),
    )
    op.create_index("uq_calendar_feeds_token", "calendar_feeds", ["tenant_id", "token_hash"], unique=True)
    for column in ("organization", "principal", "key"):
        op.create_index(f"ix_calendar_feeds_{column}", "calendar_feeds", ["tenant_id", f"{column}_id"])
    op.create_index("ix_calendar_feeds_updated", "calendar_feeds", ["tenant_id", "updated_at", "id"])
    for statement in isolate("calendar_feeds"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("calendar_feeds")
