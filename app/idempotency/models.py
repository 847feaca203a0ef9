"""The table of answered POSTs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class IdempotencyKey(SQLModel, table=True):
    """A principal's key, the hash of its request and, once answered, the response."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created", "tenant_id", "created_at"),)

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    principal_id: UUID = Field(primary_key=True)
    key: str = Field(primary_key=True, max_length=200)
    request_hash: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=DateTime(timezone=True))
    status: int | None = None
    headers: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    body: bytes | None = Field(default=None, sa_type=LargeBinary)
