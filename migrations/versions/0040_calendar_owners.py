"""calendar owners

A calendar feed may show the items of one person. The table is small: a principal has at most 20 feeds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calendar_feeds", sa.Column("owner_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_calendar_feeds_tenant_id_people"),
        "calendar_feeds",
        "people",
        ["tenant_id", "owner_id"],
        ["tenant_id", "id"],
    )
    op.create_index(
        "ix_calendar_feeds_owner",
        "calendar_feeds",
        ["tenant_id", "owner_id"],
        postgresql_where=sa.text("owner_id is not null"),
    )


def downgrade() -> None:
    # The release before would show the items of everybody.
    op.execute("delete from calendar_feeds where owner_id is not null")
    op.drop_column("calendar_feeds", "owner_id")
