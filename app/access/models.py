"""Principals, their credentials and their grants."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlmodel import Field, SQLModel

from app.db.base import Versioned, choice, now
from app.principal import Role


class PrincipalKind(StrEnum):
    """Who can hold roles. Rows of earlier releases say `api_key`, which means a machine."""

    PERSON = "person"
    MACHINE = "machine"


class PrincipalRecord(Versioned, table=True):
    """A person or a machine that can hold roles.

    Its organization decides who manages it; none means the root, as in rows of earlier releases.
    """

    __tablename__ = "principals"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        ForeignKeyConstraint(["tenant_id", "person_id"], ["people.tenant_id", "people.id"]),
        Index("ix_principals_organization", "tenant_id", "organization_id"),
        Index("ix_principals_updated", "tenant_id", "updated_at", "id"),
        Index("uq_principals_person", "tenant_id", "person_id", unique=True, postgresql_where="person_id is not null"),
    )

    updated_at: datetime = Field(
        default_factory=now, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    version: int = Field(default=1, nullable=False, sa_column_kwargs={"server_default": text("1")})
    kind: str = Field(max_length=20)
    name: str = Field(max_length=200)
    organization_id: UUID | None = None
    person_id: UUID | None = None
    deactivated_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ApiKey(Versioned, table=True):
    """A credential of a principal; only the SHA-256 of its secret is stored.

    A key of an earlier release has no name; its principal's name stands for it. Without allowed networks it may be
    used from everywhere. ``last_used_at`` is no change of the key: it leaves the version alone. ``maker_id`` is the
    person who made the present secret or took over the key; None where an operator did.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "maker_id"], ["people.tenant_id", "people.id"]),
        UniqueConstraint("tenant_id", "secret_hash"),
        Index("ix_api_keys_maker", "tenant_id", "maker_id"),
        Index("ix_api_keys_principal", "tenant_id", "principal_id"),
        Index("ix_api_keys_updated", "tenant_id", "updated_at", "id"),
    )

    principal_id: UUID
    maker_id: UUID | None = None
    name: str | None = Field(default=None, max_length=200)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    allowed_networks: list[str] = Field(
        default_factory=list,
        sa_type=ARRAY(Text),
        nullable=False,
        sa_column_kwargs={"server_default": text("'{}'::text[]")},
    )
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    last_used_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class FormerKeySecret(SQLModel, table=True):
    """A secret that a rotation replaced, and that works until ``ends_at``. ``maker_id`` is that of `ApiKey`."""

    __tablename__ = "former_key_secrets"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "key_id"], ["api_keys.tenant_id", "api_keys.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "maker_id"], ["people.tenant_id", "people.id"]),
        Index("ix_former_key_secrets_key", "tenant_id", "key_id"),
        Index("ix_former_key_secrets_maker", "tenant_id", "maker_id"),
    )

    tenant_id: UUID = Field(primary_key=True, foreign_key="tenants.id")
    secret_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    key_id: UUID
    maker_id: UUID | None = None
    ends_at: datetime = Field(sa_type=DateTime(timezone=True))


class RoleGrant(Versioned, table=True):
    """A role of a principal on an organization and everything below it, for a period.

    Without ``starts_at`` it holds since it was created, without ``ends_at`` it does not end.
    """

    __tablename__ = "role_grants"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "principal_id"], ["principals.tenant_id", "principals.id"]),
        ForeignKeyConstraint(["tenant_id", "organization_id"], ["organizations.tenant_id", "organizations.id"]),
        UniqueConstraint("tenant_id", "principal_id", "organization_id", "role"),
        CheckConstraint("ends_at > starts_at", name="period"),
        Index("ix_role_grants_organization", "tenant_id", "organization_id"),
        Index("ix_role_grants_updated", "tenant_id", "updated_at", "id"),
    )

    updated_at: datetime = Field(
        default_factory=now, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()}
    )
    version: int = Field(default=1, nullable=False, sa_column_kwargs={"server_default": text("1")})
    principal_id: UUID
    organization_id: UUID
    role: Role = Field(sa_type=choice(Role, "role"))
    starts_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    ends_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
