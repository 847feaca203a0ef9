"""metrics of operators

Figures that an operator imports from the command line have no principal.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("metrics", "recorded_by", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    # The release before needs somebody: the oldest principal of the tenant, which its first admin key belongs to.
    op.execute(
        """
        update metrics m set recorded_by = (
            select id from principals p where p.tenant_id = m.tenant_id order by created_at, id limit 1
        ) where recorded_by is null
        """
    )
    op.alter_column("metrics", "recorded_by", existing_type=sa.Uuid(), nullable=False)
