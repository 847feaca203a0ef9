"""staged people

The rows of a roster while it is imported. The table is empty between imports, so nothing is kept of it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=True)


def upgrade() -> None:
    op.create_table(
        "staged_people",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        _text("external_id", 200),
        _text("name", 200),
        sa.Column("name_key", sa.Text(), nullable=True),
        _text("organization", 200),
        sa.Column("organization_key", sa.Text(), nullable=True),
        _text("email", 254),
        *(_text(name, 200) for name in ("employee_number", "position", "department", "manager")),
        _text("status", 20),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("active", "on_leave")),
        *(sa.Column(name, sa.Date(), nullable=True) for name in ("hired_on", "left_on")),
        sa.Column("is_new", sa.Boolean(), nullable=True),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("matches", sa.Integer(), nullable=True),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("changed", postgresql.ARRAY(sa.Text()), nullable=True),
        *(sa.Column(name, sa.Boolean(), nullable=True) for name in ("is_settled", "is_former")),
        _text("turn", 20),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "line", name=op.f("pk_staged_people")),
        prefixes=["UNLOGGED"],
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(
        "ix_staged_people_place",
        "staged_people",
        ["import_id", "place"],
        postgresql_where=sa.text("place is not null"),
    )


def downgrade() -> None:
    op.drop_table("staged_people")
