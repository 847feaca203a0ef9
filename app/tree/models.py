"""Tenants and their organizations."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.db.base import Record, Versioned, choice, folded, now
from app.db.ids import uuid7


class Tenant(SQLModel, table=True):
    """A customer: everything below it is invisible to every other."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("slug"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    slug: str = Field(max_length=63)
    name: str = Field(max_length=200)
    secret: bytes = Field(sa_type=LargeBinary, description="32 random bytes; signs cursors.")
    created_at: datetime = Field(default_factory=now, sa_type=DateTime(timezone=True))


class OrganizationKind(StrEnum):
    """What an organization is in its tree."""

    STATE = "state"
    AGENCY = "agency"
    REGION = "region"
    COUNTY = "county"
    DISTRICT = "district"
    SITE = "site"
    TEAM = "team"
    TA_CENTER = "ta_center"


class Organization(Versioned, table=True):
    """A node of the tenant's one tree.

    ``path`` lists the node's ancestors and itself, one segment a level, each ended by a dot; compared byte by byte
    (collation "C") a subtree is one range of it.
    """

    __tablename__ = "organizations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["organizations.tenant_id", "organizations.id"]),
        UniqueConstraint("tenant_id", "path"),
        Index("ix_organizations_parent", "tenant_id", "parent_id", "id"),
        Index("ix_organizations_updated", "tenant_id", "updated_at", "id"),
        Index("ix_organizations_name", "tenant_id", "name_key", "id"),
        Index("uq_organizations_root", "tenant_id", unique=True, postgresql_where="parent_id is null"),
        CheckConstraint("(parent_id is null) = (depth = 0)", name="root_depth"),
    )

    parent_id: UUID | None = Field(default=None)
    kind: OrganizationKind = Field(sa_type=choice(OrganizationKind, "kind"))
    name: str = Field(max_length=200)
    name_key: str = folded()
    path: str = Field(sa_type=Text(collation="C"))
    depth: int
    staff_count: int | None = None
    timezone: str = Field(default="UTC", max_length=64)
    archived_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class OrganizationExternalId(SQLModel, table=True):
    """What another system calls an organization."""

    __tablename__ = "organization_external_ids"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        Index("ix_organization_external_ids_organization", "tenant_id", "organization_id"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    source: str = Field(primary_key=True, max_length=100)
    external_id: str = Field(primary_key=True, max_length=200)
    organization_id: UUID


class OrganizationMove(Record, table=True):
    """An organization came below another parent, with everything below it: who, when, why.

    With each organization's creation these rows tell the tree of any day (see `app.tree.history`). Of one
    organization neither ``moved_on`` nor ``id`` ever goes back.
    """

    __tablename__ = "organization_moves"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "from_parent_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "to_parent_id"], ["organizations.tenant_id", "organizations.id"]),
        Index("ix_organization_moves_organization", "tenant_id", "organization_id", "moved_on", "id"),
        Index("ix_organization_moves_from", "tenant_id", "from_parent_id"),
        Index("ix_organization_moves_to", "tenant_id", "to_parent_id"),
        Index("ix_organization_moves_day", "tenant_id", "moved_on"),
    )

    organization_id: UUID
    from_parent_id: UUID
    to_parent_id: UUID
    moved_on: date
    reason: str | None = Field(default=None, max_length=10_000)
    actor_id: UUID
    actor_name: str = Field(max_length=200)
