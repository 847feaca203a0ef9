"""forced runs

A run of a connector may believe that many people left at once. No run so far was. The release before does not
know the column, which has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connector_runs", sa.Column("force", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("connector_runs", "force")
