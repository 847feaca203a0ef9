"""files

Add the tables of stored files and their chunks. Nothing refers to them, and the release before does not know them.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(length=50), nullable=False),
        sa.Column("holds_people", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_files_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_expires", "files", ["tenant_id", "expires_at"])
    op.create_table(
        "file_chunks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_file_chunks_tenant_id_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "file_id"],
            ["files.tenant_id", "files.id"],
            name=op.f("fk_file_chunks_tenant_id_files"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "file_id", "number", name=op.f("pk_file_chunks")),
    )
    for table in ("files", "file_chunks"):
        for statement in isolate(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("file_chunks")
    op.drop_table("files")
