"""webhook logs

Let the log of a webhook outlive it, so that a deletion is quick and the log is purged in batches. Find attempts by event
and by outcome. Know when an endpoint failed last: one that was quiet for long has not failed all the time.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import isolate

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_LOG = "webhook_deliveries"
_OF_WEBHOOK = "fk_webhook_deliveries_tenant_id_webhooks"


def upgrade() -> None:
    op.drop_constraint(op.f(_OF_WEBHOOK), _LOG, type_="foreignkey")
    op.create_table(
        "webhook_leftovers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_leftovers_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", name=op.f("pk_webhook_leftovers")),
    )
    for statement in isolate("webhook_leftovers"):
        op.execute(statement)
    for name in ("event", "outcome"):
        column = "event_id" if name == "event" else name
        op.create_index(f"ix_webhook_deliveries_{name}", _LOG, ["tenant_id", "webhook_id", column, "id"])
    op.add_column("webhook_cursors", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("webhook_cursors", "failed_at")
    for name in ("event", "outcome"):
        op.drop_index(f"ix_webhook_deliveries_{name}", table_name=_LOG)
    op.execute(
        "delete from webhook_deliveries d where not exists ("
        "select from webhooks w where w.tenant_id = d.tenant_id and w.id = d.webhook_id)"
    )
    op.create_foreign_key(
        op.f(_OF_WEBHOOK),
        _LOG,
        "webhooks",
        ["tenant_id", "webhook_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.drop_table("webhook_leftovers")
