"""Principals, their credentials and their grants."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from app.db.base import Record, Versioned, choice
from app.principal import Role


class PrincipalRecord(Record, table=True):
    """A person or a system that can hold roles."""

    __tablename__ = "principals"

    kind: str = Field(max_length=20)
    name: str = Field(max_length=200)


class ApiKey(Versioned, table=True):
    """A credential of a principal; only the SHA-256 of its secret is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_api_keys_principal", "tenant_id", "principal_id"),
    )

    principal_id: UUID
    secret_hash: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class RoleGrant(Record, table=True):
    """A role of a principal on an organization and everything below it."""

    __tablename__ = "role_grants"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        UniqueConstraint("tenant_id", "principal_id", "organization_id", "role"),
        Index("ix_role_grants_organization", "tenant_id", "organization_id"),
    )

    principal_id: UUID
    organization_id: UUID
    role: Role = Field(sa_type=choice(Role, "role"))
