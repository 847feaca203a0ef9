"""Tenants and their organizations."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    select,
)
from sqlalchemy.orm import aliased, column_property
from sqlmodel import Field, SQLModel, col

from app.db.base import Record, Versioned, choice, folded, now
from app.db.ids import uuid7


class Tenant(SQLModel, table=True):
    """A customer. No tenant sees the data of another."""

    __tablename__ = "tenants"
    __table_args__ = (UniqueConstraint("slug"),)

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    slug: str = Field(max_length=63)
    name: str = Field(max_length=200)
    secret: bytes = Field(
        sa_type=LargeBinary, description="32 random bytes; signs cursors and keys the digests of readiness."
    )
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

    What a node has from the nodes above it is stored in `OrganizationPlace` and readable here: its ``path``, its
    ``depth``, its ``effective_timezone`` and the organization it is ``archived_by_id``.
    """

    __tablename__ = "organizations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "parent_id"], ["organizations.tenant_id", "organizations.id"]),
        Index("ix_organizations_parent", "tenant_id", "parent_id", "id"),
        Index("ix_organizations_updated", "tenant_id", "updated_at", "id"),
        Index("ix_organizations_name", "tenant_id", "name_key", "id"),
        Index("uq_organizations_root", "tenant_id", unique=True, postgresql_where="parent_id is null"),
    )

    parent_id: UUID | None = Field(default=None)
    kind: OrganizationKind = Field(sa_type=choice(OrganizationKind, "kind"))
    name: str = Field(max_length=200)
    name_key: str = folded()
    staff_count: int | None = None
    timezone: str | None = Field(default=None, max_length=64, description="None: the parent's; at the root, UTC.")
    archived_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    path: ClassVar[str]
    depth: ClassVar[int]
    archived_by_id: ClassVar[UUID | None]
    effective_timezone: ClassVar[str]


class OrganizationPlace(SQLModel, table=True):
    """The position of an organization in the tree, and what it inherits from those above it.

    These rows repeat what the organizations say (`app.tree.places` keeps them true), in a table that no other row
    refers to and no other write locks. So a large subtree moves in one long transaction while others write in it.

    ``path`` lists the node's ancestors and itself, one segment a level, each ended by a dot; compared byte by byte
    (collation "C") a subtree is one range of it. ``archived_by_id`` is the nearest archived organization, from the
    node upwards. ``timezone_from_id`` is the nearest one that names a time zone; the root where none does.
    """

    __tablename__ = "organization_places"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "path"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    organization_id: UUID = Field(primary_key=True)
    path: str = Field(sa_type=Text(collation="C"))
    depth: int
    archived_by_id: UUID | None = None
    timezone_from_id: UUID


_Zone = aliased(Organization, name="zone")


def _of_place(value: Any, name: str, *joined: Any) -> Any:
    found = select(value).where(
        col(OrganizationPlace.tenant_id) == col(Organization.tenant_id),
        col(OrganizationPlace.organization_id) == col(Organization.id),
        *joined,
    )
    return column_property(found.correlate_except(OrganizationPlace, _Zone).scalar_subquery().label(name))


Organization.path = _of_place(col(OrganizationPlace.path), "path")
Organization.depth = _of_place(col(OrganizationPlace.depth), "depth")
Organization.archived_by_id = _of_place(col(OrganizationPlace.archived_by_id), "archived_by_id")
Organization.effective_timezone = _of_place(
    func.coalesce(col(_Zone.timezone), literal_column("'UTC'", Text)),
    "effective_timezone",
    col(_Zone.tenant_id) == col(OrganizationPlace.tenant_id),
    col(_Zone.id) == col(OrganizationPlace.timezone_from_id),
)


class OrganizationExternalId(SQLModel, table=True):
    """The id of an organization in another system."""

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
    """A move of an organization and its subtree to another parent: who, when and why.

    These rows and the creation dates of organizations determine the tree of any day (see `app.tree.history`). Of one
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
