"""seats held by signing in

A claim of a seat is held by a token or by the identity of a person who signs in.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("participants", sa.Column("holder_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    # The release before knows claims by token only. A seat that is held by signing in becomes one that nobody holds.
    op.execute(
        """
        update participants p
        set claimed_at = null, former_round = case when a.state = 'draft' then 0 else a.round end
        from assessments a
        where a.tenant_id = p.tenant_id and a.id = p.assessment_id and p.holder_id is not null
        """
    )
    op.drop_column("participants", "holder_id")
