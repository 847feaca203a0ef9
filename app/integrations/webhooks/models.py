"""The tables of webhooks: the endpoints, their secrets and places in the feed, what waits to be sent, and the log.

A message is an event that has yet to reach an endpoint. The messages of one endpoint about one thing are a queue: the
first is sent until the endpoint takes it or it is given up, and the others wait.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKeyConstraint, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, choice


class DisabledReason(StrEnum):
    """Why a webhook is disabled."""

    PAUSED = "paused"
    GONE = "gone"
    FAILING = "failing"
    RIGHTS_LOST = "rights_lost"


class Outcome(StrEnum):
    """What came of an attempt to deliver a message."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    ADDRESS_REFUSED = "address_refused"
    WITHHELD = "withheld"


def _of_webhook() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "webhook_id"], ["webhooks.tenant_id", "webhooks.id"], ondelete="CASCADE")


class Webhook(Versioned, table=True):
    """An endpoint, and which events of one organization and its subtree it gets.

    Its creator must be able to see an event when it is sent: the principal, and where there was one, with the key.

    Attributes:
        event_types: only these; None: all.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "key_id"], ["api_keys.tenant_id", "api_keys.id"]),
        Index("ix_webhooks_organization", "tenant_id", "organization_id"),
        Index("ix_webhooks_principal", "tenant_id", "principal_id"),
        Index("ix_webhooks_key", "tenant_id", "key_id"),
        Index("ix_webhooks_updated", "tenant_id", "updated_at", "id"),
        Index("ix_webhooks_enabled", "tenant_id", "id", postgresql_where="enabled"),
    )

    organization_id: UUID
    principal_id: UUID
    key_id: UUID | None = None
    url: str = Field(max_length=2_000)
    description: str | None = Field(default=None, max_length=500)
    event_types: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    enabled: bool = True
    disabled_reason: DisabledReason | None = Field(default=None, sa_type=choice(DisabledReason, "disabled_reason"))
    disabled_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class WebhookSecret(Record, table=True):
    """A secret that signs the messages of a webhook. It is stored as it is, because signing needs it.

    A secret that a rotation replaced has an end; until then both sign.
    """

    __tablename__ = "webhook_secrets"
    __table_args__ = (
        _of_webhook(),
        Index("ix_webhook_secrets_webhook", "tenant_id", "webhook_id"),
        Index("uq_webhook_secrets_present", "tenant_id", "webhook_id", unique=True, postgresql_where="ends_at is null"),
    )

    webhook_id: UUID
    secret: bytes = Field(sa_type=LargeBinary)
    ends_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class WebhookCursor(SQLModel, table=True):
    """How far the feed was turned into messages. The lock of the row decides which process does so.

    Attributes:
        replay_position, replay_until: the same for a replay; both None: there is none.
        failing_since: the first of the failures that followed each other without a success or a long pause.
        failed_at: the last of them.
    """

    __tablename__ = "webhook_cursors"
    __table_args__ = (_of_webhook(),)

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    webhook_id: UUID = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger)
    replay_position: int | None = Field(default=None, sa_type=BigInteger)
    replay_until: int | None = Field(default=None, sa_type=BigInteger)
    failing_since: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    failed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class WebhookMessage(SQLModel, table=True):
    """An event that has yet to reach an endpoint."""

    __tablename__ = "webhook_messages"
    __table_args__ = (
        _of_webhook(),
        Index("ix_webhook_messages_subject", "tenant_id", "webhook_id", "subject_id", "position"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    webhook_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    event_id: UUID
    event_type: str = Field(max_length=100)
    subject_id: UUID


class WebhookQueue(SQLModel, table=True):
    """The messages of one endpoint about one thing, sent one after the other.

    ``due_at`` and ``held_until`` are instants of the database's clock, because several processes compare them.

    Attributes:
        position: the message that ``attempt`` counts the attempts of.
    """

    __tablename__ = "webhook_queues"
    __table_args__ = (_of_webhook(), Index("ix_webhook_queues_due", "tenant_id", "webhook_id", "due_at"))

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    webhook_id: UUID = Field(primary_key=True)
    subject_id: UUID = Field(primary_key=True)
    due_at: datetime = Field(sa_type=DateTime(timezone=True))
    position: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int = 0
    held_by: UUID | None = None
    held_until: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class WebhookLeftover(SQLModel, table=True):
    """A webhook that was deleted and has a log that is yet to be purged."""

    __tablename__ = "webhook_leftovers"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    webhook_id: UUID = Field(primary_key=True)


class WebhookDelivery(Record, table=True):
    """An attempt to deliver a message, at ``created_at``. It outlives its webhook until it is purged."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook", "tenant_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_event", "tenant_id", "webhook_id", "event_id", "id"),
        Index("ix_webhook_deliveries_outcome", "tenant_id", "webhook_id", "outcome", "id"),
        Index("ix_webhook_deliveries_created", "tenant_id", "created_at"),
    )

    webhook_id: UUID
    event_id: UUID
    event_type: str = Field(max_length=100)
    attempt: int
    outcome: Outcome = Field(sa_type=choice(Outcome, "outcome"))
    status_code: int | None = None
    duration_ms: int
    next_attempt_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
