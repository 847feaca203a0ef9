"""scim states active

An identity provider can take back whether a user is active. All users so far say it. The release before does not know
the column, which has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scim_users", sa.Column("states_active", sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    op.drop_column("scim_users", "states_active")
