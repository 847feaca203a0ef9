"""The tokens of identity providers."""

from datetime import datetime

from sqlalchemy import DateTime, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from app.db.base import Versioned


class ScimToken(Versioned, table=True):
    """A credential of the tenant's identity provider; only the SHA-256 of its secret is stored."""

    __tablename__ = "scim_tokens"
    __table_args__ = (
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_scim_tokens_updated", "tenant_id", "updated_at", "id"),
    )

    name: str = Field(max_length=200)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
