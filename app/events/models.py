"""The event feed's rows and the audit trail's."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Text, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.db.base import SET_BY_DATABASE, Record, set_by_database

_SET_BY_DATABASE: Any = {"info": {SET_BY_DATABASE: True}}


class OutboxEvent(Record, table=True):
    """An entry of the event feed. Its ``position`` is assigned after the commit, so that the feed has no gaps."""

    __tablename__ = "outbox_events"
    __table_args__ = (
        Index("uq_outbox_events_position", "tenant_id", "position", unique=True),
        Index("ix_outbox_events_waiting", "tenant_id", "id", postgresql_where="position is null"),
    )

    type: str = Field(max_length=100)
    subject_type: str = Field(max_length=60)
    subject_id: UUID
    organization_id: UUID | None = None
    request_id: str = Field(max_length=100)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    position: int | None = Field(default=None, sa_type=BigInteger, sa_column_kwargs=_SET_BY_DATABASE)
    recorded_at: datetime | None = set_by_database(
        "clock_timestamp()",
        "When the row was inserted. Of two changes of one object the later row is inserted later, whatever the clocks "
        "of the processes that made them.",
    )


class EventFeed(SQLModel, table=True):
    """The feed of a tenant. The lock of its row decides which process gives positions to events."""

    __tablename__ = "event_feeds"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    position: int = Field(default=0, sa_type=BigInteger, description="The position of the last event.")
    purged: int = Field(default=0, sa_type=BigInteger, description="The position of the last event that was removed.")


class AuditEvent(Record, table=True):
    """An entry of the audit trail, dated by the database. Its ``seal`` chains the rows, after the commit.

    Entries about votes are ``hidden``: they have a separate chain, and nothing over HTTP depends on them.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_subject", "tenant_id", "subject_id", "id"),
        Index("ix_audit_events_waiting", "tenant_id", "id", postgresql_where="seal is null"),
        Index("ix_audit_events_created", "tenant_id", "created_at", "id", postgresql_where="not hidden"),
        Index("uq_audit_events_sequence", "tenant_id", "hidden", "sequence", unique=True),
    )

    actor_id: UUID | None = None
    actor_kind: str = Field(max_length=20)
    action: str = Field(max_length=100)
    operation: str | None = Field(default=None, max_length=60)
    outcome: str = Field(max_length=20)
    code: str | None = Field(default=None, max_length=100)
    subject_type: str = Field(max_length=60)
    subject_id: UUID | None = None
    organization_id: UUID | None = None
    request_id: str = Field(max_length=100)
    source_address: str | None = Field(default=None, max_length=64)
    source_ref: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    changes: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    hidden: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    recorded_at: datetime | None = set_by_database("clock_timestamp()", "When the row was inserted.")
    created_at: datetime = Field(
        sa_type=DateTime(timezone=True),
        sa_column_kwargs={"server_default": text("clock_timestamp()"), **_SET_BY_DATABASE},
    )
    sequence: int | None = Field(default=None, sa_type=BigInteger, sa_column_kwargs=_SET_BY_DATABASE)
    sealed_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs=_SET_BY_DATABASE)
    seal: bytes | None = Field(default=None, sa_type=LargeBinary, sa_column_kwargs=_SET_BY_DATABASE)


class AuditValue(Record, table=True):
    """A personal value of an audit row, which refers to it and has its digest. Erasing empties it."""

    __tablename__ = "audit_values"
    __table_args__ = (
        Index("ix_audit_values_event", "tenant_id", "audit_event_id"),
        Index("ix_audit_values_person", "tenant_id", "person_id", postgresql_where="person_id is not null"),
    )

    audit_event_id: UUID
    person_id: UUID | None = None
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
    value: str | None = Field(default=None, sa_type=Text)
    erased_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class AuditChain(SQLModel, table=True):
    """The head of a chain of audit rows. The lock of its row decides which process seals."""

    __tablename__ = "audit_chains"

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    hidden: bool = Field(primary_key=True)
    sequence: int = Field(default=0, sa_type=BigInteger)
    seal: bytes = Field(sa_type=LargeBinary)
