"""The table of calendar feeds."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary
from sqlmodel import Field

from app.db.base import Versioned


class CalendarFeed(Versioned, table=True):
    """A feed of the due dates of one organization and its subtree, for who knows its token.

    It shows what its creator can read when it is fetched: the principal, and where there was one, with the key.

    Attributes:
        own_only: only items of the person that the creator stands for.
        owner_id: only items of this person; None: of everybody, unless ``own_only`` is set.
        token_hash: the SHA-256 of the token's secret.
    """

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "key_id"], ["api_keys.tenant_id", "api_keys.id"]),
        ForeignKeyConstraint(["tenant_id", "owner_id"], ["people.tenant_id", "people.id"]),
        Index("uq_calendar_feeds_token", "tenant_id", "token_hash", unique=True),
        Index("ix_calendar_feeds_organization", "tenant_id", "organization_id"),
        Index("ix_calendar_feeds_principal", "tenant_id", "principal_id"),
        Index("ix_calendar_feeds_key", "tenant_id", "key_id"),
        Index("ix_calendar_feeds_owner", "tenant_id", "owner_id", postgresql_where="owner_id is not null"),
        Index("ix_calendar_feeds_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    principal_id: UUID
    key_id: UUID | None = None
    name: str = Field(max_length=200)
    own_only: bool = False
    owner_id: UUID | None = None
    token_hash: bytes = Field(sa_type=LargeBinary)
