"""roster sources

How the roster files of a source are read, and how many rows the last whole one had. Written on the command line.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "roster_sources",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_roster_sources_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "source", name=op.f("pk_roster_sources")),
    )
    for statement in isolate("roster_sources"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("roster_sources")
