"""The people whom action items and seats name."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field

from app.db.base import Versioned, folded


class Person(Versioned, table=True):
    """A person who works in an organization, with only what is needed to own work."""

    __tablename__ = "people"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        Index("ix_people_organization", "tenant_id", "organization_id"),
        Index("ix_people_name", "tenant_id", "name_key", "id"),
        Index("ix_people_updated", "tenant_id", "updated_at", "id"),
    )

    organization_id: UUID
    name: str = Field(max_length=200)
    name_key: str = folded()
    active: bool = True
