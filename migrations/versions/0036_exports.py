"""exports

Add the table of exports that are kept for download. Nothing refers to it, and the release before does not know it.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("list", sa.String(length=4_000), nullable=False),
        sa.Column(
            "format",
            sa.Enum("csv", "jsonl", "xlsx", name="format", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("bom", sa.Boolean(), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_exports_tenant_id_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "principal_id"],
            ["principals.tenant_id", "principals.id"],
            name=op.f("fk_exports_tenant_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_id"],
            ["api_keys.tenant_id", "api_keys.id"],
            name=op.f("fk_exports_tenant_id_api_keys"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_principal", "exports", ["tenant_id", "principal_id", "id"])
    op.create_index("ix_exports_key", "exports", ["tenant_id", "key_id"])
    op.create_index("ix_exports_updated", "exports", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_exports_expires", "exports", ["tenant_id", "expires_at"])
    for statement in isolate("exports"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("exports")
