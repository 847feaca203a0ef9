"""staged organizations

The rows of a file of organizations while it is imported. The table is empty between imports, so nothing is kept of it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=True)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default="false", nullable=False)


def upgrade() -> None:
    op.create_table(
        "staged_organizations",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _text("segment", 23),
        _text("external_id", 200),
        _text("name", 200),
        sa.Column("name_key", sa.Text(), nullable=True),
        _text("kind", 40),
        _text("parent", 200),
        sa.Column("parent_key", sa.Text(), nullable=True),
        _text("timezone", 64),
        sa.Column("staff_count", sa.Integer(), nullable=True),
        _text("status", 20),
        _flag("is_new"),
        _flag("is_foreign"),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("matches", sa.Integer(), nullable=True),
        sa.Column("changed", postgresql.ARRAY(sa.Text()), nullable=True),
        _flag("moves"),
        _flag("restores"),
        _flag("archives"),
        sa.Column("path", sa.Text(collation="C"), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=True),
        sa.Column("archived_by_id", sa.Uuid(), nullable=True),
        sa.Column("timezone_from_id", sa.Uuid(), nullable=True),
        _flag("is_blocked"),
        sa.Column("above_line", sa.Integer(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_staged_organizations")),
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_staged_organizations_place",
        "staged_organizations",
        ["import_id", "place"],
        postgresql_where=sa.text("place is not null"),
    )


def downgrade() -> None:
    op.drop_table("staged_organizations")
