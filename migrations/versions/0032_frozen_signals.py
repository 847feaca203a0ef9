"""frozen signals

Keep with a final assessment the figures that counted for its signal. Those that are final already have none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assessments", sa.Column("signal_metric_ids", sa.ARRAY(sa.Uuid()), nullable=True))


def downgrade() -> None:
    op.drop_column("assessments", "signal_metric_ids")
