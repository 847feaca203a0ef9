"""export terms

The source of a roster that is exported, and the columns of a table. The release before adds exports without them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exports", sa.Column("source", sa.String(length=100), nullable=True))
    op.add_column("exports", sa.Column("columns", sa.ARRAY(sa.Text()), nullable=True))


def downgrade() -> None:
    op.drop_column("exports", "columns")
    op.drop_column("exports", "source")
