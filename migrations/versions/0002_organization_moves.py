"""organization moves

Expand, then contract: a revision may add what the running release ignores, and remove only what the release before
no longer uses. Every revision goes up, down and up again without loss of what it did not itself add.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organization_moves",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("from_parent_id", sa.Uuid(), nullable=False),
        sa.Column("to_parent_id", sa.Uuid(), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=10000), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_organization_moves_tenant_id_tenants")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "from_parent_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_organization_moves_tenant_id_from_parent_id_organizations"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_organization_moves_tenant_id_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "to_parent_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_organization_moves_tenant_id_to_parent_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_organization_moves")),
    )
    op.create_index("ix_organization_moves_day", "organization_moves", ["tenant_id", "moved_on"], unique=False)
    op.create_index("ix_organization_moves_from", "organization_moves", ["tenant_id", "from_parent_id"], unique=False)
    op.create_index(
        "ix_organization_moves_organization",
        "organization_moves",
        ["tenant_id", "organization_id", "moved_on", "id"],
        unique=False,
    )
    op.create_index("ix_organization_moves_to", "organization_moves", ["tenant_id", "to_parent_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_organization_moves_to", table_name="organization_moves")
    op.drop_index("ix_organization_moves_organization", table_name="organization_moves")
    op.drop_index("ix_organization_moves_from", table_name="organization_moves")
    op.drop_index("ix_organization_moves_day", table_name="organization_moves")
    op.drop_table("organization_moves")
