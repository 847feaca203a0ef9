"""key makers

Record who made an API key, and when a SCIM token was last used. Both columns are added empty: keys of earlier releases
have no maker, and go on working when somebody leaves.
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_TABLES = ("api_keys", "former_key_secrets")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("maker_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            op.f(f"fk_{table}_tenant_id_maker_id_people"),
            table,
            "people",
            ["tenant_id", "maker_id"],
            ["tenant_id", "id"],
        )
        op.create_index(f"ix_{table}_maker", table, ["tenant_id", "maker_id"])
    op.add_column("scim_tokens", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("scim_tokens", "last_used_at")
    for table in reversed(_TABLES):
        op.drop_index(f"ix_{table}_maker", table_name=table)
        op.drop_constraint(op.f(f"fk_{table}_tenant_id_maker_id_people"), table, type_="foreignkey")
        op.drop_column(table, "maker_id")
