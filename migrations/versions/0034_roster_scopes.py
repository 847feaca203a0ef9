"""roster scopes

How many rows the last whole roster of an organization had, where rosters of a source come from several of them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("roster_sources", sa.Column("scopes", postgresql.JSONB(), server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("roster_sources", "scopes")
