"""Index the action items that nobody owns."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_action_items_unowned", "action_items", ["tenant_id", "id"], postgresql_where=sa.text("owner_id is null")
    )


def downgrade() -> None:
    op.drop_index("ix_action_items_unowned", table_name="action_items")
