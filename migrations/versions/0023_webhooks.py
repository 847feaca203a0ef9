"""webhooks

Add the tables of webhooks and the functions that name the tenants with work and the length of the queues. Nothing
refers to them, and the release before does not know them.
"""

import sqlalchemy as sa
from alembic import op

from app.db.schema.isolation import PINNED, isolate

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def _tenant(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants")),
    )


def _of_webhook(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    return (
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "webhook_id"],
            ["webhooks.tenant_id", "webhooks.id"],
            name=op.f(f"fk_{table}_tenant_id_webhooks"),
            ondelete="CASCADE",
        ),
    )


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


# The dispatcher looks for work before it knows a tenant. The owner's rights show it the tenants that have an enabled
# webhook and whether they have work, and no more.
_TENANTS = """
create function webhook_tenants() returns table (tenant_id uuid, has_work boolean)
language sql stable {pinned} as $$
    select w.tenant_id, bool_or(
        c.replay_until is not null or (f.position is not null and f.position <> c.position) or exists (
            select from public.webhook_queues q
            where q.tenant_id = w.tenant_id and q.webhook_id = w.id and q.due_at <= now()
              and (q.held_until is null or q.held_until <= now())
        )
    )
    from public.webhooks w
        join public.webhook_cursors c on c.tenant_id = w.tenant_id and c.webhook_id = w.id
        left join public.event_feeds f on f.tenant_id = w.tenant_id
    where w.enabled
    group by w.tenant_id
$$
"""
_BACKLOG = """
create function webhook_backlog() returns table (waiting bigint, lag double precision)
language sql stable {pinned} as $$
    select (select count(*) from public.webhook_messages m where m.tenant_id = w.tenant_id and m.webhook_id = w.id),
           (select extract(epoch from greatest(now() - min(q.due_at), interval '0')) from public.webhook_queues q
            where q.tenant_id = w.tenant_id and q.webhook_id = w.id)
    from public.webhooks w where w.enabled
$$
"""
_TABLES = (
    "webhooks",
    "webhook_secrets",
    "webhook_cursors",
    "webhook_messages",
    "webhook_queues",
    "webhook_deliveries",
)


def upgrade() -> None:
    _create_webhooks()
    _create_state()
    _create_queues()
    op.create_table(
        "webhook_deliveries",
        *_tenant("webhook_deliveries"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        *_of_webhook("webhook_deliveries"),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column(
            "outcome",
            _choice("outcome", "delivered", "rejected", "timed_out", "unreachable", "address_refused", "withheld"),
            nullable=False,
        ),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        _instant("next_attempt_at", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index("ix_webhook_deliveries_webhook", "webhook_deliveries", ["tenant_id", "webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_created", "webhook_deliveries", ["tenant_id", "created_at"])
    for table in _TABLES:
        for statement in isolate(table):
            op.execute(statement)
    for function in (_TENANTS, _BACKLOG):
        op.execute(function.format(pinned=PINNED))
    for name in ("webhook_tenants", "webhook_backlog"):
        op.execute(f"revoke execute on function {name} from public")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        *_tenant("webhooks"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.String(length=2_000), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=True),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column(
            "disabled_reason", _choice("disabled_reason", "paused", "gone", "failing", "rights_lost"), nullable=True
        ),
        _instant("disabled_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "organization_id"],
            ["organizations.tenant_id", "organizations.id"],
            name=op.f("fk_webhooks_tenant_id_organizations"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "principal_id"],
            ["principals.tenant_id", "principals.id"],
            name=op.f("fk_webhooks_tenant_id_principals"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "key_id"],
            ["api_keys.tenant_id", "api_keys.id"],
            name=op.f("fk_webhooks_tenant_id_api_keys"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhooks")),
    )
    for column in ("organization", "principal", "key"):
        op.create_index(f"ix_webhooks_{column}", "webhooks", ["tenant_id", f"{column}_id"])
    op.create_index("ix_webhooks_updated", "webhooks", ["tenant_id", "updated_at", "id"])
    op.create_index("ix_webhooks_enabled", "webhooks", ["tenant_id", "id"], postgresql_where=sa.text("enabled"))


def _create_state() -> None:
    op.create_table(
        "webhook_secrets",
        *_tenant("webhook_secrets"),
        sa.Column("id", sa.Uuid(), nullable=False),
        _instant("created_at"),
        *_of_webhook("webhook_secrets"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _instant("ends_at", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index("ix_webhook_secrets_webhook", "webhook_secrets", ["tenant_id", "webhook_id"])
    op.create_index(
        "uq_webhook_secrets_present",
        "webhook_secrets",
        ["tenant_id", "webhook_id"],
        unique=True,
        postgresql_where=sa.text("ends_at is null"),
    )
    op.create_table(
        "webhook_cursors",
        *_tenant("webhook_cursors"),
        *_of_webhook("webhook_cursors"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("replay_position", sa.BigInteger(), nullable=True),
        sa.Column("replay_until", sa.BigInteger(), nullable=True),
        _instant("failing_since", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", name=op.f("pk_webhook_cursors")),
    )


def _create_queues() -> None:
    op.create_table(
        "webhook_messages",
        *_tenant("webhook_messages"),
        *_of_webhook("webhook_messages"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=100), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", "position", name=op.f("pk_webhook_messages")),
    )
    op.create_index(
        "ix_webhook_messages_subject", "webhook_messages", ["tenant_id", "webhook_id", "subject_id", "position"]
    )
    op.create_table(
        "webhook_queues",
        *_tenant("webhook_queues"),
        *_of_webhook("webhook_queues"),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        _instant("due_at"),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("held_by", sa.Uuid(), nullable=True),
        _instant("held_until", nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", "subject_id", name=op.f("pk_webhook_queues")),
    )
    op.create_index("ix_webhook_queues_due", "webhook_queues", ["tenant_id", "webhook_id", "due_at"])


def downgrade() -> None:
    for name in ("webhook_backlog", "webhook_tenants"):
        op.execute(f"drop function {name}")
    for table in reversed(_TABLES):
        op.drop_table(table)
